"""`python -m dashboard` serves; `python -m dashboard login-code` prints a fresh one-time code."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import sys
from datetime import UTC, datetime
from types import FrameType

import uvicorn

from dashboard.app import create_app
from dashboard.backend import Backend, open_backend
from dashboard.replica import open_replica
from dashboard.services import Services
from dashboard.settings import Settings, SiteFile
from hazard.errors import ConfigError, StoreError
from hazard.logs import configure_logging

USAGE = 2
PORT_TAKEN = 3
STORE_FAILED = 4
CONFIG_WRONG = 5
CLOSE_WITHIN_S = 2


class _Server(uvicorn.Server):
    """Ends the browsers' streams first, so that a signal ends the process at once."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End all streams, then the server."""
        self._services.hub.close()
        super().handle_exit(sig, frame)


def main(arguments: list[str]) -> int:
    """Run one of the two commands; gives the exit code."""
    if arguments not in ([], ["login-code"]):
        _say("usage: python -m dashboard [login-code]")
        return USAGE
    try:
        settings = Settings.from_environment()
        if arguments:
            return _print_code(settings)
        configure_logging("dashboard")
        return _serve(settings)
    except ConfigError as error:
        _say(str(error))
        return CONFIG_WRONG
    except StoreError as error:
        _say(f"the dashboard cannot use {settings.shown_database}: {error}")
        return STORE_FAILED


def _print_code(settings: Settings) -> int:
    backend = _open(settings)
    try:
        print(backend.people.logins.new_code(datetime.now(UTC)), flush=True)  # noqa: T201 - what it is for
    finally:
        backend.close()
    return 0


def _serve(settings: Settings) -> int:
    site_file = SiteFile(settings.site_file)
    site = site_file.current().dashboard
    host = settings.host if settings.host is not None else site.host
    port = settings.port if settings.port is not None else site.port
    try:
        listener = _listen(host, port)
    except OSError as error:
        # The supervisor sets both variables: they say something of their own where they differ.
        by_file = (host, port) == (site.host, site.port)
        _say(_why_not(error, host, port, by_file=by_file))
        return PORT_TAKEN
    backend = _open(settings, site_file)
    try:
        app = create_app(settings, backend)
        code = backend.people.logins.new_code(datetime.now(UTC))
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"
        # Where the disk is full on which this would lie, `login-code` prints another.
        with contextlib.suppress(OSError):
            print(f"Dashboard: {address}  one-time code: {code}", flush=True)  # noqa: T201
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=settings.forwarded_by is not None,
            forwarded_allow_ips=settings.forwarded_by or "",
            timeout_graceful_shutdown=CLOSE_WITHIN_S,
            limit_concurrency=1000,
        )
        _Server(config, app.state.services).run(sockets=[listener])
    finally:
        backend.close()
        listener.close()
    return 0


def _open(settings: Settings, site_file: SiteFile | None = None) -> Backend:
    # The node's own database needs no site file: a way in is printed though that file is broken.
    if settings.replica_url is None:
        return open_backend(settings.database)
    return open_replica(settings.replica_url, (site_file or SiteFile(settings.site_file)).current)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(error: OSError, host: str, port: int, *, by_file: bool) -> str:
    if error.errno == errno.EADDRINUSE:
        name = "dashboard.port" if by_file else "HAZARD_DASHBOARD_PORT"
        mend = "set another dashboard.port in the site file" if by_file else "set another"
        return (
            f"{name}: {port} on {host} is taken by another program: "
            f"end it, or {mend} (0 takes any free one)"
        )
    name, mend = ("dashboard.host", "the site file") if by_file else ("HAZARD_DASHBOARD_HOST", "it")
    reason = error.strerror or str(error)
    return f"{name}: cannot listen on {host}:{port} ({reason}): correct {mend}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the console is where this goes


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
