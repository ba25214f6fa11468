"""Several incidents of one area as one question, and what its answer may do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.ladder import decide
from hazard.triage.policy import assess
from hazard.triage.together import MAX_EVENTS, distinct, shared, together
from hazard.types import Authority, Condition, DecidedBy, Incident, Severity, Verdict
from tests.incidents import START, an_event, an_incident, an_opinion, gas, incidents

KINDS = catalogue()


def judged(incident: Incident) -> tuple[Incident, Verdict]:
    return incident, assess(incident, Policy(), KINDS)


def named(name: str, *events: object) -> tuple[Incident, Verdict]:
    incident = an_incident(*events)  # type: ignore[arg-type]
    return judged(incident.model_copy(update={"incident_id": name}))


CROWD = named("crowd", an_event("crowding"))
LEAK = named("leak", gas(12.0), an_event("crowding", event_id="seen"))
OVER = named("over", an_event("crowding", event_id="over", condition=Condition.CLEARED))


def test_the_joint_incident_is_led_by_the_worst_and_has_the_highest_floor_and_default() -> None:
    joint, verdict = together([CROWD, LEAK])
    assert joint.hazard == "toxic_gas"
    assert (verdict.floor, verdict.default) == (LEAK[1].floor, LEAK[1].default)
    assert "2 incidents" in verdict.why


def test_standing_events_come_first_and_each_incidents_first_before_anyones_second() -> None:
    joint, _ = together([OVER, CROWD, LEAK])
    assert [event.event_id for event in joint.events] == [
        "event-toxic_gas",
        "event-crowding",
        "seen",
        "over",
    ]


def test_incidents_of_two_areas_are_never_put_together() -> None:
    elsewhere = named("elsewhere", an_event("crowding", area="yard"))
    with pytest.raises(ValueError, match="exactly one area"):
        together([CROWD, elsewhere])


def test_an_incident_that_is_asked_about_twice_counts_once_as_it_was_last_seen() -> None:
    later = CROWD[0].model_copy(update={"updated_at": START + timedelta(seconds=60)})
    assert distinct([CROWD, LEAK, judged(later)]) == [judged(later), LEAK]


@pytest.mark.parametrize(
    ("says", "severity", "by"),
    [
        (Severity.INFO, "medium", DecidedBy.POLICY),
        (Severity.CRITICAL, "high", DecidedBy.MODEL),
        (None, "medium", DecidedBy.FALLBACK),
    ],
)
def test_the_shared_answer_may_lift_one_of_them_and_never_brings_one_down(
    says: Severity | None, severity: str, by: DecidedBy
) -> None:
    joint, _ = together([CROWD, LEAK])
    opinion = shared(an_opinion(says), joint, [CROWD[0], LEAK[0]])
    said = decide("crowd", CROWD[1], opinion, Authority.DECIDE, START)
    assert CROWD[1].default is Severity.MEDIUM
    assert (said.severity, said.decided_by) == (severity, by)
    assert opinion.authority_limit is Authority.RAISE
    assert "brings nothing down" in opinion.note
    assert opinion.provenance["coalesced"] == ["crowd", "leak"]
    assert Incident.model_validate(opinion.provenance["asked_about"]) == joint


def test_one_that_may_only_advise_is_not_made_more() -> None:
    joint, _ = together([CROWD, LEAK])
    limited = an_opinion(Severity.CRITICAL, authority_limit=Authority.ADVISE, note="x" * 300)
    said = shared(limited, joint, [CROWD[0], LEAK[0]])
    assert said.authority_limit is Authority.ADVISE
    assert len(said.note) == 300


@given(st.lists(incidents, min_size=2, max_size=20))
def test_whatever_is_put_together_is_bounded_and_keeps_what_stands(found: list[Incident]) -> None:
    asked = [
        judged(each.model_copy(update={"incident_id": str(n)})) for n, each in enumerate(found)
    ]
    joint, verdict = together(asked)
    assert len(joint.events) <= MAX_EVENTS
    cleared = [event.condition is Condition.CLEARED for event in joint.events]
    assert cleared == sorted(cleared)
    assert joint.active == any(each.active for each in found)
    assert all(verdict.floor >= each.floor for _, each in asked)
    assert all(verdict.default >= each.default for _, each in asked)
