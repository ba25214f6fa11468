"""The verdict in words says by how much, what may be done now, and what comes next."""

from __future__ import annotations

import json

from hazard.triage.authority import Grant, grant
from hazard.types import Authority, Severity
from models.exam import report
from models.exam.narratives import Narrative
from models.exam.papers import of_narratives
from models.exam.run import Result, judge
from tests.exams import verdict_of
from tests.incidents import START
from tests.unit.exam.test_judging import SUBJECT, answered, logits, result_of

SIZE = {"bytes": "2000000", "active_parameters": "135"}


def grants(result: Result, limit: Authority = Authority.DECIDE) -> dict[str, Grant]:
    return {
        kind: grant(
            kind,
            backend_limit=limit,
            subject=result.subject,
            certificate=result.certificate,
            wishes=dict.fromkeys(result.kinds, Authority.DECIDE),
        )
        for kind in result.kinds
    }


def test_who_passed_may_decide_and_is_told_how() -> None:
    result = result_of(lambda case: logits(case, case.label))
    words = report.verdict(result, grants(result))
    assert words.startswith("PASSED: m, on 168 incidents.")
    assert "decide, from the floor to critical (every hazard kind)" in words
    assert "reasoning: {authority: {camera_dark: decide}}" in words


def test_who_failed_reads_by_how_much_and_may_advise() -> None:
    result = result_of(lambda case: answered(verdict_of(case).default, case.id))
    words = report.verdict(result, grants(result))
    assert words.startswith("NOT PASSED")
    check = result.checks[0]
    assert f"{check.value:.3f} of at least 0.750, short by {0.75 - check.value:.3f}" in words
    assert "advise: its opinion is stored and shown" in words
    assert "decide, from the floor" not in words


def test_a_kind_that_failed_is_named_with_the_reason() -> None:
    result = result_of(
        lambda case: answered(Severity.LOW if case.id == "crowding-2" else case.label, case.id)
    )
    words = report.verdict(result, grants(result))
    assert "Hazard kinds passed by themselves: 13 of 14." in words
    assert "failed: crowding: 1 high or critical judged too low, none may be" in words
    assert "raise the default by one level (crowding)" in words


def test_a_backend_with_a_limit_of_its_own_is_told_so() -> None:
    result = result_of(lambda case: logits(case, case.label))
    words = report.verdict(result, grants(result, Authority.ADVISE))
    assert "may not decide by its own limit" in words


def test_the_json_holds_figures_by_name_and_no_text() -> None:
    result = result_of(lambda case: logits(case, case.label))
    found = json.loads(json.dumps(report.as_json(result, SIZE, grants(result), "c.json")))
    assert found["passed"] is True
    assert found["recall_high"] == 1.0
    assert found["bytes"] == 2_000_000
    assert found["active_parameters"] == 135
    assert {"kappa", "under_triage", "over_triage", "calibration_error", "late"} <= set(found)
    assert {"p50_ms", "p95_ms", "p99_ms", "recall_high_lower", "recall_high_upper"} <= set(found)
    assert found["kinds"]["fire"] == {
        "incidents": 12,
        "missed_high": 0,
        "passed": True,
        "authority": "decide",
    }
    assert len(found["cases"]) == 168
    assert "hall-" not in json.dumps(found)


def test_a_size_that_nobody_knows_is_unknown_and_not_nothing() -> None:
    result = result_of(lambda case: answered(case.label, case.id))
    assert "bytes: unknown, active parameters: unknown" in report.facts(result, {})
    assert report.as_json(result, {"bytes": "-"}, {}, None)["bytes"] is None


def test_narratives_give_figures_and_no_verdict() -> None:
    told = [
        Narrative(f"n-{n}", Severity.HIGH, (Severity.HIGH, Severity.HIGH), f"text {n}")
        for n in range(12)
    ]
    answers = {one.id: answered(Severity.HIGH, one.id) for one in told}
    result = judge(SUBJECT, of_narratives(told), answers, deadline_s=2.0, at=START)
    words = report.verdict(result, {})
    assert words.startswith("NO VERDICT on m (12 incidents): narratives have no policy verdict")
    assert "no certificate was written" in words
    assert result.certificate is None
    assert not result.passed
    assert [row[0] for row in report.rows(result)] == [
        "m",
        "model without floor",
        "always critical",
        "TF-IDF ridge",
    ]
    assert "text 3" not in json.dumps(report.as_json(result, {}, {}, None))
