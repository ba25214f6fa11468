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
from dataclasses import dataclass
from datetime import datetime

import structlog
from paho.mqtt.client import MQTTMessage, topic_matches_sub
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.commands.outgoing import Answers
from edge_agent.publish.commands.replies import Answer, Received, received
from edge_agent.publish.protocol import ProtocolChoice
from edge_agent.publish.replays import Replays
from edge_agent.publish.sending import Sender
from edge_agent.publish.states import States
from edge_agent.publish.topics import command_filter
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
HANG_UPS = 3
"""Connections in a row that the broker ends without a word before the reason guesses why."""
ANSWER_WITHIN_S = 5.0
"""A broker that acknowledges nothing for so long, while something waits, is said to hang. The
keep-alive ends the connection later."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Whom a relay tells of what; called by its thread, and nobody may block it.

    Attributes:
        handed_over: the broker has taken over a revision.
        command: a message has come on a command topic.
        replayed: a replay is done: the request's id, and how many revisions were sent.
    """

    handed_over: Callable[[HandedOver], None] | None
    command: Callable[[Received], None]
    replayed: Callable[[str, int], None]


class Relay:
    """The relay to one broker: `start`, `wake` at each commit, `stop`."""

    def __init__(self, name: str, broker: Broker, store: Store, voice: Voice, ears: Ears) -> None:
        self.name, self.broker = name, broker
        self.counters = Counters()
        self._store, self._voice, self._ears = store, voice, ears
        self._sender = Sender(name, store, self.counters, ears.handed_over)
        self._replays = Replays(voice.node, store, self.counters, ears.replayed)
        self._answers = Answers(self.counters)
        self._states: States | None = None
        self._protocol = ProtocolChoice(broker)
        self._connected = False
        self._error = ""
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._status_due = False
        self._areas_due = False
        self._answered_s = self._connected_s = time.monotonic()
        self._hung_up = 0
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

    def replay(self, request_id: str, first: int, last: int) -> bool:
        """Send revisions by sequence again, after everything new; False if too many wait."""
        taken = self._replays.ask(request_id, first, last)
        self._ring()
        return taken

    @property
    def largest_bytes(self) -> int:
        """The largest packet that the broker takes; 0: it is away."""
        return self._sender.limit.limit_bytes if self._connected else 0

    def answer(self, answer: Answer) -> None:
        """Send the answer to a command."""
        self._answers.put(answer)
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
            if self._sender.aside:
                depth -= self._store.outbox.acked_after(self.name, position)
        except SQLAlchemyError:
            depth, oldest = -1, None
        health, reason = Health.READY, self._trouble()
        if not self._connected:
            health = Health.OFFLINE if self._error else Health.STARTING
            reason = self._error or "connecting"
        elif reason:
            health = Health.DEGRADED
        else:
            reason = self._protocol.note
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
                "protocol": self._protocol.name,
            },
        )

    def _trouble(self) -> str:
        """What is not right though the connection stands, or empty."""
        sender, states = self._sender, self._states
        said = [sender.error, sender.aside.reason()]
        if states is not None and states.refused:
            said.append(f"did not take a state: {states.refused}")
        if sender.limit.guessed:
            said.append(
                f"hangs up at larger messages: alerts go in {sender.limit.limit_bytes} bytes with "
                "less detail: raise its maximum packet size"
            )
        silent_s = time.monotonic() - self._answered_s
        if silent_s > ANSWER_WITHIN_S:
            said.append(f"has not acknowledged anything for {silent_s:.0f} s: it hangs, or is busy")
        reason = "; ".join(each for each in said if each)
        return f"broker {self.name}: {reason}" if reason else ""

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
        self._replays.begin()
        self._answers.begin()
        link = Link(
            self.name,
            self._protocol.broker(),
            client_id=f"hazard-{voice.site_id}-{voice.node}-{self.name}",
            will=voice.will(),
            wake=self._wake_in,
            on_ack=lambda acked: self._acked(states, acked),
            on_message=lambda message: self._heard(link, states, message),
        )
        self._states = states = States(link, voice, self._sender, self.counters)
        self._areas_due = False
        try:
            link.connect()
            self._connected, self._error = True, ""
            self._answered_s = self._connected_s = time.monotonic()
            self._sender.limit.told = link.max_packet
            self.counters.connects += 1
            log.info("mqtt.connected", broker=self.name, resend=self._sender.resends)
            states.introduce()
            if self.broker.commands != "off":
                link.subscribe(command_filter(voice.site_id), qos=1)
            self._follow(link, states)
            self._say_farewell(link, states)
        except BrokerError as error:
            if not link.hung_up:
                raise
            self._sender.limit.hung_up(max(self._sender.largest_bytes, states.largest_bytes))
            self._hung_up = self._hung_up + 1 if self._soon() else 1
            if self._hung_up < HANG_UPS:
                raise
            raise BrokerError(
                f"{error}; it hung up {self._hung_up} times in a row: does another client use this "
                "node's name (site.node)? See the broker's log"
            ) from error
        finally:
            self._connected = False
            self._protocol.ended(link.reply)
            link.abandon()
            self._sender.save_marks()

    def _soon(self) -> bool:
        """Whether the session did not outlast the longest pause by much."""
        return time.monotonic() - self._connected_s < 2 * LONGEST_PAUSE_S

    def _heard(self, link: Link, states: States, message: MQTTMessage) -> None:
        """A message has come: a retained one that may be dead, or a command."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours
        if not message.payload:
            return
        if not topic_matches_sub(command_filter(self._voice.site_id), topic):
            if message.retain:
                states.found_retained(topic, bytes(message.payload))
            return
        if message.retain:
            states.take_off(topic)
        self._ears.command(received(self.name, topic, message, properties=link.speaks_v5))

    def _acked(self, states: States, acked: Acked) -> None:
        self._answered_s = time.monotonic()
        for each in (states, self._replays, self._answers):
            if each.acked(acked):
                return
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
            self._answers.send(link, sender.limit.limit_bytes)
            self._replays.send(link, sender.limit.limit_bytes)
            idle = not sender.in_flight
            if idle and not states.waiting:
                self._answered_s = now
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
