"""What an exam measures: agreement, recall with its interval, misjudgements, calibration error.

Pure. Severities are ranks 0 (info) to 4 (critical). Sources: quadratic weighted kappa (Cohen 1968,
Psychological Bulletin 70:213), Wilson's score interval (Wilson 1927, JASA 22:209), expected
calibration error (Naeini et al. 2015, AAAI; ten bins of equal width), percentiles by nearest rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hazard.types import Model, Severity

Floats = NDArray[np.float64]

RANKS = len(Severity)
Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled incident and what was judged of it."""

    label: Severity
    acceptable: tuple[Severity, Severity]
    severity: Severity


class Figures(Model):
    """What was scored over a set of incidents; shares are 0..1.

    Attributes:
        incidents: how many.
        kappa: quadratic weighted kappa between label and judgement.
        agreement: share judged exactly as labelled.
        high_incidents: labelled high or critical.
        recall_high: share of those that were judged high or critical; None: there are none.
        recall_high_lower: lower end of its 95 % Wilson interval.
        recall_high_upper: upper end.
        critical_incidents: labelled critical.
        recall_critical: share of those that were judged critical; None: there are none.
        under_triage: share judged strictly below the label.
        over_triage: share judged strictly above the label.
        below_acceptable: share judged strictly below the acceptable range.
        above_acceptable: share judged strictly above the acceptable range.
        calibration_error: expected calibration error; None where no probabilities are given.
    """

    incidents: int
    kappa: float
    agreement: float
    high_incidents: int
    recall_high: float | None
    recall_high_lower: float
    recall_high_upper: float
    critical_incidents: int
    recall_critical: float | None
    under_triage: float
    over_triage: float
    below_acceptable: float
    above_acceptable: float
    calibration_error: float | None = None


def measure(judged: Sequence[Judged], calibration_error: float | None = None) -> Figures:
    """The figures of `judged`.

    Raises:
        ValueError: if nothing was judged.
    """
    if not judged:
        raise ValueError("nothing was judged: there are no figures of no incidents")
    high = [one for one in judged if one.label >= Severity.HIGH]
    critical = [one for one in judged if one.label is Severity.CRITICAL]
    caught = sum(1 for one in high if one.severity >= Severity.HIGH)
    lower, upper = wilson(caught, len(high))
    return Figures(
        incidents=len(judged),
        kappa=quadratic_kappa([j.label.rank for j in judged], [j.severity.rank for j in judged]),
        agreement=_share(judged, lambda one: one.severity is one.label),
        high_incidents=len(high),
        recall_high=caught / len(high) if high else None,
        recall_high_lower=lower,
        recall_high_upper=upper,
        critical_incidents=len(critical),
        recall_critical=(
            _share(critical, lambda one: one.severity is Severity.CRITICAL) if critical else None
        ),
        under_triage=_share(judged, lambda one: one.severity < one.label),
        over_triage=_share(judged, lambda one: one.severity > one.label),
        below_acceptable=_share(judged, lambda one: one.severity < one.acceptable[0]),
        above_acceptable=_share(judged, lambda one: one.severity > one.acceptable[1]),
        calibration_error=calibration_error,
    )


def quadratic_kappa(truth: Sequence[int], judged: Sequence[int]) -> float:
    """1 - observed over expected disagreement, weighted by the square of the distance.

    1 is full agreement, 0 what chance gives with the same marginals. Where truth and judgements
    are one and the same constant there is nothing to tell apart: 0, not 1.

    Raises:
        ValueError: if the lengths differ, or there are none.
    """
    if len(truth) != len(judged) or not truth:
        raise ValueError(f"{len(truth)} labels and {len(judged)} judgements: want as many of each")
    observed = np.zeros((RANKS, RANKS))
    np.add.at(observed, (np.asarray(truth), np.asarray(judged)), 1.0)
    ranks = np.arange(RANKS)
    weights = np.subtract.outer(ranks, ranks) ** 2
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    chance = float((weights * expected).sum())
    return 0.0 if chance == 0.0 else 1.0 - float((weights * observed).sum()) / chance


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Lower and upper end of the 95 % score interval of a share; (0, 1) where nothing was tried.

    Raises:
        ValueError: if there are more successes than trials, or fewer than none.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials cannot be")
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z_95**2
    centre = share + z2 / (2 * trials)
    spread = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    lower = 0.0 if successes == 0 else (centre - spread) / scale
    upper = 1.0 if successes == trials else (centre + spread) / scale
    return lower, upper


def expected_calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Mean distance between confidence and share of right answers, over bins, by their size.

    Args:
        confidence: probability of the likeliest label, 0..1, one per incident.
        right: whether that label was the right one.

    Raises:
        ValueError: if the lengths differ, or there are none.
    """
    if len(confidence) != len(right) or not confidence:
        raise ValueError(f"{len(confidence)} confidences and {len(right)} outcomes")
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(float(sure[bins == b].sum() - hit[bins == b].sum())) for b in range(BINS)]
    return math.fsum(gaps) / len(sure)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of the values do not exceed.

    Raises:
        ValueError: if there are no values.
    """
    if not values:
        raise ValueError("no values: there is no percentile")
    return float(np.percentile(np.asarray(values), share * 100.0, method="inverted_cdf"))


def _share(items: Iterable[Judged], holds: Callable[[Judged], bool]) -> float:
    found = [holds(item) for item in items]
    return sum(found) / len(found)
