"""How far one broker is: what is under way, what was taken over, and the cursor without gaps."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime

from hazard.store.outbox import Mark, OutboxItem

MARKS_KEPT = 20_000
"""Marks that wait for a locked store; beyond it the oldest go, which costs repeated messages."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A message that the broker has not taken over yet."""

    item: OutboxItem
    published_at: datetime
    size_bytes: int


class Progress:
    """Bookkeeping of one session with one broker; no I/O.

    The cursor only passes a row when that row and all before it were taken over, in whatever order
    the PUBACKs came.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self.marks: deque[Mark] = deque(maxlen=MARKS_KEPT)
        self._under_way: dict[int, UnderWay] = {}
        self._rows: OrderedDict[int, bool] = OrderedDict()

    @property
    def in_flight(self) -> int:
        """Messages that wait for their PUBACK."""
        return len(self._under_way)

    def sent(self, mid: int, item: OutboxItem, at: datetime, size_bytes: int) -> None:
        """A message has gone out under this number, with a body of this size."""
        self._under_way[mid] = UnderWay(item, at, size_bytes)
        self.kept(item)

    def kept(self, item: OutboxItem) -> None:
        """A row is not taken over yet: the cursor stays before it."""
        if item.outbox_id is not None:
            self._rows[item.outbox_id] = False

    def refused(self, mid: int) -> OutboxItem | None:
        """The broker does not take a message; None if the number is not one of the outbox."""
        done = self._under_way.pop(mid, None)
        return done.item if done is not None else None

    @property
    def largest_bytes(self) -> int:
        """The largest body that waits for its PUBACK."""
        return max((each.size_bytes for each in self._under_way.values()), default=0)

    def skipped(self, item: OutboxItem) -> None:
        """A row needs no sending: a newer state was sent, or it went out of the journal."""
        if item.outbox_id is not None:
            self._rows[item.outbox_id] = True
            self._advance()

    def acked(self, mid: int, at: datetime) -> UnderWay | None:
        """The broker has taken a message over; None if the number is not one of the outbox."""
        done = self._under_way.pop(mid, None)
        if done is not None and done.item.outbox_id is not None:
            self.marks.append(Mark(done.item.outbox_id, done.published_at, at))
            self._rows[done.item.outbox_id] = True
            self._advance()
        return done

    def _advance(self) -> None:
        while self._rows:
            outbox_id, done = next(iter(self._rows.items()))
            if not done:
                return
            self._rows.popitem(last=False)
            self.position = max(self.position, outbox_id)
