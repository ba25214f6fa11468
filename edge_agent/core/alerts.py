"""From findings to alerts: the only place that changes alarm state.

Everything happens in the loop's thread and in order; each change becomes operations for the store,
which commits them one after the other in a thread of its own. Nobody waits: not the rules for the
store, not revision 1 for a model or a picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog

from edge_agent.core.cases import (
    Case,
    authority_over,
    condition_of,
    kinds_of,
    message_of,
    restore,
    with_evidence,
)
from hazard.alarms import (
    Transition,
    on_action,
    on_assessment,
    on_condition,
    on_expiry,
    raise_alarm,
)
from hazard.alarms import on_note as alarm_note
from hazard.catalogue import HazardKind
from hazard.errors import Conflict, IllegalTransition
from hazard.incidents import IncidentBook, IncidentChange
from hazard.site.models import Site
from hazard.store.operations import (
    FinishRequest,
    Operation,
    SaveAssessment,
    SaveEvidence,
    SaveIncident,
    WriteRevision,
)
from hazard.store.restore import OpenAlert
from hazard.triage.ladder import at_once
from hazard.triage.policy import assess
from hazard.triage.words import template
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Assessment,
    Authority,
    Cause,
    Condition,
    Evidence,
    HazardEvent,
    Incident,
    RequestState,
    Severity,
    Times,
    Verdict,
    Words,
)

EVIDENCE_WAITS_S = 3.0
"""Pictures join the next revision; after so long without one they get their own."""
AGENT = "agent"
WORDS_AT_ONCE = "written at once from the catalogue"
"""Note of the words of revision 1; the ladder's words replace them."""

Commit = Callable[[tuple[Operation, ...]], None]
Raised = Callable[[Case, HazardEvent], None]

log = structlog.get_logger()


