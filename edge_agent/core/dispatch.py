"""One place that carries out what people and programs ask for, by its verb.

Every request is checked against the actor's role and areas, whichever way it came. What is done
is stored with its outcome in one transaction; what is refused is audited with who asked for it, as
what, and why not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from edge_agent.core.alerts import Alerts
from edge_agent.core.guard import Guard
from edge_agent.core.revisions import By, log_revision, request_details
from edge_agent.core.store_thread import StoreThread
from edge_agent.core.suppression import Register
from edge_agent.publish.port import PublisherPort
from hazard.alarms import Alarm, Transition, on_action, on_case
from hazard.alarms.arguments import Replay, TestAnnunciator, parse_arguments
from hazard.alarms.authorization import refuse_unauthorized
from hazard.errors import Conflict, HazardError, IllegalTransition
from hazard.store.operations import FinishRequest, Operation, WriteAudit, WriteRevision
from hazard.store.restore import OpenAlert
from hazard.store.store import Store
from hazard.types import ActionRequest, RequestOutcome, RequestState, Verb

CASE_VERBS = frozenset(
    {
        Verb.ASSIGN,
        Verb.PLAN_ACTION,
        Verb.COMPLETE_ACTION,
        Verb.CHECK_ACTION,
        Verb.CLOSE_CASE,
        Verb.REOPEN_CASE,
    }
)
ORDER_VERBS = frozenset({Verb.GRANT_PERMIT, Verb.TAKE_OUT_OF_SERVICE, Verb.END_SUPPRESSION})
PUBLISHER_VERBS = frozenset({Verb.TEST_ANNUNCIATOR, Verb.REPLAY, Verb.SNAPSHOT})
SITE_VERBS = frozenset({Verb.CHANGE_SITE, Verb.RESTORE_SITE})
JOB_VERBS = frozenset({Verb.START_JOB, Verb.CANCEL_JOB})
AFTER_THE_END = CASE_VERBS | {Verb.COMMENT}
"""What may be asked of an alarm that is over."""

Work = Callable[[ActionRequest, datetime], None]
CarryOut = Callable[[ActionRequest], Coroutine[None, None, None]]

FAILED = "the agent failed on this request: see its log, and ask again"

MAX_ARGUMENTS = 500
"""Characters of a request's arguments that its audit line holds."""

log = structlog.get_logger()


