"""One thread per broker: takes the outbox to it, for ever, in order.

A session is: connect; say that the node is there; publish active states and areas anew; clear what
is retained of this node's alerts that ended; send the revisions of the last half hour again (a
broker that was killed forgets what it acknowledged), and once more when its subscribers have had
time to come back; follow the outbox. A session ends by
an error of the broker, and the next begins after a pause that grows, with jitter. What was not
taken over is sent again: receivers go by alert id and revision.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from paho.mqtt.client import MQTTMessage
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.gaps import told
from edge_agent.publish.sending import Sender
from edge_agent.publish.states import States
from edge_agent.publish.voice import Counters, HandedOver, Voice
from hazard.errors import BrokerError, HazardError
from hazard.site.mqtt import Broker
from hazard.store import Store
from hazard.types import Health, StageHealth

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
        self._store, self._voice = store, voice
        self._sender = Sender(name, store, self.counters, on_change)
        self._states: States | None = None
        self._connected = False
        self._error = ""
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._status_due = False
        self._areas_due = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{name}", daemon=True)

    # ------------------------------------------------------------ from other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is news in the outbox."""
        self._sender.news = True
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
        position = self._sender.position
        try:
            if position is None:
                position = self._store.outbox.position(self.name)
            depth, oldest = self._store.outbox.depth(position)
            given_up = told(self._store.outbox.gaps(self.name, position))
        except SQLAlchemyError:
            depth, oldest, given_up = -1, None, ""
        states = self._states
        refused = states.refused if states is not None else ""
        health, reason = Health.READY, self._sender.error
        if refused:
            reason = f"broker {self.name} did not take a state: {refused}"
        if not self._connected:
            health = Health.OFFLINE if self._error else Health.STARTING
            reason = self._error or "connecting"
        reason = "; ".join(each for each in (reason, given_up) if each)
        if self._connected and reason:
            health = Health.DEGRADED
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
        self._sender.begin()
        link = Link(
            self.name,
            self.broker,
            client_id=f"hazard-{voice.site_id}-{voice.node}-{self.name}",
            will=voice.will(),
            wake=self._wake_in,
            on_ack=lambda acked: self._acked(states, acked),
            on_message=lambda message: self._heard(states, message),
        )
        self._states = states = States(link, voice, self._sender, self.counters)
        self._areas_due = False
        try:
            link.connect()
            self._connected, self._error = True, ""
            self.counters.connects += 1
            log.info("mqtt.connected", broker=self.name, resend=self._sender.resends)
            states.introduce()
            self._follow(link, states)
            self._say_farewell(link, states)
        finally:
            self._connected = False
            link.abandon()
            self._sender.save_marks()

    def _heard(self, states: States, message: MQTTMessage) -> None:
        states.found_retained(message)

    def _acked(self, states: States, acked: Acked) -> None:
        if not states.acked(acked):
            self._sender.acked(acked)

    def _follow(self, link: Link, states: States) -> None:
        sender = self._sender
        now = time.monotonic()
        heartbeat, looked, marked, told = now, now, now, now
        cleaned, settled = now + CLEANING_S, now + SETTLED_S
        cleaning = True
        again = self.counters.connects > 1 or sender.resends
        while not self._finished():
            now = time.monotonic()
            if now - looked >= POLL_S:
                sender.news, looked = True, now
            self._areas_due = self._areas_due or sender.news
            sender.send(link)
            if sender.missed:  # among what went were states that stand
                sender.missed = False
                states.introduce()
                cleaning, cleaned = True, now + CLEANING_S
            idle = not sender.in_flight
            if self._areas_due and (idle or now - told >= POLL_S):
                told, self._areas_due = now, False  # after the PUBACKs: alerts go first
                states.areas()
            if now - heartbeat >= self._voice.heartbeat_s or self._status_due:
                heartbeat, self._status_due = now, False
                states.beat()
            if cleaning and now >= cleaned:
                cleaning = False
                states.stop_looking()
            if again and now >= settled:
                again = False
                sender.save_marks()
                sender.rewind()
            if now - marked >= MARK_EVERY_S:
                marked = now
                sender.save_marks()
            link.poll(MARK_EVERY_S)
            if sender.refused is not None:
                raise BrokerError(f"broker {self.name} did not take a message: {sender.refused}")

    def _finished(self) -> bool:
        if not self._stopping.is_set():
            return False
        return self._sender.done or time.monotonic() > self._deadline - GOODBYE_S / 2

    def _say_farewell(self, link: Link, states: States) -> None:
        states.farewell()
        deadline = min(self._deadline, time.monotonic() + GOODBYE_S)
        while states.waiting and time.monotonic() < deadline:
            link.poll(0.05)
        link.close()
