"""The outbox within its bounds: what waits too long for a broker, or takes too much room, goes.

Only rows of the queue go, the oldest first; every revision stays in the store. In the place of the
last message that a broker missed stands a gap record: whoever had taken over everything until then
is past that place and does not get it. Gaps that follow each other become one. Retained states go
without a record, since they are published anew at each connection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    and_,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from hazard.site.mqtt import OutboxLimits
from hazard.store.operations import OutboxMessage
from hazard.store.outbox import consumer
from hazard.store.tables import CursorRow, DeliveryRow, OutboxRow
from hazard.store.writer import Writer

BATCH = 500
"""Rows that are taken out in one transaction."""
MEASURED_AT_ONCE = 5000

RenderGap = Callable[[int, int, str, datetime], OutboxMessage]
"""Makes the record of a gap: first and last sequence number, why, and when it was made."""


class Bounds:
    """Keeps the outbox within its limits; one for each store, used by one thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer
        self._sizes = _Sizes()

    def keep(
        self, now: datetime, limits: OutboxLimits, brokers: Sequence[str], render: RenderGap
    ) -> int:
        """Take out what is beyond the limits; gives how many messages some broker now misses.

        What every broker has taken over does not count: it goes after its time (`Bulk.prune`).

        Raises:
            StoreError: if the store cannot be written now; what was taken out until then is told.
        """
        with self._engine.connect() as connection:
            positions = _positions(connection, brokers)
            low = min(positions.values(), default=0)
            too_old = _oldest_within(connection, low, now - timedelta(hours=limits.max_age_h))
            self._sizes.measure(connection, low)
        too_large = self._sizes.excess(limits.max_bytes)
        reason = f"waited for more than {limits.max_age_h:g} h"
        if too_large > too_old:
            reason = f"more than {limits.max_bytes / 1e6:g} MB waited"
        cut = _Cut(low, max(too_old, too_large), positions, render, reason, now)
        missed = 0
        while cut.until > low:
            with self._writer.transaction() as connection:
                taken, lost = cut.step(connection)
            missed += lost
            if not taken:
                break
        self._sizes.forget(cut.until)
        return missed


class _Sizes:
    """Bytes of each row that waits: each row is measured once, when it is new."""

    def __init__(self) -> None:
        self._from = self._to = 0
        self._ids: list[int] = []
        self._sums: list[int] = []

    def measure(self, connection: Connection, low: int) -> None:
        """Measure what has come since the last time, behind `low`."""
        if low < self._from:  # a broker was added, which has taken over nothing yet
            self._from, self._to, self._ids, self._sums = low, low, [], []
        self.forget(low)
        self._from, self._to = low, max(low, self._to)
        size = func.octet_length(OutboxRow.body)
        if connection.dialect.name == "sqlite":  # which has that function from 3.43 on only
            size = func.length(cast(OutboxRow.body, LargeBinary))
        query = select(OutboxRow.outbox_id, size).order_by(OutboxRow.outbox_id)
        while True:
            rows = connection.execute(
                query.where(OutboxRow.outbox_id > self._to).limit(MEASURED_AT_ONCE)
            ).all()
            for outbox_id, length in rows:
                self._ids.append(outbox_id)
                self._sums.append(length + (self._sums[-1] if self._sums else 0))
            if not rows:
                return
            self._to = rows[-1].outbox_id

    def excess(self, max_bytes: int) -> int:
        """The last of the oldest rows without which the others take no more room; 0: none."""
        if not self._sums or self._sums[-1] <= max_bytes:
            return 0
        at = next(
            number for number, until in enumerate(self._sums) if self._sums[-1] - until <= max_bytes
        )
        return self._ids[at]

    def forget(self, until: int) -> None:
        """Rows up to this one do not wait any more."""
        count = bisect_right(self._ids, until)
        if count:
            before = self._sums[count - 1]
            self._ids = self._ids[count:]
            self._sums = [each - before for each in self._sums[count:]]


