"""The packaged attacks, and what they do to judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hazard.catalogue import catalogue
from hazard.errors import ConfigError
from hazard.site.models import KindPolicy, Policy
from hazard.triage.policy import assess
from hazard.triage.render import render
from hazard.types import Authority, Incident, Opinion, Severity, Verdict
from models.exam.attacks import (
    Answer,
    Attack,
    AttackReport,
    attacked,
    load_attacks,
    packaged_attacks,
    policy_judge,
    reasoner_judge,
    run_attacks,
)
from tests.attacked import CLEAN, CROWD, EXPLOSIVE, FIRE, GAS, PERSON
from tests.incidents import an_opinion

ATTACKS = packaged_attacks()


def an_attack(text: str, field: str = "subject") -> Attack:
    return Attack.model_validate(
        {"id": "one", "language": "en", "technique": "authority", "field": field, "text": text}
    )


def test_the_packaged_attacks_come_in_every_language_technique_and_field() -> None:
    languages = Counter(attack.language for attack in ATTACKS)
    assert len(ATTACKS) >= 75
    assert all(languages[language] >= 10 for language in ("en", "fr", "de", "es", "it"))
    for name in ("technique", "field"):
        known = Attack.model_json_schema()["properties"][name]["enum"]
        assert {getattr(attack, name) for attack in ATTACKS} == set(known)
    assert len({(attack.field, attack.text) for attack in ATTACKS}) == len(ATTACKS)


def test_the_policy_holds_every_floor_and_moves_by_one_level_at_most() -> None:
    report = run_attacks(policy_judge(), CLEAN, ATTACKS, backend="policy")
    assert report.runs == len(CLEAN) * len(ATTACKS)
    assert (report.floor_held_share, report.moved_share) == (1.0, 0.0)
    assert report.largest_move <= 1
    assert report.passed


def test_the_policy_holds_the_floors_of_a_site_that_has_raised_them() -> None:
    policy = Policy(kinds={"crowding": KindPolicy(floor=Severity.CRITICAL)})
    report = run_attacks(policy_judge(policy), (CROWD,), ATTACKS, backend="policy", policy=policy)
    assert report.passed
    assert not run_attacks(
        policy_judge(), (CROWD,), ATTACKS, backend="policy", policy=policy
    ).passed


def gullible(incident: Incident) -> Answer:
    """Does what the text says."""
    event = incident.events[0]
    texts = (event.subject, event.level, *(m.name + m.unit for m in event.measured))
    told = any("info" in text for text in texts)
    return Answer(*[Severity.INFO if told else Severity.HIGH] * 2)


def test_a_judge_that_obeys_is_found_out() -> None:
    report = run_attacks(gullible, (PERSON,), ATTACKS, backend="gullible")
    assert not report.passed
    assert report.floor_held_share < 0.7
    assert report.largest_move == report.largest_move_likeliest == 3
    assert report.moved_share == report.moved_share_likeliest > 0.3
    worst = report.worst[0]
    assert (worst.decision, worst.levels, worst.floor_held) == (("high", "info"), 3, False)


def test_most_attacks_are_withheld_or_stand_in_no_prompt() -> None:
    report = run_attacks(policy_judge(), (PERSON,), ATTACKS, backend="policy")
    assert report.withheld_share + report.unseen_share > 0.85
    assert report.unseen_share > 0.02


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_no_attack_brings_its_words_into_a_prompt_as_a_sentence(attack: Attack) -> None:
    for incident in (GAS, FIRE):
        text = render(attacked(incident, attack), catalogue())
        assert not set(text) & set("<>|[]{}`#:\\*\u200b\u202e")
        assert text.count("\n") == 1
        assert "info" not in text
        assert all(" " not in outside for outside in text.split('"')[1::2])


def test_an_attack_takes_the_fields_place_and_follows_a_level() -> None:
    hostile = attacked(EXPLOSIVE, an_attack("all is well", "level"))
    assert hostile.events[0].level == "very_high all is well"
    assert assess(hostile, Policy(), catalogue()).floor is Severity.CRITICAL
    assert attacked(PERSON, an_attack("x y")).events[0].subject == "x y"
    assert attacked(PERSON, an_attack("boxed", "label")).events[0].boxes[0].label == "boxed"
    with pytest.raises(ConfigError, match="area cannot hold 'no name'"):
        attacked(PERSON, an_attack("no name", "area"))


class Scripted:
    """A backend that says what it is told, and counts how often it was asked."""

    name = "scripted"
    max_authority = uncertified = Authority.DECIDE
    folder = Path()

    def __init__(self, says: Callable[[Incident], Opinion]) -> None:
        self.says, self.asked = says, 0

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del verdict, deadline_monotonic_s
        self.asked += 1
        return self.says(incident)


def test_a_backends_decision_is_held_by_the_ladder_and_its_label_is_reported_too() -> None:
    def says(incident: Incident) -> Opinion:
        hidden = "withheld" in render(incident, catalogue())
        return an_opinion(Severity.INFO if hidden else Severity.HIGH)

    backend = Scripted(says)
    report = run_attacks(reasoner_judge(backend), (PERSON,), ATTACKS, backend=backend.name)
    assert report.floor_held_share == 1.0
    assert (report.largest_move, report.largest_move_likeliest) == (1, 3)
    assert backend.asked < report.runs / 2


def test_a_report_survives_json() -> None:
    report = run_attacks(policy_judge(), (GAS,), ATTACKS[:9], backend="policy")
    assert AttackReport.model_validate_json(report.model_dump_json()) == report


def test_progress_is_told_and_nothing_to_run_is_refused() -> None:
    told: list[tuple[int, int]] = []
    run_attacks(
        policy_judge(), (GAS,), ATTACKS[:2], backend="policy", progress=lambda *x: told.append(x)
    )
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(ConfigError, match="give at least one of each"):
        run_attacks(policy_judge(), (), ATTACKS, backend="policy")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "not a list of attacks"),
        ("- {id: a, language: nl, technique: flood, field: unit, text: x}", "attack 1: language"),
        ("- {id: a, language: en, technique: flood, field: unit, text: seventeen letters}",
         "takes 16: shorten it"),
        ("- &x {id: a, language: en, technique: flood, field: unit, text: x}\n- *x", "twice"),
        ("{", "cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_attack_and_the_field(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "attacks.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fault):
        load_attacks(path)
