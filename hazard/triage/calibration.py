"""From what a model said of the five labels to a severity, or to `unsure`.

Three steps, all pure. What the model says of an incident without content (its prior) is divided
out: contextual calibration (Zhao et al. 2021, arXiv 2102.09690). Where labelled incidents were
judged by this very model, an affine map per label follows, and a threshold that makes the set of
labels above it hold the right one in a stated share of cases: split conformal prediction
(Angelopoulos and Bates 2023, arXiv 2107.07511, section 1). Last, the rule: without calibration, or
with more than `MAX_SET` labels in the set, nobody has been told anything; else the highest label of
the set is the answer, since an alarm that is one too high costs less than one that is too low.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from pydantic import Field, field_validator

from hazard.triage.authority import Subject
from hazard.types import Model, Severity, UtcTime

MAX_SET = 3
"""A set of more labels than this says nothing."""

MISS_RATE = 0.1
"""Share of incidents whose right label may lie outside the set."""

UNCALIBRATED = "not calibrated: run the exam"

LogWeights = Mapping[Severity, float]
"""Natural logarithms of weights, one per severity, up to a constant that all share."""


class Calibration(Model):
    """What was fitted on labelled incidents, for one set of files, quantization and prompt."""

    subject: Subject
    scale: dict[Severity, float] = Field(description="factor per label")
    offset: dict[Severity, float] = Field(description="summand per label, natural logarithm")
    least_probability: float = Field(
        ge=0.0, le=1.0, description="labels at least this probable form the conformal set"
    )
    miss_rate: float = Field(default=MISS_RATE, gt=0.0, lt=1.0)
    incidents: int = Field(ge=1, description="that it was fitted on")
    data_hash: str = Field(description="sha256 of the labelled incidents")
    fitted_at: UtcTime

    @field_validator("scale", "offset")
    @classmethod
    def _one_number_per_label(cls, value: dict[Severity, float]) -> dict[Severity, float]:
        if set(value) != set(Severity) or not all(map(math.isfinite, value.values())):
            raise ValueError(f"want one finite number for each of {', '.join(Severity)}")
        return value

    @property
    def sha256(self) -> str:
        """What a certificate names it by: hash of everything but the time."""
        return hashlib.sha256(self.model_dump_json(exclude={"fitted_at"}).encode()).hexdigest()


def without_prior(log_probabilities: LogWeights, prior: Mapping[Severity, float]) -> LogWeights:
    """The model's log-probabilities with its prejudice divided out."""
    return {s: log_probabilities[s] - math.log(max(prior[s], 1e-6)) for s in Severity}


def probabilities(
    log_weights: LogWeights, calibration: Calibration | None = None
) -> dict[Severity, float]:
    """The distribution over severities, through the affine map where there is one."""
    if calibration is not None:
        log_weights = {
            s: calibration.scale[s] * log_weights[s] + calibration.offset[s] for s in Severity
        }
    top = max(log_weights.values())
    weights = {s: math.exp(log_weights[s] - top) for s in Severity}
    total = math.fsum(weights.values())
    return {s: weight / total for s, weight in weights.items()}


def conformal_set(
    distribution: Mapping[Severity, float], calibration: Calibration
) -> tuple[Severity, ...]:
    """The labels that cannot be ruled out, lowest first; never empty."""
    least = min(calibration.least_probability, max(distribution.values()))
    return tuple(s for s in Severity if distribution[s] >= least)


def answer(
    distribution: Mapping[Severity, float], calibration: Calibration | None
) -> tuple[Severity | None, tuple[Severity, ...], str]:
    """The severity (None: unsure), the conformal set, and why it is unsure (else empty)."""
    if calibration is None:
        return None, (), UNCALIBRATED
    found = conformal_set(distribution, calibration)
    if len(found) > MAX_SET:
        return None, found, f"{len(found)} of {len(Severity)} severities cannot be ruled out"
    return max(found), found, ""


def entropy_bits(distribution: Mapping[Severity, float]) -> float:
    """How undecided the model is: 0 is sure, 2.32 knows nothing."""
    return -math.fsum(p * math.log2(p) for p in distribution.values() if p > 0.0)
