"""Fitting a calibration on labelled incidents, and judging each by one that has never seen it.

An affine map per label is fitted to the model's log-probabilities (its prior divided out) by the
regularised negative log-likelihood of the labels (vector scaling: Guo et al. 2017, arXiv
1706.04599, section 4.2). The threshold of the conformal set comes from out-of-fold probabilities:
nonconformity is one minus the probability of the right label, and the quantile is that of finite
samples, the ceil((n + 1)(1 - miss rate))-th smallest (Angelopoulos and Bates 2023, arXiv
2107.07511, section 1). Folds are made of whole families, the same ones each time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped] # scipy brings no types

from hazard.triage.authority import Subject
from hazard.triage.calibration import MISS_RATE, Calibration, LogWeights, probabilities
from hazard.types import Severity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 5
MIN_INCIDENTS = 40
"""Fewer do not carry ten parameters and a threshold: nothing is fitted on them."""
MIN_FAMILIES = 2 * FOLDS
PENALTY = 1.0
"""Of squared scale - 1 and squared offset, against the summed log-likelihood: a prior of standard
deviation 1 around leaving the model's answers as they are."""
MAX_SCALE = 20.0

_LABELS = len(Severity)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model said of one incident (prior divided out), its label and its family."""

    log_weights: LogWeights
    label: Severity
    family: str


def folds(families: Iterable[str], count: int = FOLDS) -> dict[str, int]:
    """The fold of each family: dealt out in the order of their hashes."""
    order = sorted(set(families), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return {name: place % count for place, name in enumerate(order)}


def enough(samples: Sequence[Sample]) -> bool:
    """Whether there is enough to fit anything on."""
    families = {sample.family for sample in samples}
    return len(samples) >= MIN_INCIDENTS and len(families) >= MIN_FAMILIES


def calibrate(
    samples: Sequence[Sample], subject: Subject, data_hash: str, at: datetime
) -> Calibration:
    """The calibration of all `samples`; its threshold from probabilities out of their folds.

    `subject` is what was examined, without the calibration.

    Raises:
        ValueError: if there is not `enough`.
    """
    if not enough(samples):
        raise ValueError(f"{len(samples)} incidents are too few to calibrate on")
    right = [
        fitted.probability_of(sample)
        for part, rest in _parts(samples)
        for fitted in (_fit(rest),)
        for sample in part
    ]
    fitted = _fit(samples)
    return Calibration(
        subject=subject,
        scale=fitted.scale,
        offset=fitted.offset,
        least_probability=least_probability(right),
        miss_rate=MISS_RATE,
        incidents=len(samples),
        data_hash=data_hash,
        fitted_at=at,
    )


def out_of_fold(
    samples: Sequence[Sample], subject: Subject, data_hash: str, at: datetime
) -> list[Calibration]:
    """For each sample, in order, a calibration whose map and threshold never saw its family.

    The threshold's own folds lie within the other families (nested), so that nothing of the
    judged family is in it either.
    """
    fold = folds(sample.family for sample in samples)
    made = {
        number: calibrate([s for s in samples if fold[s.family] != number], subject, data_hash, at)
        for number in sorted(set(fold.values()))
    }
    return [made[fold[sample.family]] for sample in samples]


def least_probability(right: Sequence[float], miss_rate: float = MISS_RATE) -> float:
    """The threshold of the conformal set, from the probabilities that right labels got.

    With too few of them for the rate nothing can be ruled out: 0.
    """
    place = math.ceil((len(right) + 1) * (1.0 - miss_rate))
    return sorted(right, reverse=True)[place - 1] if place <= len(right) else 0.0


@dataclass(frozen=True, slots=True)
class _Affine:
    scale: dict[Severity, float]
    offset: dict[Severity, float]

    def probability_of(self, sample: Sample) -> float:
        """What the right label gets."""
        mapped = {s: self.scale[s] * sample.log_weights[s] + self.offset[s] for s in Severity}
        return probabilities(mapped)[sample.label]


def _parts(samples: Sequence[Sample]) -> Iterable[tuple[list[Sample], list[Sample]]]:
    """Each fold's samples, and those of the other folds."""
    fold = folds(sample.family for sample in samples)
    for number in sorted(set(fold.values())):
        yield (
            [s for s in samples if fold[s.family] == number],
            [s for s in samples if fold[s.family] != number],
        )


def _fit(samples: Sequence[Sample]) -> _Affine:
    said = np.array([[s.log_weights[label] for label in Severity] for s in samples])
    labels = np.array([s.label.rank for s in samples], dtype=np.int64)
    start = np.concatenate((np.ones(_LABELS), np.zeros(_LABELS)))
    bounds = [(0.0, MAX_SCALE)] * _LABELS + [(None, None)] * _LABELS
    found = minimize(_loss, start, args=(said, labels), jac=True, method="L-BFGS-B", bounds=bounds)
    values = [float(value) for value in found.x]
    return _Affine(
        dict(zip(Severity, values[:_LABELS], strict=True)),
        dict(zip(Severity, values[_LABELS:], strict=True)),
    )


def _loss(parameters: Floats, said: Floats, labels: Ints) -> tuple[float, Floats]:
    """The penalised negative log-likelihood and its gradient."""
    scale, offset = parameters[:_LABELS], parameters[_LABELS:]
    weights = said * scale + offset
    top = weights.max(axis=1, keepdims=True)
    exponents = np.exp(weights - top)
    total = exponents.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    log_right = weights[rows, labels] - top[:, 0] - np.log(total[:, 0])
    pull = exponents / total
    pull[rows, labels] -= 1.0
    loss = -float(log_right.sum())
    loss += 0.5 * PENALTY * float(((scale - 1.0) ** 2).sum() + (offset**2).sum())
    by_scale = (pull * said).sum(axis=0) + PENALTY * (scale - 1.0)
    by_offset = pull.sum(axis=0) + PENALTY * offset
    return loss, np.concatenate((by_scale, by_offset))
