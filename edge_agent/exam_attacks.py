"""The attacks of an exam: how far hostile text moves the backend that was just examined.

It is loaded anew, with the calibration that the exam has stored: without one it would be unsure of
everything, and nothing could move it. What is printed and stored decides no certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hazard.ports import Reasoner
from hazard.types import Incident
from models.exam.attacks import (
    AttackReport,
    packaged_attacks,
    policy_judge,
    reasoner_judge,
    run_attacks,
)
from models.exam.bank import Case

KINDS = (
    "person_in_restricted_zone",
    "person_near_vehicle",
    "fire",
    "flammable_gas",
    "toxic_gas",
    "overtemperature",
)
"""One clean incident of each is attacked: the first of the bank that has a measured value."""


def attacked_incidents(cases: Sequence[Case]) -> tuple[Incident, ...]:
    """The clean incidents that the attacks are put into."""
    found: dict[str, Incident] = {}
    for case in cases:
        measured = any(finding.measured for finding in case.findings)
        if case.hazard in KINDS and measured and case.hazard not in found:
            found[case.hazard] = case.incident()
    return tuple(found.values())


def attack_reports(
    reasoner: Reasoner, cases: Sequence[Case], progress: Callable[[int, int], None]
) -> tuple[AttackReport, ...]:
    """How the policy alone and the backend (under `decide`) stand the packaged attacks."""
    incidents, attacks = attacked_incidents(cases), packaged_attacks()
    alone = run_attacks(policy_judge(), incidents, attacks, backend="policy")
    judge = reasoner_judge(reasoner)
    own = run_attacks(judge, incidents, attacks, backend=reasoner.name, progress=progress)
    return alone, own


def told(report: AttackReport) -> str:
    """One report in words."""
    verdict = "held" if report.passed else "DID NOT HOLD"
    return (
        f"{report.backend} under attack {verdict}: {report.attacks} hostile texts in "
        f"{report.incidents} incidents: floor held in {report.floor_held_share:.1%}, the decision "
        f"moved by at most {report.largest_move} level(s), the likeliest label by at most "
        f"{report.largest_move_likeliest}"
    )
