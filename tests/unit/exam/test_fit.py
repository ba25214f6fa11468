"""Fitting out of fold: families stay together, nobody is judged by what has seen it."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.triage.authority import Subject
from hazard.triage.calibration import answer, conformal_set, probabilities
from hazard.types import Severity
from models.exam.fit import FOLDS, Sample, calibrate, enough, folds, least_probability, out_of_fold
from tests.incidents import START

SUBJECT = Subject(backend="m", files={}, quantization="Q4", prompt_hash="p")


def samples(count: int = 120, *, noise: float = 0.5, seed: int = 1) -> list[Sample]:
    """A model that leans to `critical` by 3 nats and is right but for that and some noise."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        label = Severity.from_rank(number % 5)
        weights = {
            s: 2.0 * (s is label) + 3.0 * (s is Severity.CRITICAL) + chance.gauss(0, noise)
            for s in Severity
        }
        found.append(Sample(weights, label, f"family-{number // 4}"))
    return found


def accuracy(found: list[Sample]) -> float:
    apart = out_of_fold(found, SUBJECT, "d", START)
    right = 0
    for sample, fitted in zip(found, apart, strict=True):
        spread = probabilities(sample.log_weights, fitted)
        right += max(spread, key=lambda s: spread[s]) is sample.label
    return right / len(found)


def test_a_bias_that_can_be_learnt_is_taken_out_for_families_never_seen() -> None:
    found = samples()
    raw = sum(max(s.log_weights, key=lambda k: s.log_weights[k]) is s.label for s in found)
    assert raw / len(found) < 0.4
    assert accuracy(found) > 0.9


def test_a_model_at_chance_stays_at_chance_and_is_unsure() -> None:
    chance = random.Random(3)
    found = [
        Sample(
            {s: chance.gauss(0, 1) for s in Severity},
            Severity.from_rank(number % 5),
            f"family-{number // 4}",
        )
        for number in range(200)
    ]
    assert accuracy(found) < 0.35
    apart = out_of_fold(found, SUBJECT, "d", START)
    said = [
        answer(probabilities(s.log_weights, fitted), fitted)[0]
        for s, fitted in zip(found, apart, strict=True)
    ]
    assert said.count(None) > 0.8 * len(said)


def test_nothing_of_a_family_is_in_the_calibration_that_judges_it() -> None:
    """Labels of one family turned round change what judges the others, and not what judges it."""
    found = samples()
    turned = [
        Sample(s.log_weights, Severity.from_rank(4 - s.label.rank), s.family)
        if s.family == "family-7"
        else s
        for s in found
    ]
    before, after = (out_of_fold(some, SUBJECT, "d", START) for some in (found, turned))
    own = [i for i, s in enumerate(found) if s.family == "family-7"]
    assert all(before[i].sha256 == after[i].sha256 for i in own)
    assert any(before[i].sha256 != after[i].sha256 for i in range(len(found)) if i not in own)


def test_the_same_incidents_give_the_same_calibration() -> None:
    first, again = (calibrate(samples(), SUBJECT, "d", START) for _ in range(2))
    assert first == again
    assert first.incidents == 120
    assert all(first.scale[s] >= 0.0 for s in Severity)


def test_the_set_of_new_families_holds_the_right_label_as_often_as_promised() -> None:
    fitted = calibrate(samples(400, noise=1.5), SUBJECT, "d", START)
    fresh = samples(400, noise=1.5, seed=2)
    held = [s.label in conformal_set(probabilities(s.log_weights, fitted), fitted) for s in fresh]
    assert sum(held) / len(held) >= 1.0 - fitted.miss_rate - 0.05


@pytest.mark.parametrize(
    ("right", "least"),
    [
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 0.1),  # ceil(10 * 0.9) = the 9th
        ([0.9] * 8, 0.0),  # ceil(9 * 0.9) = 9 of 8: nothing can be ruled out
        ([p / 100 for p in range(100)], 0.09),  # ceil(101 * 0.9) = the 91st largest
    ],
)
def test_the_threshold_is_the_quantile_of_finite_samples(right: list[float], least: float) -> None:
    assert least_probability(right, 0.1) == pytest.approx(least)


@pytest.mark.parametrize(("count", "family"), [(39, 1), (200, 30)])
def test_too_little_is_not_fitted(count: int, family: int) -> None:
    few = [
        Sample(dict.fromkeys(Severity, 0.0), Severity.LOW, f"family-{n // family}")
        for n in range(count)
    ]
    assert not enough(few)
    with pytest.raises(ValueError, match="too few"):
        calibrate(few, SUBJECT, "d", START)


@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=60))
def test_every_family_has_one_fold_whatever_the_order(families: set[str]) -> None:
    found = folds(sorted(families))
    assert found == folds(sorted(families, reverse=True))
    assert set(found) == families
    sizes = [list(found.values()).count(n) for n in range(FOLDS)]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_at_least_the_promised_share_of_the_fitted_ones_reaches_the_threshold(
    right: list[float],
) -> None:
    least = least_probability(right, 0.1)
    assert sum(p >= least for p in right) >= math.floor(0.9 * len(right))
