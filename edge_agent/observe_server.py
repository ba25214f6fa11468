"""The HTTP side of the metrics: `/metrics`, `/livez`, `/readyz` and `/readyz/STAGE`.

`/livez` says whether the core's loop goes round: what to restart a container by. `/readyz` says
whether every stage is ready, `/readyz/STAGE` whether that one is (`/readyz/mqtt/plant`): what to
raise an alarm in the plant's own monitoring by. Both read what the core last said; where it has
said nothing for `SILENT_AFTER_S`, the answer is unknown, which is never ready.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from hazard.types import Health, StageHealth

SILENT_AFTER_S = 5.0

StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the core last said of its stages, and when (CLOCK_MONOTONIC, seconds)."""

    stages: tuple[StageHealth, ...]
    at_s: float


class Probes:
    """What `/livez` and `/readyz` answer. Safe to call from any thread.

    Args:
        clock_s: CLOCK_MONOTONIC in seconds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._beat_s: float | None = None
        self._said: _Said | None = None

    def beat(self) -> None:
        """The core's loop has gone round."""
        self._beat_s = self._clock_s()

    def said(self, stages: Sequence[StageHealth]) -> None:
        """All stages as they are now."""
        self._said = _Said(tuple(stages), self._clock_s())

    def live(self) -> tuple[HTTPStatus, dict[str, Any]]:
        """Whether the loop goes round."""
        silent_s = None if self._beat_s is None else self._clock_s() - self._beat_s
        alive = silent_s is not None and silent_s < SILENT_AFTER_S
        status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        return status, {"alive": alive, "silent_s": silent_s and round(silent_s, 1)}

    def ready(self, stage: str = "") -> tuple[HTTPStatus, dict[str, Any]]:
        """Whether all stages are ready, or the one that is named."""
        said = self._said
        if said is None or self._clock_s() - said.at_s > SILENT_AFTER_S:
            reason = "the core has said nothing of its stages for some seconds"
            return HTTPStatus.SERVICE_UNAVAILABLE, {"ready": False, "health": "unknown"} | {
                "reason": reason
            }
        named = [each for each in said.stages if not stage or each.stage == stage]
        if stage and not named:
            known = ", ".join(each.stage for each in said.stages)
            return HTTPStatus.NOT_FOUND, {"reason": f"no such stage: known are {known}"}
        ready = all(each.health is Health.READY for each in named)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, {
            "ready": ready,
            "stages": {
                each.stage: {"health": each.health.value, "reason": each.reason} for each in named
            },
        }


class ObserveServer:
    """Serves metrics and probes on one port until it is stopped.

    Raises:
        OSError: if the port cannot be had.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, probes: Probes) -> None:
        self._metrics = make_wsgi_app(registry)
        self._probes = probes
        self._server: WSGIServer = make_server(
            host, port, self._answer, ThreadingWSGIServer, handler_class=_Quiet
        )
        self.address = self._server.server_address[:2]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="observe", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = unquote(environ.get("PATH_INFO", "/")).rstrip("/")
        if path == "/metrics":
            metrics: Any = self._metrics
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        if path == "/livez":
            return _json(start, *self._probes.live())
        if path == "/readyz" or path.startswith("/readyz/"):
            return _json(start, *self._probes.ready(path.removeprefix("/readyz").lstrip("/")))
        known = {"reason": "known are /metrics, /livez, /readyz and /readyz/STAGE"}
        return _json(start, HTTPStatus.NOT_FOUND, known)


class _Quiet(WSGIRequestHandler):
    """Logs nothing: a scrape each few seconds is no news."""

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


def _json(start: StartResponse, status: HTTPStatus, value: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(value).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start(f"{status.value} {status.phrase}", headers)
    return [body]
