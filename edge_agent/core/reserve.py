"""Room on the disk that is given back when the database cannot be opened for want of it.

A database that was closed cleanly needs a little room to be opened again, and a box that is
started with a full disk must raise alarms all the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import structlog

RESERVE_BYTES = 2_000_000
"""Some hundred times what SQLite needs to open; then alerts go to the journal."""
FREE_FOR_RESERVE = 10
"""It is only made where the disk has so many times its size free."""

log = structlog.get_logger()


class Reserve:
    """A file of `RESERVE_BYTES` beside the database."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "reserve"

    def keep(self) -> None:
        """Make the file if it is not there and the disk has room."""
        try:
            free = shutil.disk_usage(self._path.parent).free
            if self._path.exists() or free < FREE_FOR_RESERVE * RESERVE_BYTES:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("reserve.not_made", error=str(error))
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the room back; False if there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.warning("reserve.released", bytes=RESERVE_BYTES)
        return True
