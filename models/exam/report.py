"""An exam's outcome in words, in rows of a table, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from pydantic import JsonValue

from hazard.triage.authority import MIN_INCIDENTS_PER_KIND, Grant, KindResult
from hazard.types import Authority
from models.exam.certificate import Check
from models.exam.metrics import Figures
from models.exam.run import Result

COLUMNS = ("who", "kappa", "recall of high (95 %)", "under", "over", "out of range", "cal. err.")

_MAY = {
    Authority.DECIDE: "decide, from the floor to critical",
    Authority.RAISE: "raise the default by one level",
    Authority.ADVISE: "advise: its opinion is stored and shown, the policy's default stands",
}


def rows(result: Result) -> list[tuple[str, ...]]:
    """The table: the backend as the plant would have it, then who must be beaten."""
    named = {result.subject.backend: result.figures, **result.baselines}
    return [_row(name, figures) for name, figures in named.items()]


def facts(result: Result, provenance: Mapping[str, str]) -> list[str]:
    """Time, size and what did not count, a line each."""
    timing, count, calibration = result.timing, result.figures.incidents, result.calibration
    times = f"p50 {timing.p50_ms:.0f} ms, p95 {timing.p95_ms:.0f} ms, p99 {timing.p99_ms:.0f} ms"
    failed = f"{timing.broken} were broken, {timing.unsure} unsure"
    late = f"{timing.late} missed the deadline of {result.deadline_s:g} s"
    size = _known(provenance, "bytes")
    active = _known(provenance, "active_parameters")
    fitted = (
        f"calibrated on {calibration.incidents} incidents, judged out of fold by family"
        if calibration
        else "not calibrated (no label probabilities, or too few incidents): judged as it answers"
    )
    return [
        f"answered in {times}",
        f"of {count} answers {late}, {failed}",
        f"bytes: {size}, active parameters: {active}",
        fitted,
    ]


def verdict(result: Result, grants: Mapping[str, Grant]) -> str:
    """What was passed or failed and by how much, what the backend may do now, what to do next."""
    lines = [_outcome(result)]
    lines += [_check(check) for check in result.checks]
    lines += _kinds(result.kinds)
    if grants:
        lines += ["It may now, where the site file asks for it:", *_granted(grants)]
    lines.append(_next(result, grants))
    return "\n".join(lines)


def as_json(
    result: Result,
    provenance: Mapping[str, str],
    grants: Mapping[str, Grant],
    certificate: str | None,
) -> dict[str, JsonValue]:
    """Everything, with the ids and severities of the incidents and none of their texts."""
    figures = result.figures.model_dump() | asdict(result.timing)
    return {
        "backend": result.subject.backend,
        "passed": result.passed,
        **figures,
        "deadline_s": result.deadline_s,
        "bytes": _number(provenance, "bytes"),
        "active_parameters": _number(provenance, "active_parameters"),
        "certificate": certificate,
        "why_no_certificate": result.papers.why_not,
        "subject": result.subject.model_dump(mode="json"),
        "data_hash": result.papers.data_hash,
        "checks": [asdict(check) for check in result.checks],
        "baselines": {name: one.model_dump() for name, one in result.baselines.items()},
        "kinds": {
            name: {
                **kind.model_dump(),
                "passed": kind.passed,
                "authority": str(grants[name].authority) if name in grants else None,
            }
            for name, kind in result.kinds.items()
        },
        "verdict": verdict(result, grants),
        "cases": [
            {
                "id": one.item.id,
                "hazard": one.item.hazard,
                "label": str(one.item.label),
                "acceptable": [str(end) for end in one.item.acceptable],
                "severity": str(one.severity),
                "without_floor": str(one.without_floor),
                "default": str(one.default) if one.default is not None else None,
                "said": str(one.said) if one.said is not None else None,
                "failure": one.failure,
                "wall_ms": one.wall_ms,
            }
            for one in result.outcomes
        ],
    }


def _row(name: str, one: Figures) -> tuple[str, ...]:
    recall = "none" if one.recall_high is None else f"{one.recall_high:.2f}"
    error = "-" if one.calibration_error is None else f"{one.calibration_error:.2f}"
    return (
        name,
        f"{one.kappa:.2f}",
        f"{recall} ({one.recall_high_lower:.2f}-{one.recall_high_upper:.2f})",
        f"{one.under_triage:.2f}",
        f"{one.over_triage:.2f}",
        f"{one.below_acceptable:.2f} / {one.above_acceptable:.2f}",
        error,
    )


def _outcome(result: Result) -> str:
    name, asked = result.subject.backend, f"{result.figures.incidents} incidents"
    if not result.papers.certifies:
        return f"NO VERDICT on {name} ({asked}): {result.papers.why_not}. These are figures only."
    return f"{'PASSED' if result.passed else 'NOT PASSED'}: {name}, on {asked}."


def _check(check: Check) -> str:
    if check.name == "better_than_policy":
        gap = f"{check.words}: {check.value:.3f} against {check.minimum:.3f}"
        return f"  {'passed' if check.passed else 'failed'}: {gap}"
    short = "" if check.passed else f", short by {check.minimum - check.value:.3f}"
    return (
        f"  {'passed' if check.passed else 'failed'}: {check.words}: {check.value:.3f} "
        f"of at least {check.minimum:.3f}{short}"
    )


def _kinds(kinds: Mapping[str, KindResult]) -> list[str]:
    if not kinds:
        return []
    failed = {name: kind for name, kind in kinds.items() if not kind.passed}
    lines = [f"Hazard kinds passed by themselves: {len(kinds) - len(failed)} of {len(kinds)}."]
    lines += [f"  failed: {name}: {_why(kind)}" for name, kind in failed.items()]
    return lines


def _why(kind: KindResult) -> str:
    if kind.incidents < MIN_INCIDENTS_PER_KIND:
        return f"{kind.incidents} incidents, {MIN_INCIDENTS_PER_KIND} are needed"
    return f"{kind.missed_high} high or critical judged too low, none may be"


def _granted(grants: Mapping[str, Grant]) -> Iterable[str]:
    for authority, words in _MAY.items():
        names = [name for name, grant in grants.items() if grant.authority is authority]
        if names:
            which = "every hazard kind" if len(names) == len(grants) else ", ".join(names)
            yield f"  {words} ({which})"


def _next(result: Result, grants: Mapping[str, Grant]) -> str:
    if not result.papers.certifies:
        return "Next: no certificate was written, and what the backend may do has not changed."
    decided = [name for name, grant in grants.items() if grant.authority is Authority.DECIDE]
    if decided:
        return (
            f"Next: to let it decide, write `reasoning: {{authority: {{{decided[0]}: decide}}}}` "
            "in the site file for each kind that you want; a running agent reads it at once."
        )
    if result.passed:
        return (
            "Next: nothing. The exam was passed, but this backend may not decide by its own limit."
        )
    return (
        "Next: nothing has to be done, the policy's default stands. A failed exam holds this very "
        "model, quantization and prompt at advise; examine another one, or change the prompt."
    )


def _known(provenance: Mapping[str, str], name: str) -> str:
    value = _number(provenance, name)
    return "unknown" if value is None else f"{value:,}"


def _number(provenance: Mapping[str, str], name: str) -> int | None:
    value = provenance.get(name, "")
    return int(value) if value.isdecimal() else None
