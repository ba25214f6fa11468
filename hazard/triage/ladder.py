"""The ladder: what becomes of an opinion, given the policy's verdict and the authority.

| answer | authority | severity | decided by |
| --- | --- | --- | --- |
| none yet, or the floor is critical | any | default | policy |
| late, broken, absent, unsure | any | default | fallback |
| an opinion | advise | default | policy |
| above the default | raise | one level above the default | model |
| at or under the default | raise | default | policy |
| an opinion | decide | the opinion, from the floor to critical | model |

An alarm that was raised (default above info) never goes below low. Pure functions.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hazard.triage.authority import least
from hazard.types import Assessment, Authority, DecidedBy, Incident, Opinion, Severity, Verdict

FailureKind = Literal["late", "broken", "absent", "unsure"]

Ruling = tuple[Severity, DecidedBy, str]
"""A severity, who decided it, and why."""

SUM_TOLERANCE = 1e-3
"""How far the probabilities of an opinion may be from summing to one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no opinion: late, broken (error, nonsense), absent (no backend) or unsure."""

    kind: FailureKind
    reason: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


def at_once(
    incident_id: str,
    verdict: Verdict,
    authority: Authority,
    at: datetime,
    *,
    incident: Incident | None = None,
) -> Assessment:
    """The assessment of revision 1: the policy's default; `incident` is kept, to judge it again."""
    ruling = (verdict.default, DecidedBy.POLICY, verdict.why)
    return _assessment(incident_id, verdict, authority, at, ruling=ruling, incident=incident)


def decide(
    incident_id: str,
    verdict: Verdict,
    answer: Opinion | Failure,
    authority: Authority,
    at: datetime,
    *,
    incident: Incident | None = None,
) -> Assessment:
    """Apply `authority` to `answer`; `incident` is kept as it was, to ask about it again.

    An opinion that is no distribution over severities counts as broken: a backend that cannot add
    up is not believed.
    """
    opinion = answer if isinstance(answer, Opinion) else None
    if verdict.floor is Severity.CRITICAL:
        ruling = (
            Severity.CRITICAL,
            DecidedBy.POLICY,
            "the floor is critical: nothing to decide",
        )
    elif (failure := _failure(answer)) is not None:
        ruling = (verdict.default, DecidedBy.FALLBACK, str(failure))
        opinion = opinion if failure.kind == "unsure" else None
    else:
        authority = least(authority, opinion.authority_limit) if opinion else authority
        ruling = _apply(verdict, _severity(answer), authority)
    return _assessment(
        incident_id, verdict, authority, at, ruling=ruling, opinion=opinion, incident=incident
    )


def _severity(answer: Opinion | Failure) -> Severity:
    if not isinstance(answer, Opinion) or answer.severity is None:
        raise TypeError("only an opinion with a severity can be applied")
    return answer.severity


def _failure(answer: Opinion | Failure) -> Failure | None:
    if isinstance(answer, Failure):
        return answer
    values = list(answer.probabilities.values())
    if any(not math.isfinite(value) or not 0.0 <= value <= 1.0 for value in values):
        return Failure("broken", "the backend gave probabilities outside 0..1")
    if abs(math.fsum(values) - 1.0) > SUM_TOLERANCE:
        return Failure("broken", f"the backend's probabilities sum to {math.fsum(values):.3f}")
    if answer.severity is None:
        return Failure("unsure", answer.note or "the backend cannot tell the severities apart")
    return None


def _apply(verdict: Verdict, said: Severity, authority: Authority) -> Ruling:
    default = verdict.default
    if authority is Authority.ADVISE:
        return default, DecidedBy.POLICY, f"the model says {said} and may only advise"
    if authority is Authority.RAISE:
        if said <= default:
            return default, DecidedBy.POLICY, f"the model says {said} and may only raise {default}"
        raised = Severity.from_rank(default.rank + 1)
        return raised, DecidedBy.MODEL, f"the model says {said} and may raise {default} by one"
    least = max(verdict.floor, Severity.LOW if default > Severity.INFO else Severity.INFO)
    severity = max(said, least)
    note = f", held at the floor {severity}" if severity != said else ""
    return severity, DecidedBy.MODEL, f"the model says {said} and may decide{note}"


def _assessment(
    incident_id: str,
    verdict: Verdict,
    authority: Authority,
    at: datetime,
    *,
    ruling: Ruling,
    opinion: Opinion | None = None,
    incident: Incident | None = None,
) -> Assessment:
    severity, decided_by, reason = ruling
    basis = f"{incident_id}|{at.isoformat()}|{verdict.model_dump_json()}|{decided_by}|{severity}"
    return Assessment(
        assessment_id=hashlib.sha256(basis.encode()).hexdigest()[:32],
        incident_id=incident_id,
        severity=severity,
        floor=verdict.floor,
        default=verdict.default,
        decided_by=decided_by,
        authority=authority,
        reason=reason[:500],
        opinion=opinion,
        decided_at=at,
        policy_hash=verdict.policy_hash,
        incident=incident,
    )
