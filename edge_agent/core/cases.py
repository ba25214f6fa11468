"""One alert as the core holds it while it lives: incident, verdict, alarm, words, evidence.

`Case` is a plain mutable record of immutable parts; the functions here are pure and make the
message of the next revision from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hazard.alarms import Alarm
from hazard.catalogue import HazardKind
from hazard.incidents import IncidentChange
from hazard.site.models import Site
from hazard.triage.authority import least
from hazard.triage.together import ASKED_ABOUT
from hazard.types import (
    AlertMessage,
    Assessment,
    Authority,
    Cause,
    Condition,
    Evidence,
    HazardEvent,
    Incident,
    Opinion,
    ProcessCondition,
    Times,
    Verdict,
    Words,
)

MAX_EVIDENCE = 12
"""Pictures that one alert refers to; more of the same situation add nothing."""

REPLAY_ONLY = frozenset({"prompt", ASKED_ABOUT})
"""Keys of an opinion's provenance that are stored with the assessment and not published."""


@dataclass(slots=True)
class Case:
    """An alert and what belongs to it.

    Attributes:
        waiting_evidence: pictures that came after the last revision.
        waiting_since_s: monotonic time at which the oldest of them came.
        ladder: number of the ladder that runs; an older one's answers are not applied.
        asked_since_s: CLOCK_MONOTONIC of the revision that raised or escalated it, in seconds, or
            of the restart that took it up again: the decision's deadline counts from there.
    """

    incident: Incident
    verdict: Verdict
    assessment: Assessment
    alarm: Alarm
    times: Times
    words: Words | None = None
    evidence: tuple[Evidence, ...] = ()
    waiting_evidence: tuple[Evidence, ...] = ()
    waiting_since_s: float = field(default=0.0)
    ladder: int = 0
    asked_since_s: float = 0.0


def condition_of(incident: Incident) -> ProcessCondition:
    """Active while any event is active, held while any is held, else normal."""
    conditions = {event.condition for event in incident.events}
    if Condition.ACTIVE in conditions:
        return ProcessCondition.ACTIVE
    return ProcessCondition.HELD if Condition.HELD in conditions else ProcessCondition.NORMAL


def kinds_of(incident: Incident) -> tuple[str, ...]:
    """The hazard kinds of all events, cleared ones too."""
    return tuple(sorted({event.hazard for event in incident.events}))


def authority_over(incident: Incident, authority: Callable[[str], Authority]) -> Authority:
    """What a model may do with the incident: the least of what it may with each of its kinds."""
    return least(*(authority(kind) for kind in kinds_of(incident)))


def message_of(
    case: Case,
    cause: Cause,
    site: Site,
    catalogue: dict[str, HazardKind],
    *,
    asks_anew: bool = False,
) -> AlertMessage:
    """The message of the alarm's revision; sequence and time stored are the store's to set."""
    assessment = case.assessment
    kind = catalogue.get(case.incident.hazard)
    languages = site.site.languages
    names = {code: kind.name[code] for code in languages} if kind else {}
    return AlertMessage(
        **case.alarm.message_fields(),
        incident_id=case.incident.incident_id,
        sequence=1,
        cause=cause,
        site=site.site.id,
        node=site.site.node,
        area=case.incident.area,
        hazard=case.incident.hazard,
        hazard_name=names or {"en": case.incident.hazard},
        floor=case.verdict.floor,
        default=case.verdict.default,
        decided_by=assessment.decided_by,
        authority=assessment.authority,
        reason=assessment.reason,
        policy_why=case.verdict.why,
        opinion=_published(assessment.opinion),
        words=case.words,
        events=case.incident.events,
        evidence=case.evidence,
        times=case.times,
        asks_anew=asks_anew,
    )


def _published(opinion: Opinion | None) -> Opinion | None:
    """The opinion without what only a replay needs, which the stored assessment keeps.

    The prompt repeats the alert's own events in other words, and a joint incident those of other
    alerts: sent with each further revision they would take several times the room of the alert,
    and brokers have limits.
    """
    if opinion is None:
        return None
    kept = {key: value for key, value in opinion.provenance.items() if key not in REPLAY_ONLY}
    return opinion.model_copy(update={"provenance": kept})


def wants_picture(change: IncidentChange, event: HazardEvent) -> bool:
    """A picture for each new finding, and for each that came back."""
    if event.condition is not Condition.ACTIVE:
        return False
    first = event.started_at == event.updated_at
    return first or change.reopened or change.new_kind_of_evidence


def restore(message: AlertMessage, incident: Incident, alarm: Alarm, verdict: Verdict) -> Case:
    """A case as it was when its last revision was stored."""
    assessment = Assessment(
        assessment_id=f"{message.alert_id}-restored",
        incident_id=incident.incident_id,
        severity=message.severity,
        floor=message.floor,
        default=message.default,
        decided_by=message.decided_by,
        authority=message.authority,
        reason=message.reason,
        opinion=message.opinion,
        decided_at=message.times.decided or message.times.raised,
    )
    return Case(
        incident=incident,
        verdict=verdict,
        assessment=assessment,
        alarm=alarm,
        times=message.times,
        words=message.words,
        evidence=message.evidence,
    )


def with_evidence(case: Case) -> None:
    """Move the pictures that wait into the alert."""
    known = {item.evidence_id for item in case.evidence}
    new = tuple(item for item in case.waiting_evidence if item.evidence_id not in known)
    case.evidence = (*case.evidence, *new)[:MAX_EVIDENCE]
    case.waiting_evidence = ()