def _positions(connection: Connection, brokers: Sequence[str]) -> dict[str, int]:
    names = {consumer(broker): broker for broker in brokers}
    query = select(CursorRow.consumer, CursorRow.position)
    rows = connection.execute(query.where(CursorRow.consumer.in_(names)))
    known = {names[row.consumer]: row.position for row in rows}
    return {broker: known.get(broker, 0) for broker in brokers}


def _oldest_within(connection: Connection, low: int, since: datetime) -> int:
    """The row before the first that is young enough: everything up to it waits too long."""
    waiting = OutboxRow.outbox_id > low, OutboxRow.gap_from.is_(None)
    young = select(OutboxRow.outbox_id).where(*waiting, OutboxRow.created_at >= since)
    first = connection.execute(young.order_by(OutboxRow.outbox_id).limit(1)).scalar_one_or_none()
    if first is not None:
        return first - 1
    return int(
        connection.execute(select(func.max(OutboxRow.outbox_id)).where(*waiting)).scalar_one() or 0
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """Rows behind `low` up to `until` are to go, and what is to be said of them."""

    low: int
    until: int
    positions: dict[str, int]
    render: RenderGap
    reason: str
    now: datetime

    def step(self, connection: Connection) -> tuple[int, int]:
        """Take some rows out: how many that were, and how many messages somebody misses."""
        query = (
            select(OutboxRow.outbox_id, OutboxRow.sequence, OutboxRow.gap_from, OutboxRow.retain)
            .where(OutboxRow.outbox_id > self.low, OutboxRow.outbox_id <= self.until)
            .order_by(OutboxRow.outbox_id)
        )
        rows = [_Waiting(*row) for row in connection.execute(query.limit(BATCH))]
        if all(row.gap_from is not None for row in rows):
            return 0, 0
        missed = _missed(connection, rows, self.positions)
        gone = [row.outbox_id for row in rows if not missed or row is not missed[-1]]
        connection.execute(delete(OutboxRow).where(OutboxRow.outbox_id.in_(gone)))
        if missed:
            self._leave_record(connection, missed)
        return len(rows), sum(row.gap_from is None for row in missed)

    def _leave_record(self, connection: Connection, missed: Sequence[_Waiting]) -> None:
        place = missed[-1].outbox_id
        first = min(row.first for row in missed)
        last = max(row.sequence or 0 for row in missed)
        message = self.render(first, last, self.reason, self.now)
        connection.execute(delete(DeliveryRow).where(DeliveryRow.outbox_id == place))
        connection.execute(
            update(OutboxRow)
            .where(OutboxRow.outbox_id == place)
            .values(
                sequence=last,
                gap_from=first,
                alert_id=None,
                revision=None,
                created_at=self.now,
                **message.model_dump(),
            )
        )


@dataclass(frozen=True, slots=True)
class _Waiting:
    outbox_id: int
    sequence: int | None
    gap_from: int | None
    retain: bool

    @property
    def first(self) -> int:
        """The first sequence number that it stands for."""
        return self.gap_from or self.sequence or 0


def _missed(
    connection: Connection, rows: Sequence[_Waiting], positions: dict[str, int]
) -> list[_Waiting]:
    """Numbered messages, and earlier gaps, that some broker has not taken over."""
    behind: list[ColumnElement[bool]] = [
        and_(
            OutboxRow.outbox_id > position,
            ~select(DeliveryRow.outbox_id)
            .where(DeliveryRow.broker == broker, DeliveryRow.outbox_id == OutboxRow.outbox_id)
            .exists(),
        )
        for broker, position in positions.items()
    ]
    ids = [row.outbox_id for row in rows if row.sequence is not None and not row.retain]
    query = select(OutboxRow.outbox_id).where(OutboxRow.outbox_id.in_(ids), or_(*behind))
    found = set(connection.execute(query).scalars())
    return [row for row in rows if row.outbox_id in found]