class Alerts:
    """All incidents and alerts that are not over.

    Args:
        commit: takes the operations of one change, to be stored together and in order.
        climb: starts the ladder (model, then words) for a case; called after revision 1 and
            whenever the verdict changes.
        picture: asks for evidence of an event.
        authority: what a model may do with a hazard kind.
    """

    def __init__(
        self,
        site: Site,
        catalogue: dict[str, HazardKind],
        *,
        new_id: Callable[[], str],
        commit: Commit,
        climb: Callable[[Case], None],
        picture: Raised,
        authority: Callable[[str], Authority],
    ) -> None:
        self.site = site
        self._catalogue = catalogue
        self._new_id = new_id
        self._commit = commit
        self._climb = climb
        self._picture = picture
        self._authority = authority
        self._book = IncidentBook(catalogue, window_s=site.policy.incident_window_s)
        self._cases: dict[str, Case] = {}

    # ------------------------------------------------------------ restart and reload

    def resume(self, alerts: Iterable[OpenAlert], incidents: Iterable[Incident]) -> None:
        """Take up what was stored before a restart.

        An incident that is over and whose alarm is back to normal is closed now: the restart took
        the end of its window. So is one that a person has declared clear: what comes is a new
        alert. A policy that was made stricter meanwhile applies at once.
        """
        now = datetime.now(UTC)
        known = {incident.incident_id: incident for incident in incidents}
        for stored in alerts:
            incident = known.get(stored.message.incident_id)
            if incident is None:
                log.error("alert.without_incident", alert_id=stored.message.alert_id)
                continue
            verdict = assess(incident, self.site.policy, self._catalogue)
            case = restore(stored.message, incident, stored.alarm, verdict)
            self._cases[incident.incident_id] = case
            if _is_worse(verdict, stored.message, case.alarm.severity):
                self._escalate(case, verdict, now)
            elif stored.message.words is None or stored.message.words.note == WORDS_AT_ONCE:
                self._start_ladder(case, time.monotonic())
        for incident in known.values():
            verdict = assess(incident, self.site.policy, self._catalogue)
            journal_only = incident.active and verdict.default is Severity.INFO
            if journal_only or incident.incident_id in self._cases:
                self._book.restore((incident,))
            elif incident.closed_at is None:
                closed = incident.model_copy(update={"closed_at": now})
                self._commit((SaveIncident(incident=closed),))

    def reconfigure(self, site: Site) -> None:
        """Go on under a new site file; what is open stays open.

        A stricter policy applies at once to what is open; a milder one to what comes.
        """
        self.site = site
        self._book.set_window(site.policy.incident_window_s)
        now = datetime.now(UTC)
        for case in list(self._cases.values()):
            verdict = assess(case.incident, site.policy, self._catalogue)
            if not case.alarm.ended and _is_worse(verdict, case.verdict, case.alarm.severity):
                self._escalate(case, verdict, now)
        for incident in self._book.incidents:
            if incident.incident_id not in self._cases and incident.active:
                self._raise(incident)

    # ------------------------------------------------------------ what came in

    def found(self, event: HazardEvent) -> None:
        """A rule has found, held or cleared something."""
        self._apply(self._book.apply(event, self._new_id), event)

    def tick(self, now: datetime) -> None:
        """Time has passed: incidents close, shelves end, waiting pictures go out."""
        for change in self._book.tick(now):
            self._apply(change, None)
        limit = time.monotonic() - EVIDENCE_WAITS_S
        for case in list(self._cases.values()):
            expired = on_expiry(case.alarm, now)
            if expired.changed:
                self._revise(case, expired)
            if case.waiting_evidence and case.waiting_since_s < limit:
                self._revise(case, alarm_note(case.alarm, Cause.EVIDENCE, now, "pictures"))
            self._forget_if_over(case)

    def evidence(self, incident_id: str, evidence: Evidence) -> None:
        """A picture has come."""
        case = self._cases.get(incident_id)
        self._commit((SaveEvidence(incident_id=incident_id, evidence=evidence),))
        if case is not None:
            if not case.waiting_evidence:
                case.waiting_since_s = time.monotonic()
            case.waiting_evidence = (*case.waiting_evidence, evidence)

    def decided(self, case: Case, ladder: int, assessment: Assessment) -> bool:
        """The ladder has decided; False if that answer is out of date."""
        if case.ladder != ladder:
            return False
        now = assessment.decided_at
        transition = on_assessment(
            case.alarm,
            assessment.severity,
            now,
            kinds=kinds_of(case.incident),
            text=assessment.reason,
        )
        case.assessment = assessment
        case.times = case.times.model_copy(update={"decided": now})
        self._revise(case, transition, SaveAssessment(assessment=assessment))
        return True

    def worded(self, case: Case, ladder: int, words: Words) -> None:
        """The words are ready."""
        if case.ladder != ladder:
            return
        case.words = words
        now = datetime.now(UTC)
        self._revise(case, alarm_note(case.alarm, Cause.WORDS, now, f"words by {words.source}"))

    def requested(self, request: ActionRequest) -> None:
        """A person or program asks for something."""
        now = datetime.now(UTC)
        case = next((c for c in self._cases.values() if c.alarm.alert_id == request.alert_id), None)
        if case is None:
            text = "the alarm is back to normal: nothing is left to do"
            self._finish(request, RequestState.REFUSED, text, now)
            return
        try:
            transition = on_action(case.alarm, request, now)
        except Conflict as error:
            self._finish(request, RequestState.CONFLICT, str(error), now)
        except IllegalTransition as error:
            self._finish(request, RequestState.REFUSED, str(error), now)
        else:
            done = FinishRequest(
                request_id=request.request_id,
                state=RequestState.DONE,
                outcome=transition.text,
                at=now,
            )
            if transition.changed:
                self._revise(case, transition, done, actor=request.actor)
            else:
                self._commit((done,))
            self._forget_if_over(case)

    # ------------------------------------------------------------ how it is applied

    def _apply(self, change: IncidentChange, event: HazardEvent | None) -> None:
        incident = change.incident
        case = self._cases.get(incident.incident_id)
        if case is not None:
            self._follow(case, incident)
        elif incident.active:
            case = self._raise(incident)
        else:
            self._commit((SaveIncident(incident=incident),))
        if case is not None and event is not None and _wants_picture(change, event):
            self._picture(case, event)
        if case is not None:
            self._forget_if_over(case)

    def _raise(self, incident: Incident) -> Case | None:
        now, now_s = datetime.now(UTC), time.monotonic()
        verdict = assess(incident, self.site.policy, self._catalogue)
        save = SaveIncident(incident=incident)
        if verdict.default is Severity.INFO:
            self._commit((save,))
            return None
        first = incident.events[0]
        authority = authority_over(incident, self._authority)
        case = Case(
            incident=incident,
            verdict=verdict,
            assessment=at_once(incident.incident_id, verdict, authority, now, incident=incident),
            alarm=raise_alarm(self._new_id(), verdict.default, kinds_of(incident), now),
            times=Times(captured=first.captured_at, detected=first.detected_at, raised=now),
            words=self._words_at_once(incident),
        )
        self._cases[incident.incident_id] = case
        condition = on_condition(case.alarm, condition_of(incident), now)
        self._write(
            case, Cause.RAISED, verdict.why, AGENT, save, SaveAssessment(assessment=case.assessment)
        )
        if condition.changed:
            self._revise(case, condition)
        self._start_ladder(case, now_s)
        return case

    def _follow(self, case: Case, incident: Incident) -> None:
        """The incident has changed: what of it changes the alarm, and does the verdict?"""
        now = datetime.now(UTC)
        before, case.incident = case.incident, incident
        save = SaveIncident(incident=incident)
        condition = on_condition(case.alarm, condition_of(incident), now)
        verdict = assess(incident, self.site.policy, self._catalogue)
        worse = _is_worse(verdict, case.verdict, case.alarm.severity)
        new_kind = kinds_of(incident) != kinds_of(before)
        if condition.changed:
            self._revise(case, condition, save)
        if worse or new_kind:
            self._escalate(case, verdict, now)
        elif not condition.changed:
            self._commit((save,))

    def _escalate(self, case: Case, verdict: Verdict, now: datetime) -> None:
        """More severity or a new kind of hazard: a revision at once, and the ladder again."""
        incident, case.verdict, now_s = case.incident, verdict, time.monotonic()
        authority = authority_over(incident, self._authority)
        assessment = at_once(incident.incident_id, verdict, authority, now, incident=incident)
        severity = max(case.alarm.severity, assessment.severity, key=_rank)
        case.assessment = assessment.model_copy(update={"severity": severity})
        case.words = self._words_at_once(incident)
        transition = on_assessment(
            case.alarm,
            severity,
            now,
            kinds=kinds_of(incident),
            cause=Cause.EVENT,
            text=verdict.why,
        )
        self._revise(
            case,
            transition,
            SaveIncident(incident=incident),
            SaveAssessment(assessment=case.assessment),
        )
        self._start_ladder(case, now_s)

    def _words_at_once(self, incident: Incident) -> Words:
        """The template: whoever sees the alarm first must read what to do without waiting."""
        return template(incident, self.site.site.languages, self._catalogue, WORDS_AT_ONCE)

    def _start_ladder(self, case: Case, since_s: float) -> None:
        case.ladder += 1
        case.asked_since_s = since_s
        self._climb(case)

    def _revise(
        self, case: Case, transition: Transition, *more: Operation, actor: str = AGENT
    ) -> None:
        case.alarm = transition.alarm
        self._write(case, transition.cause, transition.text, actor, *more)

    def _write(self, case: Case, cause: Cause, text: str, actor: str, *more: Operation) -> None:
        with_evidence(case)
        message = message_of(case, cause, self.site, self._catalogue)
        first = [item for item in more if isinstance(item, SaveIncident)]
        rest = [item for item in more if not isinstance(item, SaveIncident)]
        write = WriteRevision(message=message, alarm=case.alarm, actor=actor, text=text)
        self._commit((*first, write, *rest))

    def _finish(
        self, request: ActionRequest, state: RequestState, text: str, now: datetime
    ) -> None:
        self._commit(
            (FinishRequest(request_id=request.request_id, state=state, outcome=text, at=now),)
        )

    def _forget_if_over(self, case: Case) -> None:
        if case.alarm.ended and case.incident.closed_at is not None:
            self._cases.pop(case.incident.incident_id, None)


def _is_worse(new: Verdict, old: Verdict | AlertMessage, severity: Severity) -> bool:
    """Whether the policy wants more than it did; what a model brought down within it stays."""
    return new.default > old.default or new.floor > old.floor or new.floor > severity


def _rank(severity: Severity) -> int:
    return severity.rank


def _wants_picture(change: IncidentChange, event: HazardEvent) -> bool:
    """A picture for each new finding, and for each that came back."""
    if event.condition is not Condition.ACTIVE:
        return False
    first = event.started_at == event.updated_at
    return first or change.reopened or change.new_kind_of_evidence
