"""Builders of events and incidents for tests of triage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from hazard.catalogue import found_by_rules
from hazard.site.models import KindPolicy, Policy
from hazard.types import Condition, HazardEvent, Incident, Measured, Opinion, Severity

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
KINDS = tuple(sorted(found_by_rules()))
SEVERITIES = tuple(Severity)


def an_event(hazard: str = "person_in_restricted_zone", **changes: Any) -> HazardEvent:
    """One active finding; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "event_id": f"event-{hazard}",
        "rule_id": "rule-1",
        "hazard": hazard,
        "area": "tank-farm",
        "subject": "track 7 in taped-off",
        "condition": Condition.ACTIVE,
        "started_at": START,
        "updated_at": START + timedelta(seconds=3),
        "updated_monotonic_s": 103.0,
        "confidence": 0.8,
        "captured_at": START,
        "detected_at": START,
        "detected_monotonic_s": 100.0,
        "sources": ("gate-1",),
    }
    return HazardEvent(**(fields | changes))


def gas(value: float = 12.0, level: str = "alarm", **changes: Any) -> HazardEvent:
    """H2S above a level, in ppm."""
    measured = Measured(name="h2s", value=value, unit="ppm", threshold=10.0, source="h2s-1")
    fields: dict[str, Any] = {
        "level": level,
        "measured": (measured,),
        "subject": "h2s-1",
        "sources": ("h2s-1",),
    }
    return an_event("toxic_gas", **(fields | changes))


def an_incident(*events: HazardEvent) -> Incident:
    """The incident of these events."""
    events = events or (an_event(),)
    return Incident(
        incident_id="incident-1",
        area=events[0].area,
        opened_at=events[0].started_at,
        updated_at=max(event.updated_at for event in events),
        hazard=events[0].hazard,
        events=events,
    )


def an_opinion(severity: Severity | None, **changes: Any) -> Opinion:
    """An opinion that is sure of `severity` (None: unsure)."""
    if severity is None:
        probabilities = dict.fromkeys(SEVERITIES, 0.2)
    else:
        probabilities = {item: 0.8 if item is severity else 0.05 for item in SEVERITIES}
    fields: dict[str, Any] = {
        "backend": "scripted",
        "severity": severity,
        "probabilities": probabilities,
        "answered_in_ms": 1.0,
    }
    return Opinion(**(fields | changes))


severities = st.sampled_from(SEVERITIES)
levels = st.sampled_from(("", "warning", "alarm", "high", "very_high", "trip", "idlh", "own-level"))

events = st.builds(
    an_event,
    hazard=st.sampled_from((*KINDS, "never_heard_of")),
    level=levels,
    condition=st.sampled_from(tuple(Condition)),
    occupied=st.sampled_from((True, False, None)),
    measured=st.lists(
        st.builds(
            Measured,
            name=st.sampled_from(("h2s", "H2S", "ch4", "temperature", "distance")),
            value=st.floats(-10, 2000),
            unit=st.sampled_from(("ppm", "%LEL", "degC", "m")),
        ),
        max_size=2,
    ).map(tuple),
)
incidents = st.lists(events, min_size=1, max_size=4).map(lambda found: an_incident(*found))
policies = st.dictionaries(
    st.sampled_from((*KINDS, "never_heard_of")),
    st.builds(
        KindPolicy,
        floor=st.none() | severities,
        default=st.none() | severities,
        levels=st.dictionaries(levels.filter(bool), severities, max_size=3),
    ),
    max_size=5,
).map(lambda kinds: Policy(kinds=kinds))
