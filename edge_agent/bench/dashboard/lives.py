"""Lives of alarms for a filled store: made once by the product's own alarm machine.

A life is what an alarm of one kind in one place went through: raised, decided, acknowledged, over,
its case closed; or only a part of it. `hazard bench dashboard` then gives each life new ids and
times as often as needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hazard.alarms import (
    Alarm,
    Transition,
    on_action,
    on_case,
    on_condition,
    on_note,
    raise_alarm,
)
from hazard.catalogue import catalogue
from hazard.site.models import Language
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Assessment,
    Authority,
    Cause,
    Condition,
    DecidedBy,
    HazardEvent,
    Incident,
    IsaState,
    Measured,
    ProcessCondition,
    Role,
    Severity,
    Times,
    Verb,
    Words,
)

BORN = datetime(2001, 1, 1, tzinfo=UTC)
"""When every life begins; the filling puts its own time there."""
SITE, NODE = "bench", "edge-1"
LANGUAGES: tuple[Language, ...] = ("en", "de")

AREAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "yard": ("Loading yard", ("person_near_vehicle", "crowding", "camera_dark")),
    "compressor": ("Compressor house", ("toxic_gas", "overtemperature", "sensor_stale")),
    "tank-farm": ("Tank farm", ("flammable_gas", "fire", "person_in_restricted_zone")),
    "boiler": ("Boiler house", ("overtemperature", "rapid_temperature_rise", "smoke")),
    "paint-shop": ("Paint shop", ("flammable_gas", "smoke", "camera_offline")),
    "warehouse": ("Warehouse", ("smoke", "crowding", "camera_frozen")),
    "laboratory": ("Laboratory", ("toxic_gas", "sensor_stale", "crowding")),
    "press-line": ("Press line", ("person_in_restricted_zone", "camera_dark", "overtemperature")),
}
"""The plant: area to its name and the kinds of hazard that come there, the frequent first."""
PEOPLE = ("A. Rossi", "B. Meier", "C. Dupont", "D. García")
NOTES = ("looked at it on site", "valve closed by hand", "called the contractor", "false echo")


@dataclass(slots=True)
class Step:
    """One revision of a life.

    Attributes:
        after: since the alarm was raised.
    """

    message: AlertMessage
    alarm: Alarm
    actor: str
    text: str
    after: timedelta


@dataclass(slots=True)
class Life:
    """One alarm from its beginning as far as it went; ids and times are placeholders."""

    incident: Incident
    assessment: Assessment
    steps: list[Step] = field(default_factory=list)

    @property
    def last(self) -> AlertMessage:
        """The newest revision."""
        return self.steps[-1].message

    @property
    def over(self) -> bool:
        """Whether it is back to normal."""
        return self.last.state is IsaState.NORMAL


def lives() -> list[Life]:
    """Every life that alarms of this plant go through."""
    made = []
    for area, (_, kinds) in AREAS.items():
        for hazard in kinds:
            default = catalogue()[hazard].default
            other = Severity.LOW if default < Severity.HIGH else Severity.CRITICAL
            for severity in dict.fromkeys((default, other)):
                for number, course in enumerate(_COURSES):
                    if "shelve" in course and severity is Severity.CRITICAL:
                        continue
                    decided_by = tuple(DecidedBy)[(number + severity.rank) % len(DecidedBy)]
                    made.append(_live(area, hazard, severity, decided_by, course))
    return made


_COURSES: tuple[tuple[str, ...], ...] = (
    ("acknowledge", "return", "reset", "close"),
    ("acknowledge", "return", "reset"),
    ("return", "acknowledge", "reset", "close"),
    (),
    ("acknowledge",),
    ("return",),
    ("acknowledge", "shelve"),
)
_AFTER_S = {"acknowledge": 120, "return": 600, "reset": 720, "shelve": 300, "close": 7200}


def _live(
    area: str, hazard: str, severity: Severity, decided_by: DecidedBy, course: tuple[str, ...]
) -> Life:
    person = PEOPLE[len(course) % len(PEOPLE)]
    event = _event(area, hazard)
    incident = Incident(
        incident_id="qqiqq",
        area=area,
        opened_at=BORN,
        updated_at=BORN,
        hazard=hazard,
        events=(event,),
    )
    assessment = Assessment(
        assessment_id="qqsqq",
        incident_id="qqiqq",
        severity=severity,
        floor=catalogue()[hazard].floor,
        default=severity,
        decided_by=decided_by,
        authority=Authority.RAISE,
        reason="within its authority",
        decided_at=BORN + timedelta(seconds=1),
    )
    life = Life(incident, assessment)
    alarm = raise_alarm("qqaqq", severity, (hazard,), BORN)
    first = _message(alarm, event, severity, decided_by)
    life.steps.append(Step(first, alarm, "agent", "raised", timedelta(0)))
    for step in _steps(alarm, course, person):
        after = step.alarm.updated_at - BORN
        changes = {"cause": step.cause, **step.alarm.message_fields()}
        if step.cause is Cause.WORDS:
            changes["words"] = _words(hazard)
        message = AlertMessage.model_validate(dict(life.last) | changes)
        life.steps.append(Step(message, step.alarm, _actor(step, person), step.text, after))
    return life


def _steps(alarm: Alarm, course: tuple[str, ...], person: str) -> Iterator[Transition]:
    written = on_note(alarm, Cause.WORDS, BORN + timedelta(seconds=3), "summary and actions")
    alarm = written.alarm
    yield written
    for word in course:
        at = BORN + timedelta(seconds=_AFTER_S[word])
        if word == "return":
            step = on_condition(alarm, ProcessCondition.NORMAL, at)
        elif word == "reset" and not alarm.attention.latched:
            continue
        elif word == "close":
            step = on_case(alarm, _request(alarm, Verb.CLOSE_CASE, person), at)
        else:
            step = on_action(alarm, _request(alarm, Verb(word), person), at)
        alarm = step.alarm
        yield step


def _request(alarm: Alarm, verb: Verb, person: str) -> ActionRequest:
    return ActionRequest(
        request_id="request",
        alert_id=alarm.alert_id,
        verb=verb,
        actor=person,
        role=Role.SAFETY_OFFICER,
        expected_revision=alarm.revision,
        comment=f"{NOTES[alarm.revision % len(NOTES)]}, order qqnqq",
        duration_s=3600.0 if verb is Verb.SHELVE else None,
        arguments={"cause": "nuisance"} if verb is Verb.CLOSE_CASE else {},
        requested_at=BORN,
    )


def _actor(step: Transition, person: str) -> str:
    return person if step.cause in (Cause.ACTION, Cause.CASE) else "agent"


def _event(area: str, hazard: str) -> HazardEvent:
    source = f"{area}-1"
    return HazardEvent(
        event_id="qqeqq",
        rule_id=hazard.replace("_", "-"),
        hazard=hazard,
        area=area,
        subject=f"{source} in zone {area}-north",
        condition=Condition.ACTIVE,
        started_at=BORN,
        updated_at=BORN,
        updated_monotonic_s=1.0,
        confidence=0.9,
        measured=(Measured(name="level", value=62.0, unit="ppm", threshold=50.0, source=source),),
        level="high",
        sources=(source,),
        captured_at=BORN,
        detected_at=BORN,
        detected_monotonic_s=1.0,
    )


def _message(
    alarm: Alarm, event: HazardEvent, severity: Severity, decided_by: DecidedBy
) -> AlertMessage:
    kind = catalogue()[event.hazard]
    values: dict[str, Any] = {
        "incident_id": "qqiqq",
        "sequence": 1,
        "cause": Cause.RAISED,
        "site": SITE,
        "node": NODE,
        "area": event.area,
        "hazard": event.hazard,
        "hazard_name": {code: kind.name[code] for code in LANGUAGES},
        "floor": min(kind.floor, severity, key=lambda each: each.rank),
        "default": severity,
        "decided_by": decided_by,
        "authority": Authority.RAISE,
        "reason": "within its authority",
        "policy_why": f"catalogue: {event.hazard} at level {event.level}",
        "events": (event,),
        "times": Times(captured=BORN, detected=BORN, raised=BORN),
    }
    return AlertMessage(**(values | alarm.message_fields()))


def _words(hazard: str) -> Words:
    """In one language and without the actions: an alert then fits into half a page of SQLite."""
    summary = {LANGUAGES[0]: catalogue()[hazard].description[LANGUAGES[0]]}
    return Words(summary=summary, actions={}, source="template")
