"""One session with one broker: from the connection until it breaks or the node stops.

Connect; say that the node is there; publish active states and areas anew; clear what is retained of
this node and holds no more; send the revisions of the last half hour again (a broker that was
killed forgets what it acknowledged), and once more when its subscribers have had time to come back;
follow the outbox, and beside it take commands and send what they asked for.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from paho.mqtt.client import MQTTMessage, topic_matches_sub

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.commands.outgoing import Answers
from edge_agent.publish.commands.replies import Received, received
from edge_agent.publish.protocol import ProtocolChoice
from edge_agent.publish.replays import Replays
from edge_agent.publish.sending import Sender
from edge_agent.publish.states import States
from edge_agent.publish.topics import command_filter
from edge_agent.publish.voice import Counters, HandedOver, Voice
from hazard.errors import BrokerError

SETTLED_S = 5.0
"""A broker that was killed has lost its subscribers too. They are back after a while: then what
was handed over is sent once more, since what was sent before reached nobody."""
CLEANING_S = 3.0
"""How long retained states of this node are looked through after connecting."""
POLL_S = 0.25
"""The outbox is looked at this often even if nobody wakes the relay."""
MARK_EVERY_S = 0.1
GOODBYE_S = 2.0

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


@dataclass(slots=True)
class Orders:
    """What other threads want of the session: read by the relay's thread, set by any."""

    stopping: threading.Event = field(default_factory=threading.Event)
    deadline_s: float = 0.0
    status_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What outlasts a session: what is to be sent to one broker, and what was."""

    name: str
    takes_commands: bool
    voice: Voice
    ears: Ears
    counters: Counters
    sender: Sender
    replays: Replays
    answers: Answers
    orders: Orders


class Session:
    """One session; used by the relay's thread only, but for what `health` reads.

    Attributes:
        answered_s: CLOCK_MONOTONIC of the newest sign that the broker acknowledges, in seconds.
        connected_s: since when it is connected, likewise.
        connected: whether it is.
    """

    def __init__(self, work: Work, protocol: ProtocolChoice, wake: socket.socket) -> None:
        self._work, self._protocol = work, protocol
        self.connected = False
        self.answered_s = self.connected_s = time.monotonic()
        voice = work.voice
        self.link = Link(
            work.name,
            protocol.broker(),
            client_id=f"hazard-{voice.site_id}-{voice.node}-{work.name}",
            will=voice.will(),
            wake=wake,
            on_ack=self._acked,
            on_message=self._heard,
        )
        self.states = States(self.link, voice, work.sender, work.counters)
        self._cleaned_s: float | None = None
        self._settled_s: float | None = None
        self._areas_due = False

    @property
    def largest_bytes(self) -> int:
        """The largest body that waits for its PUBACK."""
        return max(self._work.sender.largest_bytes, self.states.largest_bytes)

    def run(self) -> None:
        """Connect and follow, until the node stops.

        Raises:
            BrokerError: if the broker cannot be reached, refuses, or is gone.
        """
        work, link = self._work, self.link
        try:
            link.connect()
            self.connected = True
            self.answered_s = self.connected_s = time.monotonic()
            work.sender.limit.told = link.max_packet
            work.counters.connects += 1
            log.info("mqtt.connected", broker=work.name, resend=work.sender.resends)
            if work.takes_commands:  # before its status: who sees that may command
                link.subscribe(command_filter(work.voice.site_id), qos=1)
            self.states.introduce()
            self._follow()
            self._say_farewell()
        finally:
            self.connected = False
            self._protocol.ended(link.reply)
            link.abandon()
            work.sender.save_marks()

    # ------------------------------------------------------------ what comes

    def _heard(self, message: MQTTMessage) -> None:
        """A message has come: a retained one that may be dead, or a command."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours
        if not message.payload:
            return
        if not topic_matches_sub(command_filter(self._work.voice.site_id), topic):
            if message.retain:
                self.states.found_retained(topic, bytes(message.payload))
            return
        if message.retain:
            self.states.take_off(topic)
        of_v5 = self.link.speaks_v5
        self._work.ears.command(received(self._work.name, topic, message, properties=of_v5))

    def trouble(self) -> str:
        """What the broker does not let the node do, or empty."""
        said = []
        if self.states.refused:
            said.append(f"did not take a state: {self.states.refused}")
        if self.states.orphans:
            said.append(
                f"has {len(self.states.orphans)} active alarms of another database of this node "
                f"(e.g. {min(self.states.orphans)}): see what became of them, then take them off"
            )
        why = self.link.unheard.get(command_filter(self._work.voice.site_id))
        if why is not None:
            said.append(f"does not send commands: {why}: allow this node to read them")
        return "; ".join(said)

    def _acked(self, acked: Acked) -> None:
        self.answered_s = time.monotonic()
        for each in (self.states, self._work.replays, self._work.answers):
            if each.acked(acked):
                return
        self._work.sender.acked(acked)

    # ------------------------------------------------------------ following the outbox

    def _follow(self) -> None:
        sender = self._work.sender
        now = time.monotonic()
        beaten, looked, marked, told = now, now, now, now
        self._cleaned_s = now + CLEANING_S
        if self._work.counters.connects > 1 or sender.resends:
            self._settled_s = now + SETTLED_S
        while not self._finished():
            now = time.monotonic()
            if now - looked >= POLL_S:
                sender.news, looked = True, now
            idle = self._send(now)
            if self._areas_due and (idle or now - told >= POLL_S):
                told, self._areas_due = now, False  # after the PUBACKs: alerts go first
                self.states.areas()
            if now - beaten >= self._work.voice.heartbeat_s or self._work.orders.status_due:
                beaten, self._work.orders.status_due = now, False
                self.states.beat()
            self._once(now)
            if now - marked >= MARK_EVERY_S:
                marked = now
                sender.save_marks()
            self.link.poll(MARK_EVERY_S)
            if sender.refused is not None:
                raise BrokerError(
                    f"broker {self._work.name} did not take a message: {sender.refused}"
                )

    def _send(self, now: float) -> bool:
        """Send what may go now, alerts first; True if no alert waits for its PUBACK."""
        work = self._work
        self._areas_due = self._areas_due or work.sender.news
        work.sender.send(self.link)
        limit_bytes = work.sender.limit.limit_bytes
        work.answers.send(self.link, limit_bytes)
        work.replays.send(self.link, limit_bytes)
        if work.sender.missed:  # among what went were states that stand
            work.sender.missed = False
            self.states.introduce()
            self._cleaned_s = now + CLEANING_S
        idle = not work.sender.in_flight
        if idle and not self.states.waiting:
            self.answered_s = now
        return idle

    def _once(self, now: float) -> None:
        """What is done once, some seconds after the connection."""
        if self._cleaned_s is not None and now >= self._cleaned_s:
            self._cleaned_s = None
            self.states.stop_looking()
        if self._settled_s is not None and now >= self._settled_s:
            self._settled_s = None
            self._work.sender.save_marks()
            self._work.sender.rewind()

    def _finished(self) -> bool:
        orders = self._work.orders
        if not orders.stopping.is_set():
            return False
        return self._work.sender.done or time.monotonic() > orders.deadline_s - GOODBYE_S / 2

    def _say_farewell(self) -> None:
        self.states.farewell()
        deadline = min(self._work.orders.deadline_s, time.monotonic() + GOODBYE_S)
        while self.states.waiting and time.monotonic() < deadline:
            self.link.poll(0.05)
        self.link.close()
