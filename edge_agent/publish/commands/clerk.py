"""Takes commands off the relays, hands them to the core, and brings the answers back.

It has a thread of its own: no relay waits for the store here, and no alert for a command. The core
learns of a command from the store as it does of the dashboard's requests, carries it out and
stores the outcome; the clerk reads the outcome there, so that nothing is answered that a power cut
could undo.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.commands.judge import (
    CommandRefused,
    NotMeant,
    Wanted,
    answer_route,
    judge,
)
from edge_agent.publish.commands.limits import Allowance
from edge_agent.publish.commands.replies import Answer, Received, Route, answer
from edge_agent.publish.commands.snapshots import snapshot_parts
from edge_agent.publish.commands.verbs import COMMANDS, verb_label
from edge_agent.publish.commands.waiting import Waiting
from edge_agent.publish.voice import Voice
from hazard.command_tokens import read_secret
from hazard.errors import ConfigError, StoreError
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.desk import NoSuchAlert
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, RequestOutcome, RequestState, Verb

MOST_PENDING = 500
LOOK_EVERY_S = 0.05
FORGET_AFTER_S = 300.0
"""Nobody waits longer for an answer; who asks again with the same request id gets it."""
PER_MINUTE = 120
"""Commands of one user that are handed to the core."""
REPEATABLE_PER_MINUTE = 20
"""Snapshots, replays and tests of one user."""
REFUSALS_PER_MINUTE = 60
"""Refusals that are answered, and written to log and audit; more are only counted."""
REFUSED = "refusals"

log = structlog.get_logger()


@dataclass(slots=True)
class _Pending:
    """A request that the core has not answered yet, and who waits for it."""

    verb: Verb
    since_s: float
    routes: list[Route] = field(default_factory=list)


class Clerk:
    """The commands of all brokers. `take`, `replayed`, `broker_of`, `counts` from any thread.

    Args:
        send: sends an answer at a broker.
        largest: the largest packet that a broker takes, in bytes; 0: it is away.
    """

    def __init__(
        self,
        store: Store,
        site: Site,
        voice: Voice,
        *,
        send: Callable[[str, Answer], None],
        largest: Callable[[str], int],
    ) -> None:
        self.site = site
        self._store, self._voice = store, voice
        self._send, self._largest = send, largest
        self._news = threading.Condition()
        self._in = Waiting()
        self._pending: dict[str, _Pending] = {}
        self._replayed: dict[str, int] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._accepted = Allowance(PER_MINUTE)
        self._repeated = Allowance(REPEATABLE_PER_MINUTE)
        self._refusals = Allowance(REFUSALS_PER_MINUTE)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    # ------------------------------------------------------------ from other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End; what was not handed to the core is not done."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def take(self, received: Received) -> None:
        """A message on a command topic; one that finds no place is counted and dropped."""
        with self._news:
            if self._in.put(received, self.site.alarms.users):
                self._news.notify()
            else:
                self._counts[received.broker, verb_label(received.verb), "dropped"] += 1

    def replayed(self, request_id: str, sent: int) -> None:
        """A relay has sent what a replay asked for."""
        with self._news:
            self._replayed[request_id] = self._replayed.get(request_id, 0) + sent
            while len(self._replayed) > MOST_PENDING:
                del self._replayed[next(iter(self._replayed))]
            self._news.notify()

    def broker_of(self, request_id: str) -> str | None:
        """The broker that a request came by, while somebody waits there for its answer."""
        with self._news:
            pending = self._pending.get(request_id)
            return pending.routes[0].broker if pending is not None else None

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many commands by broker, verb (`other`: no such verb) and outcome."""
        with self._news:
            return Counter(self._counts)

    def fault(self, broker: str) -> str:
        """Why no command of a broker can be taken; empty if they can, or are off."""
        known = self.site.brokers().get(broker)
        if known is None or known.commands != "token":
            return ""
        try:
            read_secret(self.site.mqtt.token_secret)
        except ConfigError as error:
            return f"commands are refused: {error}"
        return ""

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            with self._news:
                if not self._in and not self._stopping:
                    self._news.wait(LOOK_EVERY_S if self._pending else 1.0)
                if self._stopping:
                    return
                received = self._in.next()
            try:
                if received is not None:
                    self._handle(received)
                self._follow()
                self._tell_surplus()
            except Exception:
                log.exception("command.failed")

    def _handle(self, received: Received) -> None:
        if not received.size_bytes:
            return  # somebody has cleared a retained command
        now, site = datetime.now(UTC), self.site
        if received.broker not in site.brokers():
            return
        try:
            wanted = judge(received, site, now)
            self._allow(wanted)
            self._submit(wanted)
        except NotMeant:
            self._count(received.broker, received.verb, "not_meant")
        except CommandRefused as error:
            self._refuse(received, str(error), now)

    def _allow(self, wanted: Wanted) -> None:
        repeatable = COMMANDS[wanted.request.verb].repeatable
        allowance = self._repeated if repeatable else self._accepted
        if not allowance.take(wanted.request.actor):
            limit = REPEATABLE_PER_MINUTE if repeatable else PER_MINUTE
            raise CommandRefused(f"more than {limit} in a minute: ask again later")
        if len(self._pending) >= MOST_PENDING:
            raise CommandRefused("too many commands wait for the agent: ask again later")

    def _submit(self, wanted: Wanted) -> None:
        """Hand a command to the core, once.

        It is pending before the core can hear of it, since the core may ask who waits.
        """
        request = self._known(wanted)
        with self._news:
            pending = self._pending.setdefault(
                request.request_id, _Pending(request.verb, time.monotonic())
            )
            pending.routes.append(wanted.route)
        try:
            status = self._store.desk.submit_request(request)
        except StoreError as error:
            self._withdraw(request.request_id, wanted.route)
            elsewhere = isinstance(error, NoSuchAlert) and not self._store.journal_waiting
            if elsewhere and not wanted.named_node:
                raise NotMeant(request.alert_id) from error
            raise CommandRefused(str(error)) from error
        if not _same(status.request, request):
            self._withdraw(request.request_id, wanted.route)
            raise CommandRefused(
                "this request_id was used for something else: give each request its own"
            )

    def _withdraw(self, request_id: str, route: Route) -> None:
        """Nobody waits on this route for the request."""
        with self._news:
            routes = self._pending[request_id].routes
            routes.remove(route)
            if not routes:
                del self._pending[request_id]

    def _known(self, wanted: Wanted) -> ActionRequest:
        """The request, under the id that the same one had a minute ago if there was one."""
        if wanted.earlier_id is not None:
            try:
                earlier = self._store.queries.request_state(wanted.earlier_id)
            except SQLAlchemyError as error:
                raise CommandRefused("the store cannot be read now: ask again") from error
            if earlier is not None:
                return wanted.request.model_copy(update={"request_id": wanted.earlier_id})
        return wanted.request

    # ------------------------------------------------------------ outcomes

    def _follow(self) -> None:
        """Answer what the core has carried out."""
        now_s = time.monotonic()
        for request_id, pending in list(self._pending.items()):
            try:
                status = self._store.queries.request_state(request_id)
            except SQLAlchemyError:
                return  # the store's health says why
            if status is not None and self._is_over(status):
                self._forget(request_id)
                self._answer(status, pending)
            elif now_s - pending.since_s > FORGET_AFTER_S:
                self._forget(request_id)
                for route in pending.routes:
                    self._count(route.broker, route.verb, "unanswered")

    def _is_over(self, status: RequestStatus) -> bool:
        """Whether there is an answer; a replay's comes after what it has sent."""
        if status.state is RequestState.PENDING:
            return False
        replay = status.request.verb is Verb.REPLAY and status.state is RequestState.DONE
        return not replay or status.request.request_id in self._replayed

    def _forget(self, request_id: str) -> None:
        with self._news:
            self._pending.pop(request_id, None)

    def _answer(self, status: RequestStatus, pending: _Pending) -> None:
        values = dict(status.values)
        with self._news:
            sent = self._replayed.pop(status.request.request_id, None)
        if sent is not None:
            values["sent"] = sent
        outcome = RequestOutcome(state=status.state, text=status.outcome, values=values)
        for route in pending.routes:
            self._count(route.broker, route.verb, outcome.state.value)
            if pending.verb is Verb.SNAPSHOT and outcome.state is RequestState.DONE:
                self._answer_snapshot(route, outcome)
            else:
                self._reply(route, outcome)

    def _answer_snapshot(self, route: Route, outcome: RequestOutcome) -> None:
        room = self._largest(route.broker)
        if not room:
            return
        try:
            parts = snapshot_parts(self._voice, lambda: self._store.sequence, room)
        except SQLAlchemyError:
            text = "the store cannot be read now: ask again"
            self._reply(route, RequestOutcome(state=RequestState.REFUSED, text=text))
            return
        for values in parts:
            self._reply(route, outcome.model_copy(update={"values": outcome.values | values}))

    def _reply(self, route: Route, outcome: RequestOutcome) -> None:
        made = answer(route, self.site, outcome, datetime.now(UTC))
        if made is not None:
            self._send(route.broker, made)

    # ------------------------------------------------------------ refusals

    def _refuse(self, received: Received, text: str, now: datetime) -> None:
        """Answer, log and audit, as far as the allowance goes: a sender cannot fill the disk."""
        self._count(received.broker, received.verb, "refused")
        if not self._refusals.take(REFUSED):
            return
        log.warning(
            "command.refused",
            broker=received.broker,
            user=received.user,
            verb=received.verb,
            reason=text,
        )
        self._audit(
            now,
            received.user or "unknown",
            received.verb,
            {"broker": received.broker, "via": "mqtt", "text": text[:500]},
        )
        outcome = RequestOutcome(state=RequestState.REFUSED, text=text[:2000])
        self._reply(answer_route(received, self.site), outcome)

    def _tell_surplus(self) -> None:
        more = self._refusals.settle(REFUSED)
        if more:
            text = f"{more} more commands were refused within a minute"
            log.warning("command.refused", reason=text)
            self._audit(datetime.now(UTC), "agent", "", {"via": "mqtt", "text": text})

    def _audit(self, at: datetime, actor: str, subject: str, details: dict[str, str]) -> None:
        try:
            with self._store.unit() as unit:
                unit.audit(at, actor, "command.refused", subject, details)
                unit.commit()
        except StoreError as error:
            log.warning("command.not_audited", error=str(error)[:300])

    def _count(self, broker: str, verb: str, outcome: str) -> None:
        with self._news:
            self._counts[broker, verb_label(verb), outcome] += 1


def _same(stored: ActionRequest, wanted: ActionRequest) -> bool:
    """Whether a stored request asks for the same."""
    what = ("verb", "alert_id", "expected_revision", "comment", "duration_s", "arguments", "actor")
    return all(getattr(stored, name) == getattr(wanted, name) for name in what)
