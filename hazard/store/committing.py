"""Units of work on their way: into the database, or into the journal if it takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from hazard.store.apply import apply
from hazard.store.backlog import Backlog
from hazard.store.operations import Operation, Render, WriteRevision, last_sequence, number
from hazard.store.outbox import OutboxItem
from hazard.store.unit import Committed
from hazard.store.writer import StoreUnavailable, Writer

JOURNAL_RETRY_MS = 20
"""While the journal waits, the database is asked this long per unit, so that nothing queues up."""


class Committer:
    """Numbers and writes units of work, one after the other. Safe to call from any thread.

    Attributes:
        sequence: the number of the newest revision of this node, 0 if there is none.
        fault: why the last unit was not written to the database, or empty.
    """

    def __init__(
        self,
        node: str,
        render: Render,
        now: Callable[[], datetime],
        *,
        writer: Writer,
        backlog: Backlog,
    ) -> None:
        self._node, self._render, self._now = node, render, now
        self._writer, self._backlog = writer, backlog
        self._lock = threading.RLock()
        self.fault = ""
        with writer.engine.connect() as connection:
            self.sequence = last_sequence(connection, node)
        for operation in backlog.operations:
            if isinstance(operation, WriteRevision):
                self.sequence = max(self.sequence, operation.message.sequence)

    def commit(self, operations: tuple[Operation, ...]) -> Committed:
        """Write a unit, durably.

        Raises:
            StoreUnavailable: if the database cannot be written and there is no journal.
            StoreError: if a row breaks the schema's rules.
        """
        with self._lock:
            stored_at = self._now()
            try:
                numbered = self._to_database(operations, stored_at)
                durability: Literal["store", "journal", "memory"] = "store"
                self.fault = self._backlog.forget()
            except StoreUnavailable as error:
                self.fault = str(error)
                if not self._backlog.has_journal:
                    raise
                numbered, durability = self._to_journal(operations, stored_at)
            messages = tuple(op.message for op in numbered if isinstance(op, WriteRevision))
            if messages:
                self.sequence = messages[-1].sequence
            return Committed(messages=messages, durability=durability)

    def _to_database(
        self, operations: tuple[Operation, ...], stored_at: datetime
    ) -> tuple[Operation, ...]:
        wait_ms = JOURNAL_RETRY_MS if self._backlog.waiting else None
        with self._writer.transaction(wait_ms=wait_ms) as connection:
            self._backlog.load(connection)
            numbered = number(
                operations,
                last_sequence(connection, self._node),
                stored_at=stored_at,
                durability="store",
                render=self._render,
            )
            apply(connection, numbered)
        return numbered

    def _to_journal(
        self, operations: tuple[Operation, ...], stored_at: datetime
    ) -> tuple[tuple[Operation, ...], Literal["journal", "memory"]]:
        durability: Literal["journal", "memory"] = "journal"
        numbered = number(
            operations,
            self.sequence,
            stored_at=stored_at,
            durability=durability,
            render=self._render,
        )
        try:
            self._backlog.write(numbered)
        except OSError as error:
            durability = "memory"
            self.fault += f"; the journal cannot be written either ({error.strerror or error})"
            numbered = number(
                operations,
                self.sequence,
                stored_at=stored_at,
                durability=durability,
                render=self._render,
            )
            self._backlog.keep(numbered)
        return numbered, durability

    def load(self) -> bool:
        """Load what waits in the journal into the database; True if nothing waits any more."""
        with self._lock:
            if not self._backlog.waiting:
                return True
            try:
                with self._writer.transaction() as connection:
                    self._backlog.load(connection)
            except StoreUnavailable as error:
                self.fault = str(error)
                return False
            self.fault = self._backlog.forget()
            return True

    def journaled(self) -> list[OutboxItem]:
        """Outbox messages that are not in the database yet, in order: published from here.

        Waits for no lock, so that a publisher goes on while a commit waits for the database.
        """
        return [
            OutboxItem(
                outbox_id=None,
                sequence=operation.message.sequence,
                alert_id=operation.message.alert_id,
                revision=operation.message.revision,
                created_at=operation.message.times.stored or operation.message.times.raised,
                message=message,
            )
            for operation in self._backlog.operations
            if isinstance(operation, WriteRevision)
            for message in operation.outbox
        ]
