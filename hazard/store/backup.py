"""A copy of a SQLite database beside itself, made before an upgrade and never overwritten.

The copy is written under another name, synced, and only then given its own: a file with that name
is whole, whenever the program was killed.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from hazard.errors import StoreError

ROOM_FACTOR = 3
"""The copy, the upgrade in the write-ahead log, and the database as that makes it grow: each at
most as large as the database is now."""
SPARE_BYTES = 1_000_000
PRIVATE = 0o600


def back_up(database: Path, version: str) -> Path:
    """A consistent copy as `NAME.VERSION.bak`, with what is only in the write-ahead log.

    Where that name is taken by another state of the database, the copy is `NAME.VERSION.2.bak`,
    and so on; the same state is not copied twice.

    Raises:
        StoreError: if the disk has no room for copy and upgrade, or the copy cannot be written.
            Nothing was changed.
    """
    _require_room(database)
    part = database.with_name(f"{database.name}.{version}.bak.part")
    try:
        _copy(database, part)
        return _give_name(database, version, part)
    except (sqlite3.Error, OSError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(
            f"no backup of the database could be written to {part.parent} ({error}): make that "
            "folder writable, with room on its disk; the database was not changed"
        ) from error


def _require_room(database: Path) -> None:
    log = database.with_name(f"{database.name}-wal")
    size = database.stat().st_size + (log.stat().st_size if log.exists() else 0)
    wanted, free = ROOM_FACTOR * size + SPARE_BYTES, shutil.disk_usage(database.parent).free
    if free < wanted:
        raise StoreError(
            f"the database {database} is of an older release, and its backup and upgrade need "
            f"{wanted / 1e6:.0f} MB on its disk, where {free / 1e6:.0f} MB are free: make room; "
            "the database was not changed"
        )


def _copy(database: Path, part: Path) -> None:
    part.unlink(missing_ok=True)  # of a program that was killed while it copied
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    _sync(part)


def _give_name(database: Path, version: str, part: Path) -> Path:
    number, target = 1, database.with_name(f"{database.name}.{version}.bak")
    while target.exists():
        if filecmp.cmp(target, part, shallow=False):
            part.unlink()
            return target
        number += 1
        target = database.with_name(f"{database.name}.{version}.{number}.bak")
    part.rename(target)
    _sync(target.parent)
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
