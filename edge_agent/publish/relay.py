"""One thread per broker: takes the outbox to it, for ever, in order.

A session ends by an error of the broker, and the next begins after a pause that grows, with jitter.
What was not taken over is sent again: receivers go by alert id and revision.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.commands.outgoing import Answers
from edge_agent.publish.commands.replies import Answer
from edge_agent.publish.gaps import told
from edge_agent.publish.protocol import ProtocolChoice
from edge_agent.publish.replays import Replays
from edge_agent.publish.sending import Sender
from edge_agent.publish.session import Ears, Orders, Session, Work
from edge_agent.publish.voice import Counters, Voice
from hazard.errors import BrokerError, HazardError
from hazard.site.mqtt import Broker
from hazard.store import Store
from hazard.types import Health, StageHealth

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
HANG_UPS = 3
"""Connections in a row that the broker ends without a word before the reason guesses why."""
ANSWER_WITHIN_S = 5.0
"""A broker that acknowledges nothing for so long, while something waits, is said to hang. The
keep-alive ends the connection later."""

log = structlog.get_logger()


class Relay:
    """The relay to one broker: `start`, `wake` at each commit, `stop`."""

    def __init__(self, name: str, broker: Broker, store: Store, voice: Voice, ears: Ears) -> None:
        self.name, self.broker = name, broker
        self.counters = Counters()
        self._store = store
        self._work = Work(
            name=name,
            takes_commands=broker.commands != "off",
            voice=voice,
            ears=ears,
            counters=self.counters,
            sender=Sender(name, store, self.counters, ears.handed_over),
            replays=Replays(voice.node, store, self.counters, ears.replayed),
            answers=Answers(self.counters),
            orders=Orders(),
        )
        self._protocol = ProtocolChoice(broker)
        self._session: Session | None = None
        self._error = ""
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
        self._work.sender.news = True
        self._ring()

    def refresh(self) -> None:
        """The node's status or an area's watch has changed: say so now."""
        self._work.orders.status_due = True
        self._ring()

    def replay(self, request_id: str, first: int, last: int) -> bool:
        """Send revisions by sequence again, after everything new; False if too many wait."""
        taken = self._work.replays.ask(request_id, first, last)
        self._ring()
        return taken

    def answer(self, answer: Answer) -> None:
        """Send the answer to a command."""
        self._work.answers.put(answer)
        self._ring()

    @property
    def largest_bytes(self) -> int:
        """The largest packet that the broker takes; 0: it is away."""
        return self._work.sender.limit.limit_bytes if self._connected else 0

    @property
    def _connected(self) -> bool:
        return self._session is not None and self._session.connected

    def _ring(self) -> None:
        try:
            self._wake_out.send(b"w")
        except OSError:  # the pipe is full (it is awake already) or closed (it has stopped)
            return

    def stop(self, timeout: float) -> None:
        """Send what is left, say farewell and disconnect; waits at most `timeout` seconds."""
        self._work.orders.deadline_s = time.monotonic() + timeout
        self._work.orders.stopping.set()
        self._ring()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if not self._thread.is_alive():
            self._wake_in.close()
            self._wake_out.close()

    # ------------------------------------------------------------ how it is

    def health(self, now: datetime) -> StageHealth:
        """The stage `mqtt/{broker}`."""
        sender = self._work.sender
        position = sender.position
        try:
            if position is None:
                position = self._store.outbox.position(self.name)
            depth, oldest = self._store.outbox.depth(position)
            if sender.aside:
                depth -= self._store.outbox.acked_after(self.name, position)
            given_up = told(self._store.outbox.gaps(self.name, position))
        except SQLAlchemyError:
            depth, oldest, given_up = -1, None, ""
        session = self._session
        if session is None or not session.connected:
            health = Health.OFFLINE if self._error else Health.STARTING
            reason = "; ".join(each for each in (self._error or "connecting", given_up) if each)
        else:
            reason = "; ".join(each for each in (self._trouble(session), given_up) if each)
            health = Health.DEGRADED if reason else Health.READY
            reason = reason or self._protocol.note
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

    def _trouble(self, session: Session) -> str:
        """What is not right though the connection stands, or empty."""
        sender = self._work.sender
        said = [sender.error, sender.aside.reason(), session.trouble()]
        if sender.limit.guessed:
            said.append(
                f"hangs up at larger messages: alerts go in {sender.limit.limit_bytes} bytes with "
                "less detail: raise its maximum packet size"
            )
        silent_s = time.monotonic() - session.answered_s
        if silent_s > ANSWER_WITHIN_S:
            said.append(f"has not acknowledged anything for {silent_s:.0f} s: it hangs, or is busy")
        reason = "; ".join(each for each in said if each)
        return f"broker {self.name}: {reason}" if reason else ""

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        stopping = self._work.orders.stopping
        while not stopping.is_set():
            began = time.monotonic()
            try:
                self._meet()
            except (HazardError, SQLAlchemyError) as error:
                self._error = str(error)
                log.warning("mqtt.session_ended", broker=self.name, reason=self._error)
            except Exception as error:
                self._error = f"{type(error).__name__}: {error}"
                log.exception("mqtt.session_failed", broker=self.name)
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause = FIRST_PAUSE_S
            stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _meet(self) -> None:
        """One session."""
        for each in (self._work.sender, self._work.replays, self._work.answers):
            each.begin()
        session = Session(self._work, self._protocol, self._wake_in)
        self._session = session
        try:
            session.run()
        except BrokerError as error:
            if not session.link.hung_up:
                raise
            self._work.sender.limit.hung_up(session.largest_bytes)
            soon = time.monotonic() - session.connected_s < 2 * LONGEST_PAUSE_S
            self._hung_up = self._hung_up + 1 if soon else 1
            if self._hung_up < HANG_UPS:
                raise
            raise BrokerError(
                f"{error}; it hung up {self._hung_up} times in a row: does another client use this "
                "node's name (site.node)? See the broker's log"
            ) from error
