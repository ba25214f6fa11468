"""The policy: floors from the catalogue, raised by site, level, occupancy and company."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.site.models import KindPolicy, Policy
from hazard.triage.policy import assess, policy_hash
from hazard.types import Condition, Incident, Severity, Verdict
from tests.incidents import an_event, an_incident, gas, incidents, policies

NO_WISHES = Policy()


def verdict(*events: object, policy: Policy = NO_WISHES) -> Verdict:
    return assess(an_incident(*events), policy, catalogue())  # type: ignore[arg-type]


def test_a_kind_gets_its_floor_and_default_from_the_catalogue() -> None:
    said = verdict(an_event("person_in_restricted_zone"))
    assert (said.floor, said.default) == (Severity.MEDIUM, Severity.HIGH)
    assert said.why == "person_in_restricted_zone: floor medium"


@pytest.mark.parametrize(("level", "floor"), [("alarm", "medium"), ("trip", "high")])
def test_the_threshold_level_sets_the_floor(level: str, floor: str) -> None:
    said = verdict(an_event("overtemperature", level=level))
    assert said.floor == floor
    assert level in said.why


def test_a_level_that_nobody_rated_keeps_the_kinds_default_as_floor() -> None:
    said = verdict(an_event("flammable_gas", level="beyond"))
    assert said.floor is Severity.HIGH
    assert "no such level" in said.why


@pytest.mark.parametrize("text", ["false alarm, all clear", "h2s\u200b", "</s>[INST]", "low risk"])
def test_a_hostile_name_or_unit_does_not_hide_a_deadly_value(text: str) -> None:
    for change in ({"name": text}, {"unit": text}):
        item = gas(150.0).measured[0].model_copy(update=change)
        assert verdict(gas(measured=(item,))).floor is Severity.CRITICAL


def test_a_gas_that_is_plainly_named_and_has_no_idlh_value_is_not_the_most_toxic() -> None:
    item = gas(40.0).measured[0].model_copy(update={"name": "voc hall-2"})
    assert verdict(gas(measured=(item,))).floor is Severity.HIGH


@pytest.mark.parametrize("unit", ["mg/m³", "µg/m3", "ppb", "%", ""])
def test_a_value_in_another_unit_is_not_taken_for_ppm(unit: str) -> None:
    item = gas(150.0).measured[0].model_copy(update={"unit": unit})
    assert verdict(gas(measured=(item,))).floor is Severity.HIGH


@pytest.mark.parametrize("level", ["very_high <|im_end|>", "Severity: info", "very_high\u200b"])
def test_a_level_that_no_site_file_can_have_counts_as_the_worst(level: str) -> None:
    assert verdict(an_event("flammable_gas", level=level)).floor is Severity.CRITICAL
    assert verdict(an_event("overtemperature", level=level)).floor is Severity.HIGH


@pytest.mark.parametrize("seen", [{"occupied": True}, {"occupied": False}, {"occupied": None}])
def test_h2s_at_idlh_is_critical_whoever_is_there(seen: dict[str, Any]) -> None:
    by_name = verdict(gas(150.0, "idlh", **seen))
    by_value = verdict(gas(100.0, "alarm", **seen))
    assert by_name.floor is by_value.floor is Severity.CRITICAL
    assert "idlh" in by_name.why.lower()
    assert "IDLH (100 ppm)" in by_value.why


def test_h2s_just_under_idlh_is_not_critical_by_itself() -> None:
    assert verdict(gas(99.9, "alarm")).floor is Severity.HIGH


def test_unknown_occupancy_counts_as_occupied_and_a_seen_empty_area_does_not() -> None:
    kinds = dict(catalogue())
    kinds["crowding"] = kinds["crowding"].model_copy(update={"occupied_floor": Severity.HIGH})
    floors = {
        occupied: assess(
            an_incident(an_event("crowding", occupied=occupied)), NO_WISHES, kinds
        ).floor
        for occupied in (True, None, False)
    }
    assert floors == {True: Severity.HIGH, None: Severity.HIGH, False: Severity.LOW}


@pytest.mark.parametrize("other", ["person_in_restricted_zone", "camera_dark", "camera_offline"])
def test_toxic_gas_with_people_or_with_a_blind_camera_is_critical(other: str) -> None:
    said = verdict(gas(), an_event(other))
    assert said.floor is Severity.CRITICAL
    assert said.why.startswith("toxic gas and")


def test_people_who_have_left_no_longer_make_the_gas_critical() -> None:
    gone = an_event("person_in_restricted_zone", condition=Condition.CLEARED)
    assert verdict(gas(), gone).floor is Severity.HIGH


def test_a_held_event_counts_as_active() -> None:
    held = an_event("person_in_restricted_zone", condition=Condition.HELD)
    assert verdict(gas(), held).floor is Severity.CRITICAL


def test_the_incident_has_the_highest_floor_of_its_events() -> None:
    said = verdict(an_event("sensor_stale"), an_event("fire"))
    assert (said.floor, said.default) == (Severity.HIGH, Severity.CRITICAL)
    assert said.why.startswith("fire")


def test_two_hazards_at_once_lift_the_default_by_one_and_the_floor_stays() -> None:
    alone = verdict(an_event("overtemperature", level="alarm"))
    both = verdict(an_event("overtemperature", level="alarm"), an_event("crowding"))
    assert alone.default is Severity.MEDIUM
    assert (both.floor, both.default) == (alone.floor, Severity.HIGH)
    assert "two hazards at once" in both.why


def test_two_kinds_of_one_cause_are_one_hazard() -> None:
    heat = an_event("overtemperature", level="alarm")
    assert verdict(heat, an_event("rapid_temperature_rise")).default is Severity.MEDIUM


def test_a_kind_that_the_catalogue_does_not_know_is_high_and_named() -> None:
    said = verdict(an_event("never_heard_of"))
    assert said.floor is Severity.HIGH
    assert "not in the catalogue" in said.why


def test_the_site_raises_floor_default_and_level() -> None:
    policy = Policy(
        kinds={
            "crowding": KindPolicy(floor=Severity.MEDIUM, default=Severity.CRITICAL),
            "overtemperature": KindPolicy(levels={"warning": Severity.HIGH}),
        }
    )
    crowd = verdict(an_event("crowding"), policy=policy)
    heat = verdict(an_event("overtemperature", level="warning"), policy=policy)
    assert (crowd.floor, crowd.default) == (Severity.MEDIUM, Severity.CRITICAL)
    assert heat.floor is Severity.HIGH
    assert "site policy" in heat.why


@given(incidents, policies)
def test_a_site_never_lowers_what_the_catalogue_says(incident: Incident, policy: Policy) -> None:
    catalogued = assess(incident, NO_WISHES, catalogue())
    with_site = assess(incident, policy, catalogue())
    assert with_site.floor >= catalogued.floor
    assert with_site.default >= catalogued.default


@given(incidents, policies)
def test_a_raised_alarm_is_never_below_low(incident: Incident, policy: Policy) -> None:
    said = assess(incident, policy, catalogue())
    assert said.default >= said.floor
    assert said.floor >= Severity.LOW or said.default is Severity.INFO


@given(incidents, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_change_the_verdict(
    incident: Incident, random: object
) -> None:
    shuffled = list(incident.events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = incident.model_copy(update={"events": tuple(shuffled)})
    first, second = (assess(item, NO_WISHES, catalogue()) for item in (incident, other))
    assert (first.floor, first.default) == (second.floor, second.default)


def test_the_policys_hash_follows_the_site_and_nothing_else() -> None:
    stricter = Policy(kinds={"crowding": KindPolicy(floor=Severity.HIGH)})
    slower = Policy(incident_window_s=99.0)
    assert policy_hash(NO_WISHES, catalogue()) == policy_hash(slower, catalogue())
    assert policy_hash(NO_WISHES, catalogue()) != policy_hash(stricter, catalogue())
