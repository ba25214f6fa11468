"""What the policy makes of an incident at once: a new case, or a case that got worse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from edge_agent.core.cases import Case, authority_over, kinds_of
from hazard.alarms import Transition, on_assessment, raise_alarm
from hazard.catalogue import HazardKind
from hazard.site.models import Site
from hazard.triage.ladder import at_once
from hazard.triage.words import template
from hazard.types import (
    AlertMessage,
    Authority,
    Cause,
    Incident,
    Severity,
    Times,
    Verdict,
    Words,
)

WORDS_AT_ONCE = "written at once from the catalogue"
"""Note of the words of revision 1; the ladder's words replace them."""


class Judge:
    """Applies the policy's verdict before anybody else has an opinion.

    Args:
        authority: what a model may do with a hazard kind.
    """

    def __init__(
        self, catalogue: dict[str, HazardKind], authority: Callable[[str], Authority]
    ) -> None:
        self._catalogue, self._authority = catalogue, authority

    def new_case(
        self, incident: Incident, verdict: Verdict, alert_id: str, site: Site, now: datetime
    ) -> Case:
        """The case of an incident that raises an alarm, before anybody has a say in it."""
        first = incident.events[0]
        authority = authority_over(incident, self._authority)
        return Case(
            incident=incident,
            verdict=verdict,
            assessment=at_once(incident.incident_id, verdict, authority, now, incident=incident),
            alarm=raise_alarm(alert_id, verdict.default, kinds_of(incident), now),
            times=Times(captured=first.captured_at, detected=first.detected_at, raised=now),
            words=self._words(incident, site),
        )

    def worse(self, case: Case, verdict: Verdict, site: Site, now: datetime) -> Transition:
        """More severity or a new kind of hazard: the case is judged anew, and asks again."""
        incident, case.verdict = case.incident, verdict
        authority = authority_over(incident, self._authority)
        assessment = at_once(incident.incident_id, verdict, authority, now, incident=incident)
        severity = max(case.alarm.severity, assessment.severity, key=lambda each: each.rank)
        case.assessment = assessment.model_copy(update={"severity": severity})
        case.words = self._words(incident, site)
        return on_assessment(
            case.alarm,
            severity,
            now,
            kinds=kinds_of(incident),
            cause=Cause.EVENT,
            text=verdict.why,
        )

    def _words(self, incident: Incident, site: Site) -> Words:
        """The template: whoever sees the alarm first must read what to do without waiting."""
        return template(incident, site.site.languages, self._catalogue, WORDS_AT_ONCE)


def is_worse(new: Verdict, old: Verdict | AlertMessage, severity: Severity) -> bool:
    """Whether the policy wants more than it did; what a model brought down within it stays."""
    return new.default > old.default or new.floor > old.floor or new.floor > severity
