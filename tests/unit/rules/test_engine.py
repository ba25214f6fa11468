from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from hazard import rules as rules_package
from hazard.errors import ConfigError
from hazard.ports import RuleInput
from hazard.rules import build_rules
from hazard.rules.engine import RuleEngine
from hazard.types import HazardEvent
from tests.unit.rules.feed import person, picture, reading, site, steps, tick

GAS: dict[str, Any] = {
    "kind": "threshold",
    "hazard": "toxic_gas",
    "sensor": "h2s-1",
    "levels": [{"name": "alarm", "at": 10}],
}
ZONE: dict[str, Any] = {"kind": "restricted_zone", "camera": "gate", "zone": "pit"}


@dataclass(frozen=True)
class Broken:
    """A rule with a fault of its own."""

    rule_id: str = "broken"

    def initial(self) -> object:
        return 0

    def step(self, _state: object, _item: RuleInput) -> tuple[object, tuple[HazardEvent, ...]]:
        raise ZeroDivisionError("no people, no average")


def test_every_kind_of_the_site_file_has_an_implementation() -> None:
    plant = site(gas=GAS, zone=ZONE)
    assert [rule.rule_id for rule in build_rules(plant)] == ["gas", "zone"]


def test_a_kind_without_an_implementation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_package, "entry_points", lambda **_: ())
    with pytest.raises(ConfigError, match=r"rules\.gas\.kind: no implementation of 'threshold'"):
        build_rules(site(gas=GAS))


def test_an_implementation_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("threshold", "hazard.rules.gone:build", "hazard.rules")
    monkeypatch.setattr(rules_package, "entry_points", lambda **_: (point,))
    with pytest.raises(ConfigError, match=r"'threshold' \(hazard\.rules\.gone:build\)"):
        build_rules(site(gas=GAS))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({**GAS, "sensor": "gone"}, "no sensor 'gone': known are h2s-1, motor-1"),
        ({**ZONE, "camera": "gone"}, "no camera 'gone': known are far, gate"),
        ({**ZONE, "zone": "gone"}, "no zone 'gone': known are bay, pit"),
    ],
)
def test_a_rule_that_names_what_there_is_not_is_refused(rule: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_rules(site(r=rule))


def test_a_rule_that_fails_does_not_stop_the_others_and_is_reported() -> None:
    engine = RuleEngine([Broken(), *build_rules(site(gas=GAS))])
    assert [e.rule_id for e in engine.apply(reading(0, 12))] == ["gas"]
    engine.apply(tick(1))
    (fault,) = engine.faults()
    assert (fault.rule_id, fault.count) == ("broken", 2)
    assert fault.last_error == "ZeroDivisionError: no people, no average"


def test_a_reload_keeps_what_an_unchanged_rule_has_seen() -> None:
    engine = RuleEngine(build_rules(site(zone=ZONE)))
    for t in steps(0, 0.9):
        engine.apply(picture(t, person()))
    assert engine.replace(build_rules(site(zone=ZONE, gas=GAS)), tick(0.9)) == ()
    found = [e for t in steps(0.9, 1.2) for e in engine.apply(picture(t, person()))]
    assert [e.condition for e in found] == ["active"]


def test_a_changed_rule_holds_its_finding_and_goes_on_with_it() -> None:
    engine = RuleEngine(build_rules(site(gas=GAS)))
    (raised,) = engine.apply(reading(0, 12))
    changed = {**GAS, "levels": [{"name": "alarm", "at": 20}], "off_delay_s": 1}
    held = engine.replace(build_rules(site(gas=changed)), tick(1))
    assert [(e.event_id, e.condition) for e in held] == [(raised.event_id, "held")]
    later = [e for t in (2.0, 3.0, 4.0) for e in engine.apply(reading(t, 12))]
    assert [(e.event_id, e.condition) for e in later] == [(raised.event_id, "cleared")]


def test_a_rule_taken_out_of_the_file_leaves_its_finding_held_not_cleared() -> None:
    engine = RuleEngine(build_rules(site(gas=GAS)))
    engine.apply(reading(0, 12))
    held = engine.replace(build_rules(site(zone=ZONE)), tick(1))
    assert [e.condition for e in held] == ["held"]
    assert engine.replace(build_rules(site(zone=ZONE)), tick(2)) == ()
    assert engine.apply(reading(3, 1)) == ()
    assert engine.standing() == ()


def test_what_stood_before_a_restart_is_cleared_by_good_evidence_under_its_own_id() -> None:
    before = RuleEngine(build_rules(site(gas=GAS)))
    (raised,) = before.apply(reading(0, 12))
    after = RuleEngine(build_rules(site(gas=GAS)), resume=before.standing())
    found = [e for t in (100, 103, 106) for e in after.apply(reading(t, 1))]
    assert [(e.event_id, e.condition) for e in found] == [(raised.event_id, "cleared")]
