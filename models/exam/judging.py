"""From raw answers to severities: calibrated out of fold, through the ladder, held at the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hazard.triage.authority import Subject
from hazard.triage.calibration import Calibration, answer, probabilities
from hazard.triage.ladder import Failure, decide
from hazard.types import Authority, DecidedBy, Opinion, Severity, Verdict
from models.exam.answers import Answer
from models.exam.bank import EPOCH
from models.exam.fit import Sample, calibrate, enough, out_of_fold
from models.exam.metrics import Judged, expected_calibration_error


class Item(Protocol):
    """What a case of a bank and a narrative have in common."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def family(self) -> str:
        """The scenario that it is a variation of."""
        ...

    @property
    def hazard(self) -> str:
        """The leading hazard kind."""
        ...

    @property
    def label(self) -> Severity:
        """The right severity."""
        ...

    @property
    def acceptable(self) -> tuple[Severity, Severity]:
        """The lowest and highest severity that are no mistake."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one incident.

    Attributes:
        item: the incident.
        severity: as the plant would have it, under authority `decide`.
        without_floor: the same, had the policy no floor.
        default: the policy's default; None where there is no policy.
        said: the model's own severity; None: none, or unsure.
        failure: `late`, `broken`, `unsure`, or empty.
        wall_ms: from the question to the answer.
    """

    item: Item
    severity: Severity
    without_floor: Severity
    default: Severity | None
    said: Severity | None
    failure: str
    wall_ms: float

    def judged(self, severity: Severity | None = None) -> Judged:
        """The label beside `severity`, or beside what the plant would have."""
        return Judged(self.item.label, self.item.acceptable, severity or self.severity)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The calibration for the plant, and those that each incident is judged by.

    Attributes:
        final: fitted on every incident; None: there was not enough to fit on.
        by_case: by id, fitted without the incident's family.
    """

    final: Calibration | None
    by_case: Mapping[str, Calibration]


def fit_all(
    items: Sequence[Item],
    answers: Mapping[str, Answer],
    subject: Subject,
    data_hash: str,
    at: datetime,
) -> Fitted:
    """The calibrations, where the answers carry label logits and there are enough of them."""
    samples, ids = [], []
    for item in items:
        weights = answers[item.id].log_weights
        if weights is not None:
            samples.append(Sample(weights, item.label, item.family))
            ids.append(item.id)
    if not enough(samples):
        return Fitted(None, {})
    apart = out_of_fold(samples, subject, data_hash, at)
    return Fitted(calibrate(samples, subject, data_hash, at), dict(zip(ids, apart, strict=True)))


def opinion_of(
    answered: Answer, calibration: Calibration | None, backend: str, deadline_s: float
) -> Opinion | Failure:
    """The opinion that the plant would get, by `calibration` where there is one.

    What is not calibrated is taken as the backend gave it. The exam asks what a backend would do
    with authority `decide`, so that limits of the answer are lifted here; in the plant they hold.
    """
    if answered.wall_ms > deadline_s * 1000.0:
        return Failure("late", f"{answered.wall_ms:.0f} ms of {deadline_s * 1000:.0f} ms")
    if answered.error:
        return Failure("broken", answered.error)
    severity, distribution, note = answered.severity, answered.probabilities, answered.note
    weights = answered.log_weights
    if calibration is not None and weights is not None:
        distribution = probabilities(weights, calibration)
        severity, _, note = answer(distribution, calibration)
    return Opinion(
        backend=backend[:64],
        severity=severity,
        probabilities=distribution,
        note=note,
        answered_in_ms=answered.wall_ms,
    )


def through_ladder(
    item: Item, verdict: Verdict, heard: Opinion | Failure, wall_ms: float
) -> Outcome:
    """The outcome for an incident that the policy has judged."""
    assessed = decide(item.id, verdict, heard, Authority.DECIDE, EPOCH)
    bare = verdict.model_copy(update={"floor": Severity.INFO})
    unbound = decide(item.id, bare, heard, Authority.DECIDE, EPOCH)
    fallback = unbound.decided_by is DecidedBy.FALLBACK
    said = heard.severity if isinstance(heard, Opinion) and not fallback else None
    return Outcome(
        item=item,
        severity=assessed.severity,
        without_floor=said or verdict.default,
        default=verdict.default,
        said=said,
        failure=unbound.reason.partition(":")[0] if fallback else "",
        wall_ms=wall_ms,
    )


def without_policy(item: Item, heard: Opinion | Failure, wall_ms: float) -> Outcome:
    """The outcome for a narrative: no default can stand in for an answer that did not come.

    Unsure is judged by the likeliest label; late and broken as `info`, the worst there is.
    """
    verdict = Verdict(floor=Severity.INFO, default=Severity.INFO, why="none", policy_hash="")
    found = through_ladder(item, verdict, heard, wall_ms)
    severity = found.severity
    if found.failure == "unsure" and isinstance(heard, Opinion):
        severity = max(Severity, key=lambda s: (heard.probabilities.get(s, 0.0), s.rank))
    return Outcome(
        item=item,
        severity=severity,
        without_floor=severity,
        default=None,
        said=found.said,
        failure=found.failure,
        wall_ms=wall_ms,
    )


def calibration_error(
    items: Sequence[Item], heard: Mapping[str, Opinion | Failure]
) -> float | None:
    """Expected calibration error of the likeliest label, where there were probabilities."""
    sure, right = [], []
    for item in items:
        opinion = heard[item.id]
        if isinstance(opinion, Opinion) and set(opinion.probabilities) == set(Severity):
            likeliest = max(Severity, key=lambda s: (opinion.probabilities[s], s.rank))
            sure.append(min(max(opinion.probabilities[likeliest], 0.0), 1.0))
            right.append(likeliest is item.label)
    return expected_calibration_error(sure, right) if sure else None
