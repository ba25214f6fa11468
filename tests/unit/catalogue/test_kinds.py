"""The packaged catalogue: complete, translated, consistent."""

from __future__ import annotations

import string
from typing import get_args

import pytest

from hazard.catalogue import HazardKind, catalogue, found_by_rules, kind
from hazard.catalogue.severity import cap_severity, isa_priority, signal_word
from hazard.errors import ConfigError
from hazard.site.models import Language
from hazard.site.rules import RuleConfig
from hazard.types import Severity
from models.reasoning.prompt import decide_prompt

LANGUAGES = set(get_args(Language))
KINDS = {
    "person_in_restricted_zone",
    "person_near_vehicle",
    "crowding",
    "fire",
    "smoke",
    "camera_dark",
    "camera_frozen",
    "camera_offline",
    "toxic_gas",
    "toxic_gas_exposure",
    "flammable_gas",
    "overtemperature",
    "rapid_temperature_rise",
    "sensor_stale",
    "alarm_flood",
    "storage_low",
}
CAMERA_FAULTS = {"camera_dark", "camera_frozen", "camera_offline"}


def texts_of(one: HazardKind) -> list[dict[str, str]]:
    found = [one.name, one.description, one.summary, *(action.text for action in one.actions)]
    return [dict(texts) for texts in found]


@pytest.mark.parametrize("hazard", sorted(KINDS))
def test_every_text_stands_in_five_languages_that_differ(hazard: str) -> None:
    for texts in texts_of(kind(hazard)):
        assert set(texts) == LANGUAGES
        assert all(text.strip() for text in texts.values())
        assert len(set(texts.values())) == len(LANGUAGES), texts


@pytest.mark.parametrize("hazard", sorted(KINDS))
def test_summary_templates_use_known_fields_and_stay_short(hazard: str) -> None:
    for text in kind(hazard).summary.values():
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        assert fields <= {"area", "subject", "measured", "people"}
        assert {"area", "subject", "measured"} <= fields
        assert len(text.split()) <= 40


def test_the_catalogue_holds_exactly_the_kinds_that_rules_and_the_agent_may_raise() -> None:
    assert set(catalogue()) == KINDS
    assert set(found_by_rules()) == KINDS - {"alarm_flood", "storage_low"}


def test_what_the_agent_says_of_its_own_alarms_is_in_no_prompt() -> None:
    assert catalogue()["alarm_flood"].name["en"] not in decide_prompt(catalogue()).system


def test_every_rules_default_hazard_is_in_the_catalogue() -> None:
    union = get_args(get_args(RuleConfig)[0])
    defaults = {
        model.model_fields["hazard"].default
        for model in union
        if "hazard" in model.model_fields and not model.model_fields["hazard"].is_required()
    }
    assert defaults
    assert defaults <= set(catalogue())


@pytest.mark.parametrize("hazard", sorted(KINDS))
def test_floors_default_and_levels_are_in_order(hazard: str) -> None:
    one = kind(hazard)
    assert one.floor >= Severity.LOW
    assert one.default >= one.floor
    assert all(level >= one.floor for level in one.levels.values())
    assert list(one.levels.values()) == sorted(one.levels.values(), key=lambda level: level.rank)
    assert one.occupied_floor is None or one.occupied_floor >= one.floor
    assert 3 <= len(one.actions) <= 5
    assert len({action.id for action in one.actions}) == len(one.actions)
    assert one.standards


def test_an_action_that_several_kinds_share_has_one_text_and_each_text_one_id() -> None:
    actions = [action for one in catalogue().values() for action in one.actions]
    texts = {action.id: action.text for action in actions}
    assert all(action.text == texts[action.id] for action in actions)
    assert len({text["en"] for text in texts.values()}) == len(texts)


def test_joins_are_named_on_both_sides_and_never_lead_to_the_kind_itself() -> None:
    for one in catalogue().values():
        assert one.id not in one.joins
        for other in one.joins:
            assert one.id in kind(other).joins


def test_gas_and_people_join_but_camera_faults_stand_alone() -> None:
    assert "toxic_gas_exposure" in kind("toxic_gas").joins
    assert "person_in_restricted_zone" in kind("toxic_gas").joins
    assert all(not kind(fault).joins for fault in CAMERA_FAULTS)


def test_gas_at_idlh_and_people_in_gas_are_critical() -> None:
    assert kind("toxic_gas").levels["idlh"] is Severity.CRITICAL
    assert kind("toxic_gas_exposure").floor is Severity.CRITICAL
    assert kind("toxic_gas_exposure").occupied_floor is Severity.CRITICAL


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no hazard kind 'flood': known are alarm_flood, "):
        kind("flood")


def test_severities_have_a_word_in_every_scheme() -> None:
    assert [isa_priority(level) for level in Severity] == [
        None,
        "low",
        "medium",
        "high",
        "highest",
    ]
    assert [signal_word(level) for level in Severity] == [
        "NOTICE",
        "CAUTION",
        "CAUTION",
        "WARNING",
        "DANGER",
    ]
    assert [cap_severity(level) for level in Severity] == [
        "Minor",
        "Minor",
        "Moderate",
        "Severe",
        "Extreme",
    ]
