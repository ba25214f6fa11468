"""What a reasoning backend may do: the least of the site's wish, its own limit and the exam.

A certificate is what an exam leaves beside the weights. It speaks for one backend, one set of
files, one quantization and one prompt, and for nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import Field

from hazard.types import Authority, Model, Name, UtcTime

_ORDER = (Authority.ADVISE, Authority.RAISE, Authority.DECIDE)

MIN_INCIDENTS_PER_KIND = 10
"""A hazard kind needs this many incidents of its own in the exam before a model may decide it."""

MIN_KAPPA = 0.75
"""Least quadratic weighted kappa of a passed exam. Built in: a site can only ask for more."""

MIN_RECALL_LOWER = 0.90
"""Least lower bound (Wilson, 95 %) of the recall of high and critical in a passed exam."""

BUILT_IN = MappingProxyType({"kappa": MIN_KAPPA, "recall_high_lower": MIN_RECALL_LOWER})
"""By a certificate's figure names: held against it each time, whatever it says of itself."""

UNASKED = Authority.RAISE
"""The most that a backend gets where the site says nothing: `decide` must be asked for."""


class KindResult(Model):
    """How the exam went for one hazard kind."""

    incidents: int = Field(ge=0)
    missed_high: int = Field(ge=0, description="high or critical ones judged too low")

    @property
    def passed(self) -> bool:
        """Enough incidents, and no missed high or critical one."""
        return self.incidents >= MIN_INCIDENTS_PER_KIND and self.missed_high == 0


class Subject(Model):
    """What exactly was examined: any difference makes a certificate void."""

    backend: str = Field(max_length=64)
    files: dict[str, str] = Field(description="model file name to sha256")
    quantization: str = Field(max_length=64)
    prompt_hash: str
    calibration: str = Field(default="", description="sha256 of what was fitted; empty: nothing")


class Certificate(Model):
    """The outcome of an exam.

    `test_only` marks a certificate made for tests: it counts only where the caller says so.
    """

    subject: Subject
    data_hash: str = Field(description="sha256 of the labelled incidents")
    figures: dict[str, float] = Field(description="kappa, recall_high, under_triage…")
    minimums: dict[str, float] = Field(
        default_factory=dict, description="what these figures had to reach, by their names"
    )
    passed: bool
    kinds: dict[Name, KindResult] = Field(default_factory=dict)
    issued_at: UtcTime
    test_only: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The authority for one hazard kind, and why it is not what was asked for (else empty)."""

    authority: Authority
    why: str = ""


def least(*authorities: Authority) -> Authority:
    """The one that allows least."""
    return min(authorities, key=_ORDER.index)


def grant(
    hazard: str,
    *,
    backend_limit: Authority,
    uncertified: Authority = Authority.RAISE,
    subject: Subject | None = None,
    certificate: Certificate | None = None,
    wishes: Mapping[str, Authority] | None = None,
    minimums: Mapping[str, float] | None = None,
    allow_test_certificate: bool = False,
) -> Grant:
    """The authority of a loaded backend for one hazard kind.

    The exam allows: `advise` when it was failed, `decide` for the kinds that passed, and
    `uncertified` for the others or where there is no valid certificate: `raise` for a model of 40
    billion parameters or more, `advise` for a smaller one. `decide` without a certificate falls
    back, and the reason says so. `minimums` are figures that a site asks for beyond the built-in
    ones: a certificate that does not reach them is a failed one here.
    """
    wish = (wishes or {}).get(hazard, UNASKED)
    allowed, why = _exam(hazard, subject, certificate, minimums or {}, allow_test_certificate)
    if allowed is Authority.RAISE:
        allowed = least(allowed, uncertified)
    authority = least(wish, backend_limit, allowed)
    if authority is wish or hazard not in (wishes or {}):
        return Grant(authority)
    if least(wish, allowed) is wish:
        return Grant(authority, f"{hazard}: {wish} asked, the backend is limited to {authority}")
    return Grant(authority, f"{hazard}: {wish} asked, {authority} given: {why}")


def invalid(
    certificate: Certificate, subject: Subject | None, *, allow_test_certificate: bool
) -> str:
    """Why the certificate does not speak for `subject`; empty if it does."""
    if certificate.test_only and not allow_test_certificate:
        return "the certificate is for tests only"
    if subject is None:
        return "the backend does not say which files, quantization and prompt it uses"
    for field in ("backend", "files", "quantization", "prompt_hash", "calibration"):
        if getattr(certificate.subject, field) != getattr(subject, field):
            return f"the certificate is for another {field.replace('_', ' ')}"
    return ""


def _exam(
    hazard: str,
    subject: Subject | None,
    certificate: Certificate | None,
    minimums: Mapping[str, float],
    allow_test_certificate: bool,  # noqa: FBT001 - private, named by its only caller
) -> tuple[Authority, str]:
    if certificate is None:
        return Authority.RAISE, "no certificate: run the exam"
    void = invalid(certificate, subject, allow_test_certificate=allow_test_certificate)
    if void:
        return Authority.RAISE, void
    if not certificate.passed:
        return Authority.ADVISE, "the exam was failed"
    built_in = {} if certificate.test_only else BUILT_IN
    for name in {**built_in, **minimums}:
        figure = certificate.figures.get(name, -math.inf)
        wanted, own = built_in.get(name, -math.inf), minimums.get(name, -math.inf)
        if not figure >= max(wanted, own):  # also where it is no number
            who = "this site asks for" if own > wanted else "built in is"
            return (
                Authority.ADVISE,
                f"the exam's {name} is {figure:.3f}, {who} {max(wanted, own):.3f}",
            )
    result = certificate.kinds.get(hazard)
    if result is None or not result.passed:
        return Authority.RAISE, "the exam was not passed for this hazard kind"
    return Authority.DECIDE, ""
