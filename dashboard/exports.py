"""Files that take a while: made aside, with progress, and kept for a quarter of an hour.

Each belongs to the person who asked for it. They lie in the data folder, readable by its owner
only, and none survives a restart.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from hazard.errors import HazardError

log = structlog.get_logger(__name__)

KEPT = timedelta(minutes=15)
AT_ONCE = 2
PER_PERSON = 3
"""Files that one person may have under way."""
MOST = 40
"""Files in all; nobody fills the disk with them."""
FAILED = "it could not be made: see the dashboard's log on the box, and ask again"

Tell = Callable[[float], None]
"""How far it is, 0 to 1."""


class ExportState(StrEnum):
    """Where a file stands."""

    MAKING = "making"
    DONE = "done"
    FAILED = "failed"


class TooMany(HazardError):  # noqa: N818 - named for what it says
    """Too many files are being made."""


@dataclass(slots=True)
class Export:
    """One file.

    Attributes:
        name: as it is called where it is saved.
        why: why it has failed, in words.
    """

    export_id: str
    account_id: str
    subject: str
    name: str
    media_type: str
    path: Path
    asked_at: datetime
    state: ExportState = ExportState.MAKING
    progress: float = 0.0
    why: str = ""
    size_bytes: int = 0


@dataclass(slots=True)
class Exports:
    """Makes files in threads of its own. Safe to call from any thread."""

    folder: Path
    now: Callable[[], datetime]
    _known: dict[str, Export] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor | None = None

    def start(
        self,
        account_id: str,
        subject: str,
        *,
        name: str,
        media_type: str,
        make: Callable[[Path, Tell], None],
    ) -> Export:
        """Begin to make a file; `make` writes it to the path that it is given.

        Raises:
            TooMany: if this person has too many under way, or there are too many in all.
            OSError: if the folder cannot be made.
        """
        self._forget()
        with self._guard:
            mine = [e for e in self._known.values() if e.account_id == account_id]
            making = [e for e in mine if e.state is ExportState.MAKING]
            if len(making) >= PER_PERSON or len(self._known) >= MOST:
                raise TooMany("too many files are being made: wait until one is done, then repeat")
            if self._pool is None:
                shutil.rmtree(self.folder, ignore_errors=True)  # of an earlier process
                self.folder.mkdir(mode=0o700, parents=True)
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")
            export_id = secrets.token_urlsafe(18)
            export = Export(
                export_id=export_id,
                account_id=account_id,
                subject=subject,
                name=name,
                media_type=media_type,
                path=self.folder / export_id,
                asked_at=self.now(),
            )
            self._known[export_id] = export
            self._pool.submit(self._make, export, make)
        return export

    def of(self, export_id: str, account_id: str) -> Export | None:
        """This person's file of that id, if it is still kept."""
        self._forget()
        with self._guard:
            found = self._known.get(export_id)
        return found if found is not None and found.account_id == account_id else None

    def close(self) -> None:
        """End, and remove all files."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self, export: Export, make: Callable[[Path, Tell], None]) -> None:
        def tell(share: float) -> None:
            export.progress = max(0.0, min(1.0, share))

        try:
            make(export.path, tell)
            export.size_bytes = export.path.stat().st_size
        except HazardError as error:
            export.why, export.state = str(error)[:500], ExportState.FAILED
        except Exception:
            log.exception("dashboard.export_failed", subject=export.subject, name=export.name)
            export.why, export.state = FAILED, ExportState.FAILED
        else:
            export.progress, export.state = 1.0, ExportState.DONE

    def _forget(self) -> None:
        oldest = self.now() - KEPT
        with self._guard:
            gone = [
                e
                for e in self._known.values()
                if e.asked_at < oldest and e.state is not ExportState.MAKING
            ]
            for export in gone:
                del self._known[export.export_id]
                export.path.unlink(missing_ok=True)
