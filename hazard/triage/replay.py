"""Whether an assessment comes out again: what was stored beside what is answered today.

Decisions must repeat, not tokens: the severity, the order of the labels, and their probabilities
within a tolerance; and the policy's floor and default. What the answer was made of (prompt, files,
quantization, versions, threads, calibration, policy) is compared too, so that an answer that is
another one is explained, and one that is the same although something differs is told. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations

from pydantic import Field, JsonValue

from hazard.triage.ladder import decide
from hazard.triage.together import ASKED_ABOUT, COALESCED
from hazard.types import Assessment, Incident, Model, Opinion, Severity, UtcTime, Verdict

TOLERANCE = 0.02
"""How far a probability may be from the stored one, absolute: what is computed in batches of other
sizes was seen to differ by up to that for the same backend, files and quantization."""

TIE = 0.001
"""Labels whose probabilities are this close in both answers have no order among each other."""

RUN = frozenset(
    {"label_logits", "prefill_ms", "cached_tokens", "new_tokens", COALESCED, ASKED_ABOUT}
)
"""Keys of provenance that belong to one run, or are compared otherwise."""

_WORDS: Mapping[str, str] = {
    "prompt": "prompt text",
    "prompt_hash": "prompt hash",
    "quantization": "quantization",
    "calibration": "calibration",
    "label_prior": "the model's prejudice (label prior)",
    "threads": "threads",
}


class Difference(Model):
    """One thing that is not what it was."""

    what: str = Field(description="in words")
    then: JsonValue
    now: JsonValue

    def __str__(self) -> str:
        return f"{self.what}: was {_short(self.then)}, is {_short(self.now)}"


class Replay(Model):
    """What came of judging an assessment again.

    `same` is about the answer alone: an answer may be the same although its `causes` are not.
    """

    assessment_id: str
    incident_id: str
    decided_at: UtcTime
    same: bool
    model_asked: bool
    note: str = Field(default="", description="why the model was not asked, or what is special")
    answer: tuple[Difference, ...] = Field(description="of the answer: severity, order, policy…")
    causes: tuple[Difference, ...] = Field(description="of what it is made of: files, prompt…")
    tolerance: float = Field(description="absolute, per probability")
    widest: float | None = Field(description="largest distance of a probability; null: not asked")


def question(stored: Assessment) -> tuple[Incident, Verdict] | None:
    """What the model was asked: an incident and the policy's verdict.

    None where the incident is not stored, as in databases of earlier releases.
    """
    if stored.incident is None:
        return None
    joint = stored.opinion.provenance.get(ASKED_ABOUT) if stored.opinion is not None else None
    incident = stored.incident if joint is None else Incident.model_validate(joint)
    verdict = Verdict(
        floor=stored.floor,
        default=stored.default,
        why="as it was stored",
        policy_hash=stored.policy_hash,
    )
    return incident, verdict


def compare(
    stored: Assessment,
    verdict: Verdict,
    opinion: Opinion | None,
    *,
    tolerance: float = TOLERANCE,
    note: str = "",
) -> Replay:
    """The stored assessment beside today's `verdict` and, if the model was asked, `opinion`."""
    answer = list(_policy(stored, verdict))
    causes = list(_differ("policy hash", stored.policy_hash, verdict.policy_hash))
    widest = None
    if stored.opinion is not None and opinion is not None:
        widest = _distance(stored.opinion.probabilities, opinion.probabilities)
        answer += _opinions(stored.opinion, opinion, tolerance)
        answer += _ruling(stored, opinion)
        causes += _provenance(stored.opinion, opinion, tolerance)
    return Replay(
        assessment_id=stored.assessment_id,
        incident_id=stored.incident_id,
        decided_at=stored.decided_at,
        same=not answer,
        model_asked=opinion is not None,
        note=note,
        answer=tuple(answer),
        causes=tuple(causes),
        tolerance=tolerance,
        widest=widest,
    )


