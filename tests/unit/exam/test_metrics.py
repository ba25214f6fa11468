"""The exam's figures, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.types import Severity
from models.exam.metrics import (
    Judged,
    expected_calibration_error,
    measure,
    percentile,
    quadratic_kappa,
    wilson,
)

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity


def judged(label: Severity, severity: Severity, *ends: Severity) -> Judged:
    low, high = ends or (label, label)
    return Judged(label, (low, high), severity)


@pytest.mark.parametrize(
    ("truth", "said", "kappa"),
    [
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 1.0),
        ([0, 4], [4, 0], -1.0),  # observed 16 + 16, expected (16 + 16) / 2
        ([0, 1, 2, 3, 4], [4, 4, 4, 4, 4], 0.0),
        ([2, 2, 2], [2, 2, 2], 0.0),  # nothing to tell apart
        # observed 1; expected (2*1 + 1*16 + 2*0 + 1*9 + 2*9 + 1*0) / 3 = 15
        ([0, 1, 4], [1, 1, 4], 1 - 1 / 15),
    ],
)
def test_kappa_is_one_less_observed_over_expected(
    truth: list[int], said: list[int], kappa: float
) -> None:
    assert quadratic_kappa(truth, said) == pytest.approx(kappa)


@pytest.mark.parametrize(
    ("hits", "trials", "lower", "upper"),
    [
        (0, 0, 0.0, 1.0),
        (10, 10, 10 / (10 + 1.959963984540054**2), 1.0),
        (0, 10, 0.0, 1.959963984540054**2 / (10 + 1.959963984540054**2)),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17:857, table I
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilsons_interval(hits: int, trials: int, lower: float, upper: float) -> None:
    assert wilson(hits, trials) == pytest.approx((lower, upper), abs=5e-5)


def test_the_interval_of_impossible_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


def test_recall_and_misjudgements_of_five_incidents() -> None:
    figures = measure(
        [
            judged(CRITICAL, HIGH, HIGH, CRITICAL),  # under the label, within the range
            judged(HIGH, MEDIUM),  # missed
            judged(HIGH, CRITICAL, HIGH, CRITICAL),  # over the label, within the range
            judged(LOW, HIGH, LOW, MEDIUM),  # over both
            judged(INFO, INFO),
        ]
    )
    assert (figures.incidents, figures.high_incidents, figures.critical_incidents) == (5, 3, 1)
    assert figures.recall_high == pytest.approx(2 / 3)
    assert figures.recall_critical == 0.0
    assert (figures.recall_high_lower, figures.recall_high_upper) == wilson(2, 3)
    assert (figures.under_triage, figures.over_triage) == (0.4, 0.4)
    assert (figures.below_acceptable, figures.above_acceptable) == (0.2, 0.2)
    assert figures.agreement == 0.2


def test_where_nothing_is_high_there_is_no_recall_and_no_bound() -> None:
    figures = measure([judged(LOW, LOW)])
    assert figures.recall_high is None
    assert figures.recall_high_lower == 0.0


def test_figures_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing was judged"):
        measure([])


def test_calibration_error_is_the_gap_by_bin_and_size() -> None:
    # 0.95, 0.95 of which one right: gap 0.45; 0.55 right: gap 0.45; both weighted by size
    error = expected_calibration_error([0.95, 0.95, 0.55], [True, False, True])
    assert error == pytest.approx((0.9 + 0.45) / 3)
    assert expected_calibration_error([1.0], [True]) == 0.0


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (0.0, 1.0), (1.0, 100.0)]
)
def test_percentiles_by_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


ranks = st.integers(0, 4)
pairs = st.lists(st.tuples(ranks, ranks), min_size=1, max_size=40)


@given(pairs)
def test_kappa_is_symmetric_and_never_above_one(found: list[tuple[int, int]]) -> None:
    truth, said = [a for a, _ in found], [b for _, b in found]
    kappa = quadratic_kappa(truth, said)
    assert kappa == pytest.approx(quadratic_kappa(said, truth))
    assert -1.0 - 1e-9 <= kappa <= 1.0


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_share_and_narrows(hits: int, others: int) -> None:
    trials = hits + others
    lower, upper = wilson(hits, trials)
    assert 0.0 <= lower <= upper <= 1.0
    if trials:
        assert lower <= hits / trials <= upper
        wide = wilson(hits, trials)
        narrow = wilson(hits * 4, trials * 4)
        assert narrow[1] - narrow[0] <= wide[1] - wide[0] + 1e-12


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_calibration_error_is_a_share(found: list[tuple[float, bool]]) -> None:
    error = expected_calibration_error([p for p, _ in found], [right for _, right in found])
    assert 0.0 <= error <= 1.0 + 1e-12
    assert not math.isnan(error)


@given(st.lists(st.tuples(*(st.sampled_from(tuple(Severity)) for _ in range(4))), min_size=1))
def test_under_and_over_and_agreement_share_out_everything(
    found: list[tuple[Severity, Severity, Severity, Severity]],
) -> None:
    every = []
    for low, label, high, said in found:
        ends = sorted((low, label, high), key=lambda s: s.rank)
        every.append(Judged(ends[1], (ends[0], ends[2]), said))
    figures = measure(every)
    total = figures.under_triage + figures.over_triage + figures.agreement
    assert total == pytest.approx(1.0)
    assert figures.below_acceptable <= figures.under_triage
    assert figures.above_acceptable <= figures.over_triage
