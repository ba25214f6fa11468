"""One thread per broker: takes the outbox to it, for ever, in order.

A session is: connect; say that the node is there; publish active states and areas anew; clear what
is retained of this node's alerts that ended; send the revisions of the last half hour again (a
broker that was killed forgets what it acknowledged), and once more when its subscribers have had
time to come back; follow the outbox. A session ends by
an error of the broker, and the next begins after a pause that grows, with jitter. What was not
taken over is sent again: receivers go by alert id and revision.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from paho.mqtt.client import MQTTMessage
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.progress import Progress
from edge_agent.publish.topics import Publication, active_filter, active_topic, reduced
from hazard.errors import BrokerError, HazardError, StoreError
from hazard.site.mqtt import Broker
from hazard.store import Store
from hazard.store.outbox import Mark, OutboxItem
from hazard.types import Health, StageHealth

WINDOW = 20
BATCH = 100
RESEND = timedelta(minutes=30)
SETTLED_S = 5.0
"""A broker that was killed has lost its subscribers too. They are back after a while: then what
was handed over is sent once more, since what was sent before reached nobody."""
CLEANING_S = 3.0
"""How long retained states of this node are looked through after connecting."""
POLL_S = 0.25
"""The outbox is looked at this often even if nobody wakes the relay."""
MARK_EVERY_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
GOODBYE_S = 2.0

log = structlog.get_logger()


class Voice(Protocol):
    """What a node says of itself and its alerts, beside the outbox; asked by the relay's thread."""

    site_id: str
    node: str
    heartbeat_s: float

    def birth(self) -> Publication:
        """The node's status as it is now."""
        ...

    def will(self) -> Publication:
        """What the broker says when the node is gone without a word."""
        ...

    def farewell(self) -> list[Publication]:
        """Areas unknown and the node offline: the last words of a clean stop."""
        ...

    def active(self) -> dict[str, tuple[int, Publication]]:
        """Active alerts as they are now: alert id to revision and retained state."""
        ...

    def areas(self) -> list[tuple[str, Publication]]:
        """The state of each area now, each with a text that is equal for equal states."""
        ...


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A revision that one broker has taken over (PUBACK)."""

    broker: str
    alert_id: str
    revision: int
    published_at: datetime
    acked_at: datetime


@dataclass(slots=True)
class Counters:
    """What a relay has done since its start."""

    published: int = 0
    acked: int = 0
    resent: int = 0
    connects: int = 0
    cleared: int = 0


class Relay:
    """The relay to one broker: `start`, `wake` at each commit, `stop`."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        store: Store,
        voice: Voice,
        on_change: Callable[[HandedOver], None] | None = None,
    ) -> None:
        self.name, self.broker = name, broker
        self.counters = Counters()
        self._store, self._voice, self._on_change = store, voice, on_change
        self._connected = False
        self._error = ""
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._news = True
        self._status_due = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{name}", daemon=True)
        self._progress: Progress | None = None
        self._reset_session()

    def _reset_session(self) -> None:
        self._queue: deque[OutboxItem] = deque()
        self._read_to = 0
        self._resend_to = 0
        self._shown: dict[str, int] = {}
        self._direct: set[tuple[str | None, int | None, str]] = set()
        self._areas: dict[str, str] = {}
        self._areas_due = False
        self._refused: str | None = None
        self._waiting: set[int] = set()

    # ------------------------------------------------------------ from other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is news in the outbox."""
        self._news = True
        self._ring()

    def refresh(self) -> None:
        """The node's status or an area's watch has changed: say so now."""
        self._status_due = True
        self._ring()

    def _ring(self) -> None:
        try:
            self._wake_out.send(b"w")
        except OSError:  # the pipe is full (it is awake already) or closed (it has stopped)
            return

    def stop(self, timeout: float) -> None:
        """Send what is left, say farewell and disconnect; waits at most `timeout` seconds."""
        self._deadline = time.monotonic() + timeout
        self._stopping.set()
        self._ring()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if not self._thread.is_alive():
            self._wake_in.close()
            self._wake_out.close()

    def health(self, now: datetime) -> StageHealth:
        """The stage `mqtt/{broker}`."""
        position = self._progress.position if self._progress is not None else None
        try:
            if position is None:
                position = self._store.outbox.position(self.name)
            depth, oldest = self._store.outbox.depth(position)
        except SQLAlchemyError:
            depth, oldest = -1, None
        health, reason = Health.READY, ""
        if not self._connected:
            health = Health.OFFLINE if self._error else Health.STARTING
            reason = self._error or "connecting"
        elif self._error:
            health, reason = Health.DEGRADED, self._error
        return StageHealth(
            stage=f"mqtt/{self.name}",
            health=health,
            reason=reason[:500],
            at=now,
            figures={
                "outbox_depth": depth + len(self._store.journaled()),
                "oldest_age_s": (now - oldest).total_seconds() if oldest is not None else 0.0,
                "published": self.counters.published,
                "acked": self.counters.acked,
                "resent": self.counters.resent,
                "reconnects": max(0, self.counters.connects - 1),
                "cleared": self.counters.cleared,
            },
        )

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._session()
            except (HazardError, SQLAlchemyError) as error:
                self._error = str(error)
                log.warning("mqtt.session_ended", broker=self.name, reason=self._error)
            except Exception as error:
                self._error = f"{type(error).__name__}: {error}"
                log.exception("mqtt.session_failed", broker=self.name)
            self._connected = False
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause = FIRST_PAUSE_S
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _session(self) -> None:
        voice = self._voice
        self._reset_session()
        self._begin_progress()
        link = Link(
            self.name,
            self.broker,
            client_id=f"hazard-{voice.site_id}-{voice.node}-{self.name}",
            will=voice.will(),
            wake=self._wake_in,
            on_ack=self._acked,
            on_message=lambda message: self._found_retained(link, message),
        )
        try:
            link.connect()
            self._connected, self._error = True, ""
            self.counters.connects += 1
            log.info("mqtt.connected", broker=self.name, resend=bool(self._resend_to))
            self._introduce(link)
            self._follow(link)
            self._say_farewell(link)
        finally:
            self._connected = False
            link.abandon()
            self._save_marks()

    def _begin_progress(self) -> None:
        if self._progress is None:
            self._progress = Progress(self._store.outbox.position(self.name))
        else:
            position, marks = self._progress.position, self._progress.marks
            self._progress = Progress(position)
            self._progress.marks.extend(marks)
        self._read_to = self._progress.position
        self._rewind()

    def _rewind(self) -> None:
        """Go back to the first row that was handed over in the last half hour."""
        progress = self._require_progress()
        try:
            since = datetime.now(UTC) - RESEND
            first = self._store.outbox.first_acked_since(self.name, since)
        except SQLAlchemyError as error:
            self._store_unreadable(error)
            return
        if first is not None:
            self._queue.clear()
            self._resend_to = progress.position
            self._read_to = min(progress.position, first - 1)
            self._news = True

    def _introduce(self, link: Link) -> None:
        self._tell(link, self._voice.birth())
        try:
            active = self._voice.active()
        except SQLAlchemyError as error:
            self._store_unreadable(error)
            return
        link.subscribe(active_filter(self._voice.site_id))
        for alert_id, (revision, state) in active.items():
            self._shown[alert_id] = revision
            self._tell(link, state)
        self._tell_areas(link)

    def _store_unreadable(self, error: SQLAlchemyError) -> None:
        """Go on with what the journal has: alerts matter more than states."""
        self._error = f"the store cannot be read: {error}"

    def _follow(self, link: Link) -> None:
        now = time.monotonic()
        heartbeat, looked, marked, told = now, now, now, now
        cleaned, settled = now + CLEANING_S, now + SETTLED_S
        cleaning = True
        again = self.counters.connects > 1 or self._resend_to > 0
        while not self._finished():
            now = time.monotonic()
            if now - looked >= POLL_S:
                self._news, looked = True, now
            self._send(link)
            idle = not self._require_progress().in_flight
            if self._areas_due and (idle or now - told >= POLL_S):
                told, self._areas_due = now, False  # after the PUBACKs: alerts go first
                self._tell_areas(link)
            if now - heartbeat >= self._voice.heartbeat_s or self._status_due:
                heartbeat, self._status_due = now, False
                self._tell(link, self._voice.birth())
                self._areas.clear()
                self._tell_areas(link)
            if cleaning and now >= cleaned:
                cleaning = False
                link.unsubscribe(active_filter(self._voice.site_id))
            if again and now >= settled:
                again = False
                self._save_marks()
                self._rewind()
            if now - marked >= MARK_EVERY_S:
                marked = now
                self._save_marks()
            link.poll(MARK_EVERY_S)
            if self._refused is not None:
                raise BrokerError(f"broker {self.name} did not take a message: {self._refused}")

    def _finished(self) -> bool:
        if not self._stopping.is_set():
            return False
        if time.monotonic() > self._deadline - GOODBYE_S / 2:
            return True
        idle = not self._queue and not self._news
        return idle and self._progress is not None and not self._progress.in_flight

    def _say_farewell(self, link: Link) -> None:
        for message in self._voice.farewell():
            self._tell(link, message)
        deadline = min(self._deadline, time.monotonic() + GOODBYE_S)
        while self._waiting and time.monotonic() < deadline:
            link.poll(0.05)
        link.close()

    # ------------------------------------------------------------ sending

    def _send(self, link: Link) -> None:
        progress = self._require_progress()
        news = self._news
        while progress.in_flight < WINDOW:
            if not self._queue and not self._refill():
                break
            item = self._queue.popleft()
            if self._needless(item):
                progress.skipped(item)
                continue
            self._send_item(link, item)
        self._areas_due = self._areas_due or news

    def _refill(self) -> bool:
        """Read the next rows; True if there are any. Then look into the journal."""
        if not self._news:
            return False
        self._news = False
        try:
            rows = self._store.outbox.read(self._read_to, BATCH)
        except SQLAlchemyError as error:
            self._store_unreadable(error)
            rows = []
        if rows:
            self._read_to = rows[-1].outbox_id or self._read_to
            self._news = True
            self._queue.extend(rows)
            return True
        fresh = [item for item in self._store.journaled() if _key(item) not in self._direct]
        self._queue.extend(fresh)
        return bool(fresh)

    def _needless(self, item: OutboxItem) -> bool:
        """Whether a row is only a state that is known to be old, or went out of the journal."""
        key = _key(item)
        if item.outbox_id is not None and key in self._direct:
            self._direct.discard(key)
            return True
        if not item.message.retain:
            return False
        if item.outbox_id is not None and item.outbox_id <= self._resend_to:
            return True
        shown = self._shown.get(item.alert_id or "", 0)
        return item.revision is not None and item.revision <= shown

    def _send_item(self, link: Link, item: OutboxItem) -> None:
        message = item.message
        body = message.body
        room = link.max_packet - len(message.topic) - 400
        if len(body.encode()) > room:
            body = reduced(body, room)
        publication = Publication(
            topic=message.topic,
            body=body,
            retain=message.retain,
            properties=message.properties,
            correlation=item.alert_id,
        )
        at = datetime.now(UTC)
        self._require_progress().sent(link.publish(publication), item, at)
        self.counters.published += 1
        if item.outbox_id is None:
            self._direct.add(_key(item))
        elif item.outbox_id <= self._resend_to:
            self.counters.resent += 1
        if message.retain and item.alert_id is not None and item.revision is not None:
            self._shown[item.alert_id] = item.revision

    def _tell(self, link: Link, message: Publication) -> None:
        """Send a state that stands for itself: it is sent anew at each connection."""
        self._waiting.add(link.publish(message))

    def _tell_areas(self, link: Link) -> None:
        try:
            areas = self._voice.areas()
        except SQLAlchemyError as error:
            self._store_unreadable(error)
            return
        for fingerprint, area in areas:
            if self._areas.get(area.topic) != fingerprint:
                self._areas[area.topic] = fingerprint
                self._tell(link, area)

    # ------------------------------------------------------------ receiving

    def _acked(self, acked: Acked) -> None:
        if acked.mid in self._waiting:
            self._waiting.discard(acked.mid)
            if acked.error is not None:  # a state: alerts go on without it
                self._error = f"broker {self.name} did not take a state: {acked.error}"
            return
        if acked.error is not None:
            self._refused = acked.error
            return
        at = datetime.now(UTC)
        done = self._require_progress().acked(acked.mid, at)
        if done is None:
            return
        self.counters.acked += 1
        item = done.item
        if self._on_change is None or item.message.retain or item.alert_id is None:
            return
        try:
            self._on_change(
                HandedOver(self.name, item.alert_id, item.revision or 0, done.published_at, at)
            )
        except Exception:
            log.exception("mqtt.listener_failed", broker=self.name)

    def _found_retained(self, link: Link, message: MQTTMessage) -> None:
        """Clear a retained state of one of this node's alerts that is not active any more."""
        if not message.retain or not message.payload:
            return
        alert_id = message.topic.rsplit("/", 1)[-1]
        if alert_id in self._shown:
            return
        try:
            owner = json.loads(message.payload).get("node")
            topic = active_topic(self._voice.site_id, alert_id)
        except (ValueError, AttributeError, RecursionError):
            return
        if owner == self._voice.node:
            self.counters.cleared += 1
            self._tell(link, Publication(topic=topic, body="", retain=True))

    # ------------------------------------------------------------ marks

    def _save_marks(self) -> None:
        progress = self._require_progress()
        marks: Sequence[Mark] = list(progress.marks)
        if not marks:
            return
        try:
            now = datetime.now(UTC)
            self._store.outbox.mark(self.name, marks, progress.position, now)
        except StoreError:
            return  # kept for the next time
        for _ in marks:
            progress.marks.popleft()

    def _require_progress(self) -> Progress:
        if self._progress is None:
            raise BrokerError(f"broker {self.name}: no session")
        return self._progress


def _key(item: OutboxItem) -> tuple[str | None, int | None, str]:
    return item.alert_id, item.revision, item.message.topic
