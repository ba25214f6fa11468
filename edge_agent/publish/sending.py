"""The outbox on its way to one broker: in order, each row until it was taken over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.aside import OF_ONE_MESSAGE, TOO_LARGE, Aside, key_of
from edge_agent.publish.client import Acked, Link
from edge_agent.publish.fitting import PacketLimit, fitted
from edge_agent.publish.progress import Progress
from edge_agent.publish.topics import Publication
from edge_agent.publish.voice import Counters, HandedOver
from hazard.errors import BrokerError, StoreError
from hazard.store import Store
from hazard.store.outbox import Mark, OutboxItem

WINDOW = 20
BATCH = 100
RESEND = timedelta(minutes=30)

log = structlog.get_logger()


class Sender:
    """Reads the outbox and sends it; used by the relay's thread only.

    Attributes:
        news: there may be rows that were not read yet.
        shown: alert id to the newest revision whose retained state was sent in this session.
        aside: rows that the broker does not take, while it takes others.
        limit: the largest packet that the broker takes.
        refused: why the broker takes nothing now, or None.
        error: why the store could not be read, or empty.
        missed: rows have gone out of the outbox unsent since the session began.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        counters: Counters,
        on_change: Callable[[HandedOver], None] | None,
    ) -> None:
        self._name, self._store, self._counters = name, store, counters
        self._on_change = on_change
        self._progress: Progress | None = None
        self.news = True
        self.limit = PacketLimit()
        self._reset()

    def _reset(self) -> None:
        self._queue: deque[OutboxItem] = deque()
        self._read_to = 0
        self._resend_to = 0
        self._known_to = 0
        self._direct: set[tuple[str | None, int | None, str]] = set()
        self.aside = Aside()
        self.shown: dict[str, int] = {}
        self._gaps: set[int] = set()
        self._began = datetime.now(UTC)
        self.missed = False
        self.refused: str | None = None
        self.error = ""

    # ------------------------------------------------------------ a session begins

    def begin(self) -> None:
        """Begin a session: after what was taken over, and the last half hour once more."""
        self._reset()
        if self._progress is None:
            self._progress = Progress(self._store.outbox.position(self._name))
        else:
            position, marks = self._progress.position, self._progress.marks
            self._progress = Progress(position)
            self._progress.marks.extend(marks)
        self._read_to = self._progress.position
        try:
            self._known_to = self._store.outbox.last_acked(self._name)
        except SQLAlchemyError as error:
            self.unreadable(error)
        self.rewind()

    def rewind(self) -> None:
        """Go back to the first row that was handed over in the last half hour."""
        progress = self._require_progress()
        try:
            since = datetime.now(UTC) - RESEND
            first = self._store.outbox.first_acked_since(self._name, since)
        except SQLAlchemyError as error:
            self.unreadable(error)
            return
        if first is not None:
            self._queue.clear()
            self._resend_to = progress.position
            self._read_to = min(progress.position, first - 1)
            self.news = True

    def unreadable(self, error: SQLAlchemyError) -> None:
        """Go on with what the journal has: alerts matter more than states."""
        self.error = f"the store cannot be read: {error}"

    # ------------------------------------------------------------ how far it is

    @property
    def position(self) -> int | None:
        """Everything up to this row was taken over; None before the first session."""
        return self._progress.position if self._progress is not None else None

    @property
    def in_flight(self) -> int:
        """Rows that wait for their PUBACK."""
        return self._progress.in_flight if self._progress is not None else 0

    @property
    def resends(self) -> bool:
        """Whether rows are sent again that were taken over before."""
        return self._resend_to > 0

    @property
    def done(self) -> bool:
        """Whether all rows that are known of were sent and taken over."""
        return not self._queue and not self.news and not self.in_flight

    # ------------------------------------------------------------ sending

    def send(self, link: Link) -> None:
        """Send as much as the window takes.

        Raises:
            BrokerError: if the connection is gone.
        """
        progress = self._require_progress()
        self._try_again()
        while progress.in_flight < WINDOW:
            if not self._queue and not self._refill():
                break
            item = self._queue.popleft()
            if self._needless(item):
                progress.skipped(item)
                continue
            self._send_item(link, item)

    def _refill(self) -> bool:
        """Read the next rows; True if there are any. Then look into the journal."""
        if not self.news:
            return False
        self.news = False
        try:
            late = self._late_gaps()
            rows = self._store.outbox.read(self._read_to, BATCH)
        except SQLAlchemyError as error:
            self.unreadable(error)
            late, rows = [], []
        else:
            self.error = ""
        self._queue.extend(late)
        if rows:
            self._read_to = rows[-1].outbox_id or self._read_to
            self.news = True
            self._queue.extend(self._not_taken_long_ago(rows))
            return True
        fresh = [
            item
            for item in self._store.journaled()
            if key_of(item) not in self._direct and item not in self.aside
        ]
        self._queue.extend(fresh)
        return bool(self._queue)

    def _late_gaps(self) -> list[OutboxItem]:
        """Records that took the place of rows which were read before they went."""
        position = self.position or 0
        found: list[OutboxItem] = []
        for gap in self._store.outbox.gaps(self._name, position):
            outbox_id = gap.outbox_id
            if position < outbox_id <= self._read_to and outbox_id not in self._gaps:
                found += self._store.outbox.read(outbox_id - 1, 1)
                self._gaps.add(outbox_id)
        return found

    def _not_taken_long_ago(self, rows: list[OutboxItem]) -> list[OutboxItem]:
        """Without rows behind one that is not taken, which were handed over long ago themselves."""
        if (rows[0].outbox_id or 0) > self._known_to:
            return rows
        ids = [row.outbox_id for row in rows if row.outbox_id is not None]
        try:
            taken = self._store.outbox.acked_before(self._name, ids, datetime.now(UTC) - RESEND)
        except SQLAlchemyError as error:
            self.unreadable(error)
            return rows
        for row in rows:
            if row.outbox_id in taken:
                self._require_progress().skipped(row)
        return [row for row in rows if row.outbox_id not in taken]

    def _try_again(self) -> None:
        """What was not taken a minute ago, as far as the outbox still has it."""
        items = self.aside.due()
        if not items:
            return
        ids = [item.outbox_id for item in items if item.outbox_id is not None]
        try:
            there = self._store.outbox.present(ids)
        except SQLAlchemyError as error:
            self.unreadable(error)
            there = set(ids)
        for item in items:
            if item.outbox_id is not None and item.outbox_id not in there:
                self._require_progress().skipped(item)  # the outbox is bounded: a gap tells of it
        kept = [item for item in items if item.outbox_id is None or item.outbox_id in there]
        self._queue.extendleft(reversed(kept))

    def _set_aside(self, item: OutboxItem, code: int) -> None:
        """Keep a row that the broker does not take, and go on with the others."""
        self._require_progress().kept(item)
        if item not in self.aside:
            log.warning(
                "mqtt.not_taken",
                broker=self._name,
                topic=item.message.topic,
                revision=item.revision,
                reason_code=code,
            )
        self.aside.put(item, code)
        if self.aside.full:
            self.refused = self.aside.reason()

    def _needless(self, item: OutboxItem) -> bool:
        """Whether a row is only a state that is known to be old, or went out of the journal."""
        key = key_of(item)
        if item.outbox_id is not None and key in self._direct:
            self._direct.discard(key)
            return True
        if not item.message.retain:
            return False
        if item.outbox_id is not None and item.outbox_id <= self._resend_to:
            return True
        shown = self.shown.get(item.alert_id or "", 0)
        return item.revision is not None and item.revision <= shown

    def _send_item(self, link: Link, item: OutboxItem) -> None:
        message = item.message
        if item.gap_from is not None and item.outbox_id is not None:
            self._gaps.add(item.outbox_id)
            self.missed = self.missed or item.created_at >= self._began
            self._counters.gaps += 1
        publication = fitted(
            Publication(
                topic=message.topic,
                body=message.body,
                retain=message.retain,
                properties=message.properties,
                correlation=item.alert_id.encode() if item.alert_id is not None else None,
            ),
            self.limit.limit_bytes,
        )
        if publication is None:
            self._set_aside(item, TOO_LARGE)
            return
        at, size_bytes = datetime.now(UTC), len(publication.body)
        self._require_progress().sent(link.publish(publication), item, at, size_bytes)
        self._counters.published += 1
        if item.outbox_id is None:
            self._direct.add(key_of(item))
        elif item.outbox_id <= self._resend_to:
            self._counters.resent += 1
        if message.retain and item.alert_id is not None and item.revision is not None:
            self.shown[item.alert_id] = item.revision

    # ------------------------------------------------------------ taken over

    def acked(self, acked: Acked) -> None:
        """The broker has answered a message that is no state."""
        if acked.code in OF_ONE_MESSAGE:
            item = self._require_progress().refused(acked.mid)
            if item is not None:
                self._direct.discard(key_of(item))
                self._set_aside(item, acked.code)
            return
        if acked.error is not None:
            self.refused = acked.error
            return
        at = datetime.now(UTC)
        done = self._require_progress().acked(acked.mid, at)
        if done is None:
            return
        self._counters.acked += 1
        item = done.item
        if self._on_change is None or item.message.retain or item.alert_id is None:
            return
        try:
            self._on_change(
                HandedOver(self._name, item.alert_id, item.revision or 0, done.published_at, at)
            )
        except Exception:
            log.exception("mqtt.listener_failed", broker=self._name)

    @property
    def largest_bytes(self) -> int:
        """The largest body that waits for its PUBACK."""
        return self._progress.largest_bytes if self._progress is not None else 0

    def save_marks(self) -> None:
        """Write what was taken over; what the store does not take now is kept."""
        progress = self._require_progress()
        marks: Sequence[Mark] = list(progress.marks)
        if not marks:
            return
        try:
            now = datetime.now(UTC)
            self._store.outbox.mark(self._name, marks, progress.position, now)
        except StoreError:
            return
        for _ in marks:
            progress.marks.popleft()

    def _require_progress(self) -> Progress:
        if self._progress is None:
            raise BrokerError(f"broker {self._name}: no session")
        return self._progress
