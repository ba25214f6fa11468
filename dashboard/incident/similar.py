"""Past incidents that were like this one, and what they turned out to be.

The store gives a bounded number of candidates by index (same kind in the same area, then in the
other areas); here they are put in order by what they have in common.
"""

from __future__ import annotations

from pydantic import Field

from dashboard.i18n import N_
from dashboard.incident.saying import Say
from hazard.catalogue import catalogue
from hazard.store.queries import Candidate
from hazard.triage.words import by_language
from hazard.types import AlertMessage, CauseCode, Model, Severity, UtcTime

SHOWN = 5
SHARED_TEXT = {
    "area": N_("area"),
    "zone": N_("zone"),
    "source": N_("sensor or camera"),
    "level": N_("level"),
    "values": N_("values"),
}
WORDS_COMPARED = 60


class Similar(Model):
    """One past incident.

    Attributes:
        shared: what it has in common with this one, by name.
        done: corrective actions and recommended actions that were done then.
    """

    alert_id: str
    raised_at: UtcTime
    title: str
    area: str
    severity: Severity
    cause: CauseCode | None
    closing_note: str
    done: tuple[str, ...]
    shared: tuple[str, ...]
    likeness: float = Field(ge=0, description="higher: more in common")


def most_like(
    message: AlertMessage, candidates: tuple[Candidate, ...], say: Say
) -> tuple[Similar, ...]:
    """The candidates that have most in common, at most `SHOWN`; of equal ones the newest first."""
    found = [_compared(message, each, say) for each in candidates]
    found.sort(key=lambda each: (-each.likeness, -each.raised_at.timestamp()))
    return tuple(found[:SHOWN])


def _compared(message: AlertMessage, past: Candidate, say: Say) -> Similar:
    shared: list[str] = []
    score = 0.0
    sources = {source for event in message.events for source in event.sources}
    zones = {zone for event in message.events for box in event.boxes for zone in box.zones}
    levels = {event.level for event in message.events if event.level}
    for name, weight, same in (
        ("area", 4.0, past.area == message.area),
        ("zone", 3.0, bool(zones & set(past.zones))),
        ("source", 2.0, bool(sources & set(past.sources))),
        ("level", 1.0, bool(levels & set(past.levels))),
    ):
        if same:
            shared.append(name)
            score += weight
    nearness = _nearness(message, past)
    if nearness > 0.5:  # noqa: PLR2004 - nearer to the same than to anything else
        shared.append("values")
    score += 2 * nearness + _overlap(message, past)
    score += 0.5 if past.cause is not None else 0.0
    return Similar(
        alert_id=past.alert_id,
        raised_at=past.raised_at,
        title=say.kind(past.hazard),
        area=past.area,
        severity=past.severity,
        cause=past.cause,
        closing_note=past.closing_note,
        done=(*past.done, *_texts(past.checked, say)),
        shared=tuple(shared),
        likeness=round(score, 3),
    )


def _texts(action_ids: tuple[str, ...], say: Say) -> tuple[str, ...]:
    actions = {action.id: action for kind in catalogue().values() for action in kind.actions}
    known = (actions[action_id] for action_id in action_ids if action_id in actions)
    return tuple(by_language(action.text)[say.language] for action in known)


def _nearness(message: AlertMessage, past: Candidate) -> float:
    """1: the same values; towards 0: values of another size, or none to compare."""
    values = {item.name: item.value for event in message.events for item in event.measured}
    ratios = []
    for name, value in past.measured.items():
        here = values.get(name)
        if here is not None and here > 0 and value > 0:
            ratios.append(min(here, value) / max(here, value))
    return sum(ratios) / len(ratios) if ratios else 0.0


def _overlap(message: AlertMessage, past: Candidate) -> float:
    """Share of words that both summaries have."""
    here = _terms(message.words.summary.get("en", "") if message.words is not None else "")
    there = _terms(past.summary)
    return len(here & there) / len(here | there) if here and there else 0.0


def _terms(text: str) -> set[str]:
    words = (word.strip(".,;:()").lower() for word in text.split()[:WORDS_COMPARED])
    return {word for word in words if len(word) > 3}  # noqa: PLR2004 - no articles
