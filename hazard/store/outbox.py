"""The outbox as the publisher sees it: rows in order, one cursor per broker, delivery marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from hazard.store.operations import OutboxMessage
from hazard.store.statements import upsert
from hazard.store.tables import CursorRow, DeliveryRow, OutboxRow, RevisionRow
from hazard.store.writer import Writer
from hazard.types import AlertMessage

MARK_WAIT_MS = 20
"""Marks can wait: a mark that is lost costs one repeated message, which receivers know."""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One row of the outbox.

    `outbox_id` is None while it is only in the journal. With `gap_from` it is the record of
    messages that went: from that sequence number to `sequence`.
    """

    outbox_id: int | None
    sequence: int | None
    alert_id: str | None
    revision: int | None
    created_at: datetime
    message: OutboxMessage
    gap_from: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that went out of the outbox before a broker had taken them over.

    Attributes:
        from_sequence: the number of the first of them.
        to_sequence: the number of the last.
        made_at: when the last of them went.
    """

    outbox_id: int
    from_sequence: int
    to_sequence: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """A row that one broker has taken over."""

    outbox_id: int
    published_at: datetime
    acked_at: datetime


class Outbox:
    """Reads of the outbox and marks of delivery. Safe to call from any thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def position(self, broker: str) -> int:
        """Everything up to this `outbox_id` has been handed over to the broker."""
        query = select(CursorRow.position).where(CursorRow.consumer == consumer(broker))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one_or_none() or 0)

    def read(self, after: int, limit: int) -> list[OutboxItem]:
        """The next rows, in order."""
        query = (
            select(OutboxRow)
            .where(OutboxRow.outbox_id > after)
            .order_by(OutboxRow.outbox_id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            OutboxItem(
                outbox_id=row["outbox_id"],
                sequence=row["sequence"],
                alert_id=row["alert_id"],
                revision=row["revision"],
                created_at=row["created_at"],
                message=OutboxMessage(
                    topic=row["topic"],
                    body=row["body"],
                    retain=row["retain"],
                    properties=row["properties"],
                ),
                gap_from=row["gap_from"],
            )
            for row in rows
        ]

    def revisions(self, node: str, first: int, last: int, limit: int) -> list[AlertMessage]:
        """Stored revisions of a node by sequence, from `first` to `last`, at most `limit`.

        They are kept longer than the outbox: as long as their alert is.
        """
        query = (
            select(RevisionRow.payload)
            .where(RevisionRow.node == node, RevisionRow.sequence.between(first, last))
            .order_by(RevisionRow.sequence)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            payloads = connection.execute(query).scalars().all()
        return [AlertMessage.model_validate(payload) for payload in payloads]

    def gaps(self, broker: str, position: int) -> list[Gap]:
        """What the broker was not given, as long as the outbox remembers it; oldest first.

        Asked with each look into the outbox. In the order of the partial index SQLite takes the
        index; in that of the rows it would read the whole outbox each time.
        """
        given = select(DeliveryRow.outbox_id).where(
            DeliveryRow.broker == broker, DeliveryRow.outbox_id == OutboxRow.outbox_id
        )
        query = (
            select(
                OutboxRow.outbox_id, OutboxRow.gap_from, OutboxRow.sequence, OutboxRow.created_at
            )
            .where(OutboxRow.gap_from.is_not(None))
            .where(or_(OutboxRow.outbox_id > position, given.exists()))
            .order_by(OutboxRow.gap_from)
        )
        with self._engine.connect() as connection:
            rows = sorted(connection.execute(query).all(), key=lambda row: row.outbox_id)
        return [
            Gap(row.outbox_id, row.gap_from or row.sequence or 0, row.sequence or 0, row.created_at)
            for row in rows
        ]

    def first_acked_since(self, broker: str, since: datetime) -> int | None:
        """The first row that the broker has taken over since then, or None."""
        query = select(func.min(DeliveryRow.outbox_id)).where(
            DeliveryRow.broker == broker, DeliveryRow.acked_at >= since
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else int(found)

    def last_acked(self, broker: str) -> int:
        """The newest row that the broker has taken over, which may lie behind its cursor; or 0."""
        query = select(func.max(DeliveryRow.outbox_id)).where(DeliveryRow.broker == broker)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one_or_none() or 0)

    def acked_before(self, broker: str, ids: Sequence[int], before: datetime) -> set[int]:
        """Those of the rows that the broker has taken over before then."""
        query = select(DeliveryRow.outbox_id).where(
            DeliveryRow.broker == broker,
            DeliveryRow.outbox_id.in_(ids),
            DeliveryRow.acked_at < before,
        )
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def acked_after(self, broker: str, after: int) -> int:
        """How many rows behind a position the broker has taken over all the same."""
        query = select(func.count()).where(
            DeliveryRow.broker == broker, DeliveryRow.outbox_id > after
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def present(self, ids: Sequence[int]) -> set[int]:
        """Those of the rows that the outbox still has."""
        query = select(OutboxRow.outbox_id).where(OutboxRow.outbox_id.in_(ids))
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def depth(self, after: int) -> tuple[int, datetime | None]:
        """How many rows wait behind a position, and when the oldest was written."""
        query = select(func.count(), func.min(OutboxRow.created_at)).where(
            OutboxRow.outbox_id > after
        )
        with self._engine.connect() as connection:
            count, oldest = connection.execute(query).one()
        return int(count), oldest

    def mark(self, broker: str, marks: Sequence[Mark], position: int, now: datetime) -> None:
        """Write that the broker has taken rows over, and how far it is without a gap.

        Raises:
            StoreError: if the store cannot be written now; the caller keeps the marks.
        """
        with self._writer.transaction(wait_ms=MARK_WAIT_MS) as connection:
            _write_marks(connection, broker, marks)
            upsert(
                connection,
                CursorRow,
                "consumer",
                {"consumer": consumer(broker), "position": position, "updated_at": now},
            )


def _write_marks(connection: Connection, broker: str, marks: Sequence[Mark]) -> None:
    ids = [mark.outbox_id for mark in marks]
    present = select(OutboxRow.outbox_id).where(OutboxRow.outbox_id.in_(ids))
    known = set(connection.execute(present).scalars()) if ids else set()
    rows = [
        {
            "broker": broker,
            "outbox_id": mark.outbox_id,
            "published_at": mark.published_at,
            "acked_at": mark.acked_at,
            "attempts": 1,
        }
        for mark in marks
        if mark.outbox_id in known
    ]
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(DeliveryRow)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["broker", "outbox_id"],
            set_={
                "published_at": statement.excluded.published_at,
                "acked_at": statement.excluded.acked_at,
                "attempts": DeliveryRow.attempts + 1,
            },
        ),
        rows,
    )


def consumer(broker: str) -> str:
    """The name of a broker's cursor."""
    return f"mqtt/{broker}"[:64]
