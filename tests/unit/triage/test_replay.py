"""A stored assessment beside today's answer: what counts as the same, and what is named."""

from __future__ import annotations

from typing import Any

import pytest

from hazard.catalogue import catalogue
from hazard.site.models import KindPolicy, Policy
from hazard.triage.ladder import at_once, decide
from hazard.triage.policy import assess
from hazard.triage.replay import TOLERANCE, Replay, compare, question
from hazard.triage.together import shared, together
from hazard.types import Assessment, Authority, Opinion, Severity
from tests.incidents import START, an_event, an_incident, an_opinion, gas

CROWD = an_incident(an_event("crowding"))
VERDICT = assess(CROWD, Policy(), catalogue())
MADE_OF: dict[str, Any] = {
    "prompt": "area x",
    "prompt_hash": "p1",
    "quantization": "Q4_1",
    "sha256:model.gguf": "aa",
    "library:torch": "2.9",
    "xllamacpp": "0.2",
    "threads": "1",
    "calibration": "",
    "label_prior": {"info": 0.2, "high": 0.8},
    "label_logits": {"info": -1.0},
    "prefill_ms": 300.0,
    "cached_tokens": 120,
    "new_tokens": 60,
}
LIKELY = {"info": 0.02, "low": 0.08, "medium": 0.2, "high": 0.4, "critical": 0.3}


def said(severity: str | None = "high", probabilities: Any = None, **made_of: Any) -> Opinion:
    shares = {Severity(k): v for k, v in (probabilities or LIKELY).items()}
    return an_opinion(
        Severity(severity) if severity else None,
        probabilities=shares,
        provenance=MADE_OF | made_of,
    )


def stored(opinion: Opinion | None = None) -> Assessment:
    return decide("incident-1", VERDICT, opinion or said(), Authority.RAISE, START, incident=CROWD)


def again(opinion: Opinion | None, **kw: Any) -> Replay:
    return compare(stored(), VERDICT, opinion, **kw)


def moved(**shares: float) -> dict[str, float]:
    return LIKELY | shares


@pytest.mark.parametrize(
    ("now", "same", "answer"),
    [
        (said(), True, []),
        (said(probabilities=moved(high=0.415, critical=0.285)), True, []),
        (said(prefill_ms=900.0, cached_tokens=0, label_logits={"info": -1.01}), True, []),
        (
            said(probabilities=moved(high=0.425, critical=0.275)),
            False,
            ["probability of high", "probability of critical"],
        ),
        (
            said(probabilities=moved(info=0.05, low=0.049, high=0.401)),
            False,
            ["order of the labels", "probability of low", "probability of info"],
        ),
        (
            said("critical", probabilities=moved(high=0.3, critical=0.4)),
            False,
            [
                "the model's severity",
                "order of the labels",
                "probability of high",
                "probability of critical",
            ],
        ),
        (said("low"), False, ["the model's severity", "severity of the assessment", "decided by"]),
        (said(None), False, ["the model's severity", "severity of the assessment", "decided by"]),
    ],
)
def test_severity_order_and_probabilities_within_the_tolerance_must_repeat(
    now: Opinion, *, same: bool, answer: list[str]
) -> None:
    found = again(now)
    assert found.same is same
    assert sorted(each.what for each in found.answer) == sorted(answer)
    assert found.tolerance == TOLERANCE


def test_labels_that_were_never_told_apart_may_change_places() -> None:
    before = stored(said(probabilities=moved(info=0.0497, low=0.0503)))
    assert compare(before, VERDICT, said(probabilities=moved(info=0.0501, low=0.0499))).same


def test_another_tolerance_may_be_asked_for() -> None:
    now = said(probabilities=moved(high=0.41, critical=0.29))
    assert again(now).same
    assert not again(now, tolerance=0.005).same
    assert again(now).widest == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"prompt": "area y"}, "prompt text"),
        ({"prompt_hash": "p2"}, "prompt hash"),
        ({"quantization": "Q8_0"}, "quantization"),
        ({"sha256:model.gguf": "bb"}, "model file model.gguf (sha256)"),
        ({"library:torch": "3.0"}, "version of torch"),
        ({"xllamacpp": "0.3"}, "xllamacpp"),
        ({"threads": "2"}, "threads"),
        ({"calibration": "cc"}, "calibration"),
        ({"label_prior": {"info": 0.5, "high": 0.5}}, "the model's prejudice (label prior)"),
        ({"never_heard_of": 1}, "never_heard_of"),
    ],
)
def test_each_thing_that_the_answer_is_made_of_is_named_when_it_differs(
    changed: dict[str, Any], what: str
) -> None:
    found = again(said(**changed))
    assert found.same, "the answer is the same, whatever it is made of"
    (difference,) = found.causes
    assert difference.what == what
    ((key, now),) = changed.items()
    assert (difference.then, difference.now) == (MADE_OF.get(key), now)


def test_a_prior_within_the_tolerance_and_a_calibration_that_is_not_there_are_no_difference() -> (
    None
):
    now = said(label_prior={"info": 0.201, "high": 0.799})
    now.provenance.pop("calibration")
    assert again(now).causes == ()


def test_another_policy_is_named_with_what_it_changes() -> None:
    strict = Policy(kinds={"crowding": KindPolicy(floor=Severity.HIGH)})
    found = compare(stored(), assess(CROWD, strict, catalogue()), said())
    assert not found.same
    assert {each.what for each in found.answer} >= {
        "floor under today's policy",
        "default under today's policy",
    }
    assert [each.what for each in found.causes] == ["policy hash"]


def test_what_the_policy_decided_at_once_is_judged_by_the_policy_alone() -> None:
    before = at_once("incident-1", VERDICT, Authority.ADVISE, START, incident=CROWD)
    found = compare(before, VERDICT, None, note="no model had been asked")
    assert found.same
    assert not found.model_asked
    assert found.widest is None


def test_a_shared_answer_is_asked_for_again_about_all_that_it_was_about() -> None:
    leak = an_incident(gas()).model_copy(update={"incident_id": "leak"})
    joint, _ = together([(CROWD, VERDICT), (leak, VERDICT)])
    opinion = shared(said(), joint, [CROWD, leak])
    before = decide("incident-1", VERDICT, opinion, Authority.DECIDE, START, incident=CROWD)
    asked = question(before)
    assert asked is not None
    assert asked[0] == joint
    assert compare(before, VERDICT, said()).same


def test_an_assessment_that_knows_no_incident_asks_nothing() -> None:
    assert question(decide("i", VERDICT, said(), Authority.RAISE, START)) is None
