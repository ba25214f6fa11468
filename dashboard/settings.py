"""What the dashboard is started with: environment variables and the site file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hazard.errors import ConfigError
from hazard.site.loader import load_site
from hazard.site.models import Site

STALE_AFTER_S = 5.0
"""A stage that has said nothing for this long is UNKNOWN (it reports once a second)."""
REPLICA_STALE_AFTER_S = 15.0
"""The same on a replica, where health is copied each 5 seconds."""
PREVIEW_STALE_AFTER_S = 3.0
"""A preview older than this is marked stale (they are written at most twice a second)."""
ANSWER_WITHIN_S = 2.0
"""The agent core answers an ActionRequest within this time, or the page says that it does not."""
SESSION_S = 12 * 3600.0
"""A session ends after one shift."""
IDLE_S = 3600.0
"""A session that has asked for nothing for this long ends; an open page asks all the time."""
INVITATION_S = 24 * 3600.0
"""The one-time code with which a person sets their own password expires after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things lie and how long things count.

    Attributes:
        site_file: the site file in force.
        data_dir: holds `hazard.db` and `evidence/`.
        run_dir: holds `previews/CAMERA.jpg`.
        host, port: override the site file's where they are not None.
        forwarded_by: address of a reverse proxy whose X-Forwarded headers count, or None.
        stale_after_s: age at which a stage's health is unknown.
        poll_s: how often the database is asked whether anything changed.
        replica_url: address of the PostgreSQL replica that is shown instead of this box's
            database, or None; it may hold a password.
    """

    site_file: Path
    data_dir: Path
    run_dir: Path
    host: str | None = None
    port: int | None = None
    forwarded_by: str | None = None
    stale_after_s: float = STALE_AFTER_S
    poll_s: float = 0.1
    replica_url: str | None = field(default=None, repr=False)

    @property
    def database(self) -> Path:
        """The SQLite file that the agent core writes."""
        return self.data_dir / "hazard.db"

    @property
    def shown_database(self) -> str:
        """Which database is used, for messages: never with a password."""
        return str(self.database) if self.replica_url is None else "the replica"

    @property
    def evidence(self) -> Path:
        """Folder of content-addressed evidence."""
        return self.data_dir / "evidence"

    @property
    def previews(self) -> Path:
        """Folder of the cameras' latest annotated pictures."""
        return self.run_dir / "previews"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the HAZARD_… variables that the supervisor sets.

        Raises:
            ConfigError: if one is missing or is not what it should be.
        """
        port = _number("HAZARD_DASHBOARD_PORT")
        if port is not None and not 0 <= port <= 65535:  # noqa: PLR2004 - the range of TCP ports
            raise ConfigError(f"HAZARD_DASHBOARD_PORT: want a port from 0 to 65535, got {port:g}")
        stale = _number("HAZARD_DASHBOARD_STALE_S")
        if stale is not None and stale <= 0:
            raise ConfigError(f"HAZARD_DASHBOARD_STALE_S: want seconds above 0, got {stale:g}")
        replica_url = os.environ.get("HAZARD_DASHBOARD_DATABASE") or None
        if stale is None:
            stale = STALE_AFTER_S if replica_url is None else REPLICA_STALE_AFTER_S
        return cls(
            site_file=Path(_required("HAZARD_SITE_FILE")),
            data_dir=Path(_required("HAZARD_DATA_DIR")),
            run_dir=Path(_required("HAZARD_RUN_DIR")),
            host=os.environ.get("HAZARD_DASHBOARD_HOST") or None,
            port=None if port is None else int(port),
            forwarded_by=os.environ.get("HAZARD_DASHBOARD_FORWARDED_BY") or None,
            stale_after_s=stale,
            replica_url=replica_url,
        )


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(
            f"{name} is not set: start the dashboard with `hazard run --site site.yaml`, "
            "or set HAZARD_SITE_FILE, HAZARD_DATA_DIR and HAZARD_RUN_DIR"
        )
    return value


def _number(name: str) -> float | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{name}: want a number, got {text[:40]!r}") from error


class SiteFile:
    """The site file, read again when it changes; an invalid new one is not taken up."""

    def __init__(self, path: Path, site: Site | None = None) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._site = site if site is not None else load_site(path)

    def current(self) -> Site:
        """The site in force: the newest valid content of the file."""
        stamp = _stamp(self._path)
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            try:
                self._site = load_site(self._path)
            except ConfigError:
                return self._site
        return self._site


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