def label_order(probabilities: Mapping[Severity, float]) -> tuple[Severity, ...]:
    """The labels, the likeliest first; of equal ones the worse first."""
    return tuple(sorted(Severity, key=lambda s: (probabilities.get(s, 0.0), s.rank), reverse=True))


# ---------------------------------------------------------------- the answer


def _policy(stored: Assessment, verdict: Verdict) -> Iterator[Difference]:
    yield from _differ("floor under today's policy", stored.floor, verdict.floor)
    yield from _differ("default under today's policy", stored.default, verdict.default)


def _opinions(then: Opinion, now: Opinion, tolerance: float) -> Iterator[Difference]:
    yield from _differ("the model's severity", then.severity or "unsure", now.severity or "unsure")
    if _reordered(then.probabilities, now.probabilities):
        yield Difference(
            what="order of the labels",
            then=" > ".join(label_order(then.probabilities)),
            now=" > ".join(label_order(now.probabilities)),
        )
    for severity in Severity:
        pair = then.probabilities.get(severity, 0.0), now.probabilities.get(severity, 0.0)
        if not abs(pair[1] - pair[0]) <= tolerance:
            yield Difference(
                what=f"probability of {severity}", then=round(pair[0], 4), now=round(pair[1], 4)
            )


def _reordered(then: Mapping[Severity, float], now: Mapping[Severity, float]) -> bool:
    """Whether two labels that were told apart have changed places."""
    for one, other in combinations(Severity, 2):
        before = then.get(one, 0.0) - then.get(other, 0.0)
        after = now.get(one, 0.0) - now.get(other, 0.0)
        if max(abs(before), abs(after)) > TIE and (before > 0) != (after > 0):
            return True
    return False


def _ruling(stored: Assessment, opinion: Opinion) -> Iterator[Difference]:
    """What becomes of today's opinion with the authority that there was then."""
    asked = question(stored)
    if asked is None:
        return
    again = decide(stored.incident_id, asked[1], opinion, stored.authority, stored.decided_at)
    yield from _differ("severity of the assessment", stored.severity, again.severity)
    yield from _differ("decided by", stored.decided_by, again.decided_by)


def _distance(then: Mapping[Severity, float], now: Mapping[Severity, float]) -> float:
    return max(abs(now.get(s, 0.0) - then.get(s, 0.0)) for s in Severity)


# ---------------------------------------------------------------- what it is made of


def _provenance(then: Opinion, now: Opinion, tolerance: float) -> Iterator[Difference]:
    yield from _differ("backend", then.backend, now.backend)
    keys = dict.fromkeys((*then.provenance, *now.provenance))
    for key in keys:
        if key in RUN:
            continue
        before, after = then.provenance.get(key), now.provenance.get(key)
        if key == "label_prior" and _near(before, after, tolerance):
            continue
        yield from _differ(_named(key), before, after)


def _named(key: str) -> str:
    kind, _, name = key.partition(":")
    if kind == "sha256" and name:
        return f"model file {name} (sha256)"
    if kind == "library" and name:
        return f"version of {name}"
    return _WORDS.get(key, key)


def _near(then: JsonValue, now: JsonValue, tolerance: float) -> bool:
    """Whether two mappings of numbers agree within the tolerance."""
    if not isinstance(then, dict) or not isinstance(now, dict) or then.keys() != now.keys():
        return False
    pairs = [(then[key], now[key]) for key in then]
    return all(
        isinstance(a, int | float)
        and isinstance(b, int | float)
        and math.isclose(a, b, rel_tol=0.0, abs_tol=tolerance)
        for a, b in pairs
    )


def _differ(what: str, then: JsonValue, now: JsonValue) -> Iterator[Difference]:
    if (None if then == "" else then) != (None if now == "" else now):
        yield Difference(what=what, then=then, now=now)


def _short(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else f"{text[:157]}..."  # noqa: PLR2004 - a line of a terminal
