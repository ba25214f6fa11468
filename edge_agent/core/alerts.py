"""From findings to alerts: the only place that changes alarm state.

Everything happens in the loop's thread and in order; each change becomes operations for the store,
which commits them one after the other in a thread of its own. Nobody waits: not the rules for the
store, not revision 1 for a model or a picture.

Where others join in: `settler.sources` say what is suppressed (orders of people and of the site
file; a flood), and are asked at each change and each tick of each open alarm, also before its first
revision; `scribe.annunciated` are called with each alarm that begins to ask in the open;
`scribe.revise(case, transition)` writes whatever else happens to an alarm; `cases` are the open
ones; `found` takes an event of the program's own as it takes a rule's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from structlog.contextvars import bound_contextvars

from edge_agent.core.cases import (
    Case,
    condition_of,
    kinds_of,
    restore,
    wants_picture,
)
from edge_agent.core.judging import WORDS_AT_ONCE, Judge, is_worse
from edge_agent.core.revisions import By, Commit, Scribe
from edge_agent.core.settling import Settler
from edge_agent.core.upsets import Upsets
from hazard.alarms import (
    Transition,
    on_assessment,
    on_condition,
)
from hazard.alarms import on_note as alarm_note
from hazard.catalogue import HazardKind
from hazard.incidents import IncidentBook, IncidentChange
from hazard.site.models import Site
from hazard.store.operations import Operation, SaveAssessment, SaveEvidence, SaveIncident
from hazard.store.restore import OpenAlert
from hazard.triage.policy import assess
from hazard.types import (
    Assessment,
    Authority,
    Cause,
    Evidence,
    HazardEvent,
    Incident,
    Severity,
    Verdict,
    Words,
)

EVIDENCE_WAITS_S = 3.0
"""Pictures join the next revision; after so long without one they get their own."""
Raised = Callable[[Case, HazardEvent], None]

log = structlog.get_logger()


class Alerts:
    """All incidents and alerts that are not over.

    Attributes:
        scribe: writes the revisions.
        settler: knows what is suppressed and whose turn it is.

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
        self.scribe = Scribe(site, catalogue, commit)
        self.settler = Settler(self.scribe, catalogue)
        self._catalogue = catalogue
        self._new_id = new_id
        self._climb = climb
        self._picture = picture
        self._judge = Judge(catalogue, authority)
        self._book = IncidentBook(catalogue, window_s=site.policy.incident_window_s)
        self._upsets = Upsets()
        self._cases: dict[str, Case] = {}

    @property
    def cases(self) -> tuple[Case, ...]:
        """The alerts that are not over, oldest first."""
        return tuple(self._cases.values())

    def case_of(self, alert_id: str) -> Case | None:
        """The alert of that id, unless it is over."""
        return next((c for c in self._cases.values() if c.alarm.alert_id == alert_id), None)

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
            if is_worse(verdict, stored.message, case.alarm.severity):
                with self._about(case):
                    self._escalate(case, verdict, now)
            elif stored.message.words is None or stored.message.words.note == WORDS_AT_ONCE:
                self._start_ladder(case, time.monotonic())
        self._upsets.restore(self.cases)
        for incident in known.values():
            verdict = assess(incident, self.site.policy, self._catalogue)
            journal_only = incident.active and verdict.default is Severity.INFO
            if journal_only or incident.incident_id in self._cases:
                self._book.restore((incident,))
            elif incident.closed_at is None:
                closed = incident.model_copy(update={"closed_at": now})
                self.scribe.save(SaveIncident(incident=closed))

    def reconfigure(self, site: Site) -> None:
        """Go on under a new site file; what is open stays open.

        A stricter policy applies at once to what is open; a milder one to what comes.
        """
        self.site = self.scribe.site = site
        self._book.set_window(site.policy.incident_window_s)
        now = datetime.now(UTC)
        for case in self.cases:
            verdict = assess(case.incident, site.policy, self._catalogue)
            with self._about(case):
                if not case.alarm.ended and is_worse(verdict, case.verdict, case.alarm.severity):
                    self._escalate(case, verdict, now)
                else:
                    self.settler.settle(case, now)
        for incident in self._book.incidents:
            if incident.incident_id not in self._cases and incident.active:
                self._raise(incident)

    # ------------------------------------------------------------ what came in

    def found(self, event: HazardEvent) -> None:
        """A rule has found, held or cleared something."""
        self._apply(self._book.apply(event, self._new_id), event)

    def tick(self, now: datetime) -> None:
        """Time has passed.

        Incidents close, shelves and suppressions end, ladders climb, and pictures that waited go
        out.
        """
        for change in self._book.tick(now):
            self._apply(change, None)
        limit = time.monotonic() - EVIDENCE_WAITS_S
        for case in self.cases:
            with self._about(case):
                self.settler.clock(case, now)
                if case.waiting_evidence and case.waiting_since_s < limit:
                    self._note(case, Cause.EVIDENCE, now, "pictures")
            self._forget_if_over(case)

    def evidence(self, incident_id: str, evidence: Evidence) -> None:
        """A picture has come."""
        case = self._cases.get(incident_id)
        self.scribe.save(SaveEvidence(incident_id=incident_id, evidence=evidence))
        if case is not None:
            if not case.waiting_evidence:
                case.waiting_since_s = time.monotonic()
            case.waiting_evidence = (*case.waiting_evidence, evidence)

    def decided(self, case: Case, ladder: int, assessment: Assessment) -> bool:
        """The ladder has decided; False if that answer is out of date."""
        if case.ladder != ladder:
            return False
        now = assessment.decided_at
        with self._about(case):
            transition = on_assessment(
                case.alarm,
                assessment.severity,
                now,
                kinds=kinds_of(case.incident),
                text=assessment.reason,
            )
            case.assessment = assessment
            case.times = case.times.model_copy(update={"decided": now})
            self.scribe.revise(case, transition, SaveAssessment(assessment=assessment))
            self.settler.settle(case, now)
        return True

    def worded(self, case: Case, ladder: int, words: Words) -> None:
        """The words are ready."""
        if case.ladder != ladder:
            return
        case.words = words
        with self._about(case):
            self._note(case, Cause.WORDS, datetime.now(UTC), f"words by {words.source}")

    def acted(self, case: Case, done: Transition, finish: Operation, by: By) -> None:
        """Somebody has acted on the alarm or its case; the outcome is written with it."""
        with self._about(case):
            self.scribe.revise(case, done, finish, by=by)
            self._upsets.look(case.incident.area, self.cases, done.at)
            self.settler.settle(case, done.at)
        self._forget_if_over(case)

    def settle_all(self, now: datetime) -> None:
        """Orders have begun or ended: bring every open alarm up to date at once."""
        for case in self.cases:
            with self._about(case):
                self.settler.settle(case, now)
            self._forget_if_over(case)

    # ------------------------------------------------------------ how it is applied

    @contextmanager
    def _about(self, case: Case) -> Iterator[None]:
        """Everything within is committed together, and its log lines name the alert."""
        ids = {"alert_id": case.alarm.alert_id, "incident_id": case.incident.incident_id}
        with bound_contextvars(**ids), self.scribe.together():
            yield

    def _note(self, case: Case, cause: Cause, at: datetime, text: str) -> None:
        self.scribe.revise(case, alarm_note(case.alarm, cause, at, text))

    def _apply(self, change: IncidentChange, event: HazardEvent | None) -> None:
        incident = change.incident
        case = self._cases.get(incident.incident_id)
        if case is not None:
            with self._about(case):
                self._follow(case, incident)
        elif incident.active:
            case = self._raise(incident)
        else:
            self.scribe.save(SaveIncident(incident=incident))
        if case is not None and event is not None and wants_picture(change, event):
            self._picture(case, event)
        if case is not None:
            self._forget_if_over(case)

    def _raise(self, incident: Incident) -> Case | None:
        now, now_s = datetime.now(UTC), time.monotonic()
        verdict = assess(incident, self.site.policy, self._catalogue)
        save = SaveIncident(incident=incident)
        if verdict.default is Severity.INFO:
            self.scribe.save(save)
            return None
        case = self._judge.new_case(incident, verdict, self._new_id(), self.site, now)
        self._cases[incident.incident_id] = case
        with self._about(case):
            self.settler.open(case, now, self._upsets.raised(case, now))
            self.scribe.raised(
                case, now, verdict.why, save, SaveAssessment(assessment=case.assessment)
            )
            self._now_is(case, now)
            self.settler.settle(case, now)
            self._start_ladder(case, now_s)
        return case

    def _now_is(self, case: Case, now: datetime, *more: Operation) -> None:
        """Bring the alarm's condition up to date with its incident."""
        condition = on_condition(
            case.alarm, condition_of(case.incident), now, self.site.alarms.nuisance
        )
        self.scribe.revise(case, condition, *more)
        self._upsets.look(case.incident.area, self.cases, now)

    def _follow(self, case: Case, incident: Incident) -> None:
        """The incident has changed: what of it changes the alarm, and does the verdict?"""
        now = datetime.now(UTC)
        before, case.incident = case.incident, incident
        self._now_is(case, now, SaveIncident(incident=incident))
        verdict = assess(incident, self.site.policy, self._catalogue)
        worse = is_worse(verdict, case.verdict, case.alarm.severity)
        if worse or kinds_of(incident) != kinds_of(before):
            self._escalate(case, verdict, now)
        else:
            self.settler.settle(case, now)

    def _escalate(self, case: Case, verdict: Verdict, now: datetime) -> None:
        """More severity or a new kind of hazard: a revision at once, and the ladder again."""
        now_s = time.monotonic()
        transition = self._judge.worse(case, verdict, self.site, now)
        self.scribe.revise(
            case,
            transition,
            SaveIncident(incident=case.incident),
            SaveAssessment(assessment=case.assessment),
        )
        self.settler.settle(case, now)
        self._start_ladder(case, now_s)

    def _start_ladder(self, case: Case, since_s: float) -> None:
        case.ladder += 1
        case.asked_since_s = since_s
        self._climb(case)

    def _forget_if_over(self, case: Case) -> None:
        if case.alarm.ended and case.incident.closed_at is not None:
            self._cases.pop(case.incident.incident_id, None)
