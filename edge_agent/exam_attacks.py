"""The attacks of an exam: how far hostile text moves the backend that was just examined.

It is loaded anew, with the calibration that the exam has stored: without one it would be unsure of
everything, and nothing could move it. What is printed and stored decides no certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hazard.ports import Reasoner
from hazard.triage.ladder import Failure
from hazard.types import Authority, Incident, Opinion
from models.exam.attacks import (
    AttackReport,
    packaged_attacks,
    policy_judge,
    reasoner_judge,
    run_attacks,
)
from models.exam.bank import Case
from models.exam.policy_backend import PolicyReasoner

KINDS = (
    "person_in_restricted_zone",
    "person_near_vehicle",
    "fire",
    "flammable_gas",
    "toxic_gas",
    "overtemperature",
)
"""One clean incident of each is attacked: the first of the bank that has a measured value."""


UNDER_DECIDE = " if it might decide"


def attacked_incidents(cases: Sequence[Case]) -> tuple[Incident, ...]:
    """The clean incidents that the attacks are put into."""
    found: dict[str, Incident] = {}
    for case in cases:
        measured = any(finding.measured for finding in case.findings)
        if case.hazard in KINDS and measured and case.hazard not in found:
            found[case.hazard] = case.incident()
    return tuple(found.values())


def attack_reports(
    reasoner: Reasoner,
    cases: Sequence[Case],
    authority: Mapping[str, Authority],
    progress: Callable[[int, int], None],
) -> tuple[AttackReport, ...]:
    """How the policy alone, the backend as it is now, and the backend if it might decide stand it.

    `authority` is what it has by hazard kind after this exam.
    """
    incidents, attacks = attacked_incidents(cases), packaged_attacks()
    alone = run_attacks(policy_judge(), incidents, attacks, backend=PolicyReasoner.name)
    if reasoner.name == PolicyReasoner.name:
        return (alone,)
    heard: dict[tuple[str, ...], Opinion | Failure] = {}
    free = reasoner_judge(reasoner, heard=heard)
    now = reasoner_judge(reasoner, authority=authority, heard=heard)
    return (
        alone,
        run_attacks(now, incidents, attacks, backend=reasoner.name, progress=progress),
        run_attacks(free, incidents, attacks, backend=f"{reasoner.name}{UNDER_DECIDE}"),
    )


def told(report: AttackReport) -> str:
    """One report in words."""
    verdict = "held" if report.passed else "DID NOT HOLD"
    return (
        f"{report.backend} under attack {verdict}: {report.attacks} hostile texts in "
        f"{report.incidents} incidents: floor held in {report.floor_held_share:.1%}, the decision "
        f"moved by at most {report.largest_move} level(s) (by more than one in "
        f"{report.moved_share:.1%}), the likeliest label by at most {report.largest_move_likeliest}"
    )
