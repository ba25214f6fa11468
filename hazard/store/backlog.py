"""Units of work that the database could not take in time: kept in the journal until it does.

They are loaded in their order, before anything that is newer. A unit that was in doubt (the commit
went through, and nobody heard of it) is recognised by its revisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from hazard.store.apply import apply
from hazard.store.journal import Journal, JournalRecord
from hazard.store.operations import Operation, WriteRevision
from hazard.store.statements import upsert
from hazard.store.tables import CursorRow, RevisionRow

JOURNAL_CURSOR = "journal"


class Backlog:
    """What waits for the database. Not thread-safe: the store calls it under its lock.

    Attributes:
        refused: changes that the database refused for good, and `refused_why` the last of them.

    Raises:
        StoreError: if the journal's file cannot be made or read.
    """

    def __init__(self, path: Path | None, engine: Engine, now: Callable[[], datetime]) -> None:
        self._now = now
        self._journal = Journal(path) if path is not None else None
        with engine.connect() as connection:
            loaded = _position(connection)
        records = self._journal.records if self._journal is not None else []
        self._records = [record for record in records if record.number > loaded]
        self._number = max([loaded, *(record.number for record in self._records)])
        self.refused, self.refused_why = 0, ""

    @property
    def has_journal(self) -> bool:
        """Whether units can be kept at all."""
        return self._journal is not None

    @property
    def waiting(self) -> int:
        """Units that are not in the database yet."""
        return len(self._records)

    @property
    def operations(self) -> list[Operation]:
        """What they do, in order; waits for no lock."""
        return [operation for record in tuple(self._records) for operation in record.operations]

    def write(self, operations: tuple[Operation, ...]) -> None:
        """Keep a unit, fsynced in the journal.

        Raises:
            OSError: if the disk does not take it; it is not kept.
        """
        record = self._next(operations)
        if self._journal is not None:
            self._journal.append(record)
        self._records.append(record)

    def keep(self, operations: tuple[Operation, ...]) -> None:
        """Keep a unit in memory only, where the journal cannot be written either."""
        self._records.append(self._next(operations))

    def _next(self, operations: tuple[Operation, ...]) -> JournalRecord:
        self._number = max(self._number + 1, time.time_ns())
        return JournalRecord(number=self._number, operations=operations)

    def load(self, connection: Connection) -> None:
        """Write all that waits, in the caller's transaction."""
        if not self._records:
            return
        loaded = _position(connection)
        for record in self._records:
            if record.number > loaded:
                self._load(connection, record)
        upsert(
            connection,
            CursorRow,
            "consumer",
            {
                "consumer": JOURNAL_CURSOR,
                "position": self._records[-1].number,
                "updated_at": self._now(),
            },
        )

    def _load(self, connection: Connection, record: JournalRecord) -> None:
        """Apply a record; what the schema refuses is left out, so that nothing waits behind it."""
        for operation in _not_written(connection, record.operations):
            try:
                with connection.begin_nested():
                    apply(connection, (operation,))
            except (IntegrityError, ProgrammingError, DataError) as error:
                self.refused += 1
                self.refused_why = f"{operation.type}: {error.orig}"

    def forget(self) -> str:
        """All is in the database: empty the journal; gives why it cannot be emptied, or empty."""
        if not self._records:
            return ""
        self._records = []
        if self._journal is not None:
            try:
                self._journal.clear()
            except OSError as error:
                return f"the journal cannot be emptied ({error.strerror or error})"
        return ""

    def close(self) -> None:
        """Close the journal's file."""
        if self._journal is not None:
            self._journal.close()


def _position(connection: Connection) -> int:
    query = select(CursorRow.position).where(CursorRow.consumer == JOURNAL_CURSOR)
    return int(connection.execute(query).scalar_one_or_none() or 0)


def _not_written(connection: Connection, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations without revisions that the database has already (a commit in doubt)."""
    kept: list[Operation] = []
    for operation in operations:
        if isinstance(operation, WriteRevision):
            present = select(RevisionRow.revision).where(
                RevisionRow.alert_id == operation.message.alert_id,
                RevisionRow.revision == operation.message.revision,
            )
            if connection.execute(present).one_or_none() is not None:
                continue
        kept.append(operation)
    return tuple(kept)
