"""Short writing transactions, one at a time within a process.

Waiting for a lock of this process is a plain lock with a time limit; waiting for another process
is left to the database (`busy_timeout`, `lock_timeout`), within the same limit. Either gives a
StoreUnavailable that says what to do, never an endless wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hazard.errors import StoreError

SHORTEST_WAIT_MS = 5


class Trouble(StrEnum):
    """What ails a database, so far as its own words tell."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"
    OTHER = "other"


class StoreUnavailable(StoreError):  # noqa: N818 - named for what it says
    """The database cannot be written now (locked, full, failing); later it may be again.

    Attributes:
        trouble: what ails it.
    """

    def __init__(self, message: str, trouble: Trouble = Trouble.OTHER) -> None:
        super().__init__(message)
        self.trouble = trouble


class Writer:
    """Gives out writing transactions on one engine.

    `lock` is shared by all writers of one process on one database; `wait_ms` is how long each of
    this one's transactions waits for it and for the database.
    """

    def __init__(self, engine: Engine, lock: threading.Lock, wait_ms: int) -> None:
        self.engine = engine
        self._lock = lock
        self.wait_ms = wait_ms

    @contextmanager
    def transaction(self, *, wait_ms: int | None = None) -> Iterator[Connection]:
        """A writing transaction: committed at the end of the block, rolled back by any error.

        Raises:
            StoreUnavailable: if the lock was not had in time, the disk is full, or it fails.
            StoreError: if what was written breaks a rule of the schema.
        """
        limit_ms = self.wait_ms if wait_ms is None else wait_ms
        start = time.monotonic()
        if not self._lock.acquire(timeout=limit_ms / 1000):
            raise StoreUnavailable(
                f"the store was busy in this process for {limit_ms} ms", Trouble.LOCKED
            )
        try:
            left_ms = max(SHORTEST_WAIT_MS, limit_ms - int((time.monotonic() - start) * 1000))
            with self.engine.execution_options(writer=True, busy_ms=left_ms).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise store_error(error) from error
        except PoolTimeoutError as error:
            raise StoreUnavailable(f"no connection to the store was free: {error}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"the store failed: {error}") from error
        finally:
            self._lock.release()


_SIGNS = (
    (Trouble.LOCKED, ("locked", "lock timeout")),
    (Trouble.FULL, ("full", "no space")),
    (Trouble.READ_ONLY, ("readonly", "read-only")),
    (Trouble.DAMAGED, ("malformed", "not a database")),
    (Trouble.UNREACHABLE, ("unable to open", "disk i/o")),
)
_MENDS = {
    Trouble.LOCKED: "another program holds the database's lock: end it, or wait",
    Trouble.FULL: "free space on the disk of the data folder; evidence is pruned first",
    Trouble.READ_ONLY: "make the data folder writable for the user of this service",
    Trouble.DAMAGED: "the file is damaged: stop, and put back the newest backup",
    Trouble.UNREACHABLE: "check disk, free space and rights of the data folder",
    Trouble.OTHER: "see the database and its log",
}


def trouble_of(error: DBAPIError) -> Trouble:
    """What ails the database that says this."""
    lowered = str(error.orig).lower()
    found = (trouble for trouble, signs in _SIGNS if any(sign in lowered for sign in signs))
    return next(found, Trouble.OTHER)


def store_error(error: DBAPIError) -> StoreError:
    """The database's error in words, with the mend."""
    text = str(error.orig).strip()
    if isinstance(error, IntegrityError | ProgrammingError):
        return StoreError(f"the store refused a row ({text}): this is a fault of the program")
    trouble = trouble_of(error)
    return StoreUnavailable(f"the store could not be written ({text}): {_MENDS[trouble]}", trouble)