class Dispatcher:
    """Carries out requests, each once, in the order in which they come.

    Args:
        publisher: carries out what concerns the brokers.
        change_site: carries out what concerns the site file.
        jobs: begins and ends long work.
        guard: a request that fails is counted, and the next one is carried out.
    """

    def __init__(
        self,
        alerts: Alerts,
        register: Register,
        *,
        store: Store,
        thread: StoreThread,
        publisher: PublisherPort,
        guard: Guard,
        change_site: CarryOut,
        jobs: CarryOut,
    ) -> None:
        self._alerts, self._register = alerts, register
        self._store, self._thread = store, thread
        self._publisher, self._guard = publisher, guard
        self._change_site, self._jobs = change_site, jobs
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def carry_out(self, request: ActionRequest) -> None:
        """Carry it out, or refuse it; either way its outcome is stored."""
        if request.verb in ORDER_VERBS:
            self._try(request, self._order)
        elif request.verb in PUBLISHER_VERBS:
            self._try(request, self._publish)
        elif self._alerts.case_of(request.alert_id) is not None:
            self._try(request, self._act)
        elif request.verb in SITE_VERBS:
            self._later(self._change_site(request))
        elif request.verb in JOB_VERBS:
            self._later(self._jobs(request))
        else:
            self._later(self._act_on_stored(request))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _try(self, request: ActionRequest, work: Work) -> None:
        self._guard("requests", partial(self._do, request, work))

    def _do(self, request: ActionRequest, work: Work) -> None:
        now = datetime.now(UTC)
        try:
            work(request, now)
        except Conflict as error:
            self._refuse(request, RequestState.CONFLICT, str(error), now)
        except HazardError as error:
            self._refuse(request, RequestState.REFUSED, str(error), now)
        except Exception:
            self._refuse(request, RequestState.REFUSED, FAILED, now)
            raise

    # ------------------------------------------------------------ alarms and cases

    def _act(self, request: ActionRequest, now: datetime) -> None:
        case = self._alerts.case_of(request.alert_id)
        if case is None:
            raise IllegalTransition("the alarm is back to normal: nothing is left to do")
        refuse_unauthorized(request, case.incident.area)
        done = self._changed(case.alarm, request, now)
        finish = finished(request, done, now)
        self._alerts.acted(case, done, finish, By.request(request))

    async def _act_on_stored(self, request: ActionRequest) -> None:
        """An alarm that is over lives in the store only.

        One at a time: the next reads what this one has written.
        """
        async with self._reading:
            try:
                found = await self._thread.run(lambda: self._store.alert(request.alert_id))
            except HazardError as error:
                self._refuse(request, RequestState.REFUSED, str(error), datetime.now(UTC))
                return
            self._try(request, lambda asked, now: self._revise_stored(found, asked, now))

    def _revise_stored(
        self, found: OpenAlert | None, request: ActionRequest, now: datetime
    ) -> None:
        if found is None:
            raise IllegalTransition(f"there is no alert {request.alert_id!r}: load the list again")
        refuse_unauthorized(request, found.message.area)
        if request.verb not in AFTER_THE_END:
            raise IllegalTransition("the alarm is back to normal: nothing is left to do")
        done = self._changed(found.alarm, request, now)
        finish = finished(request, done, now)
        if not done.changed:
            self._thread.commit((finish,))
            return
        values = done.alarm.message_fields() | {"cause": done.cause}
        message = found.message.model_copy(update=values)
        by = By.request(request)
        write = WriteRevision(
            message=message,
            alarm=done.alarm,
            actor=by.actor,
            text=done.text,
            details=dict(by.details),
        )
        self._thread.commit((write, finish))
        log_revision(message, done.text)

    def _changed(self, alarm: Alarm, request: ActionRequest, now: datetime) -> Transition:
        """What the request makes of the alarm, or of its case."""
        parse_arguments(request)
        if request.verb in CASE_VERBS:
            return on_case(alarm, request, now)
        longest_shelf = timedelta(hours=self._alerts.site.alarms.longest_shelf_h)
        return on_action(alarm, request, now, longest_shelf=longest_shelf)

    # ------------------------------------------------------------ orders

    def _order(self, request: ActionRequest, now: datetime) -> None:
        outcome, operations = self._register.asked(request, now)
        self._thread.commit((*operations, finish_with(request, outcome, now)))
        self._alerts.settle_all(now)

    # ------------------------------------------------------------ brokers

    def _publish(self, request: ActionRequest, now: datetime) -> None:
        arguments = parse_arguments(request)
        refuse_unauthorized(request, getattr(arguments, "area", None))
        match arguments:
            case TestAnnunciator():
                outcome = self._publisher.test_annunciator(arguments.area, arguments.seconds)
            case Replay():
                outcome = self._publisher.replay(
                    request.request_id, arguments.from_sequence, arguments.to_sequence
                )
            case _:
                outcome = self._publisher.snapshot(request.request_id)
        self._thread.commit((audit(request, outcome, now), finish_with(request, outcome, now)))

    def _refuse(
        self, request: ActionRequest, state: RequestState, text: str, now: datetime
    ) -> None:
        outcome = RequestOutcome(state=state, text=text[:2000])
        log.warning(
            "request.not_done",
            alert_id=request.alert_id,
            **request_details(request),
            state=state.value,
            text=text[:300],
        )
        self._thread.commit((audit(request, outcome, now), finish_with(request, outcome, now)))


def finished(request: ActionRequest, done: Transition, now: datetime) -> Operation:
    """The outcome of a request that was carried out on an alarm."""
    values = {"alert_id": done.alarm.alert_id, "revision": done.alarm.revision}
    outcome = RequestOutcome(state=RequestState.DONE, text=done.text[:2000], values=values)
    return finish_with(request, outcome, now)


def finish_with(request: ActionRequest, outcome: RequestOutcome, now: datetime) -> FinishRequest:
    """The outcome as it is stored."""
    return FinishRequest(
        request_id=request.request_id,
        state=outcome.state,
        outcome=outcome.text,
        values=outcome.values,
        at=now,
    )


def audit(request: ActionRequest, outcome: RequestOutcome, now: datetime) -> WriteAudit:
    """The audit line of a request that wrote no revision."""
    return WriteAudit(
        at=now,
        actor=request.actor,
        verb=f"request.{outcome.state.value}",
        subject=request.alert_id or request.verb.value,
        details={
            **request_details(request),
            "arguments": json.dumps(request.arguments)[:MAX_ARGUMENTS],
            "text": outcome.text,
            **outcome.values,
        },
    )
