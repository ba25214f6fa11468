"""What an exam leaves beside the weights: the calibration, and the certificate that names it.

The minimums are built in (`hazard.triage.authority`); a site can only ask for more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from hazard.site.reasoning import Exam
from hazard.triage.authority import (
    MIN_KAPPA,
    MIN_RECALL_LOWER,
    Certificate,
    KindResult,
    Subject,
)
from hazard.triage.calibration import Calibration
from hazard.types import Severity
from models.exam.judging import Outcome
from models.exam.metrics import Figures
from models.integrity import write_atomically

CERTIFICATE_FILE = "certificate.json"
CALIBRATION_FILE = "calibration.json"
REPORT_FILE = "exam.json"


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of passing: the figure, what it had to reach, and whether it did."""

    name: str
    words: str
    value: float
    minimum: float
    passed: bool


def checks(ours: Figures, policy: Figures, wanted: Exam) -> tuple[Check, ...]:
    """The conditions of passing; minimums below the built-in ones have no effect."""
    kappa = max(wanted.minimum_kappa, MIN_KAPPA)
    recall = max(wanted.minimum_recall_lower, MIN_RECALL_LOWER)
    return (
        Check("kappa", "kappa", ours.kappa, kappa, ours.kappa >= kappa),
        Check(
            "recall_high_lower",
            "recall of high and critical, lower bound",
            ours.recall_high_lower,
            recall,
            ours.recall_high_lower >= recall,
        ),
        Check(
            "better_than_policy",
            "kappa, against the policy alone",
            ours.kappa,
            policy.kappa,
            ours.kappa > policy.kappa,
        ),
    )


def strictest(*parts: Iterable[Check]) -> tuple[Check, ...]:
    """Of each condition the one that was met by least: each part must meet all of them."""
    found: dict[str, Check] = {}
    for check in chain.from_iterable(parts):
        known = found.get(check.name, check)
        found[check.name] = min(known, check, key=lambda one: (one.passed, one.value - one.minimum))
    return tuple(found.values())


def kind_results(outcomes: Iterable[Outcome]) -> dict[str, KindResult]:
    """Per hazard kind: incidents of its own, and high or critical ones that were missed."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.item.hazard, []).append(outcome)
    return {
        kind: KindResult(incidents=len(own), missed_high=sum(1 for one in own if missed(one)))
        for kind, own in sorted(found.items())
    }


def missed(outcome: Outcome) -> bool:
    """Whether a high or critical incident was judged lower than high, or than is acceptable.

    So high is a miss where nothing but critical is acceptable: a backend that never says critical
    would bring critical defaults down.
    """
    least = max(Severity.HIGH, outcome.item.acceptable[0])
    return outcome.item.label >= Severity.HIGH and outcome.severity < least


def issue(
    subject: Subject,
    data_hash: str,
    *,
    figures: Mapping[str, float],
    judged: Iterable[Check],
    kinds: dict[str, KindResult],
    at: datetime,
    test_only: bool,
) -> Certificate:
    """The certificate; passed if every check was."""
    judged = tuple(judged)
    return Certificate(
        subject=subject,
        data_hash=data_hash,
        figures=dict(figures),
        minimums={check.name: check.minimum for check in judged},
        passed=all(check.passed for check in judged),
        kinds=kinds,
        issued_at=at,
        test_only=test_only,
    )


def store(folder: Path, calibration: Calibration | None, certificate: Certificate) -> Path:
    """Write both; the path of the certificate.

    The calibration comes first: in between the old certificate names another calibration than the
    one that lies there, and is void.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if calibration is not None:
        write_atomically(folder / CALIBRATION_FILE, calibration.model_dump_json(indent=2).encode())
    path = folder / CERTIFICATE_FILE
    write_atomically(path, certificate.model_dump_json(indent=2).encode())
    return path
