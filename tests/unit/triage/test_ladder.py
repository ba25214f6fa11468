"""The ladder: what each authority makes of each answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.triage.ladder import Failure, at_once, decide
from hazard.types import Assessment, Authority, DecidedBy, Opinion, Severity, Verdict
from tests.incidents import START, an_opinion, severities

AUTHORITIES = tuple(Authority)


def a_verdict(floor: str = "low", default: str = "medium") -> Verdict:
    return Verdict(
        floor=Severity(floor), default=Severity(default), why="crowding: floor low", policy_hash="p"
    )


def ruled(
    answer: Opinion | Failure, authority: Authority, verdict: Verdict | None = None
) -> Assessment:
    return decide("incident-1", verdict or a_verdict(), answer, authority, START)


def test_revision_one_carries_the_default_and_the_policys_reason() -> None:
    said = at_once("incident-1", a_verdict(), Authority.ADVISE, START)
    assert (said.severity, said.decided_by) == (Severity.MEDIUM, DecidedBy.POLICY)
    assert said.reason == "crowding: floor low"


@pytest.mark.parametrize("severity", list(Severity))
def test_an_adviser_changes_nothing_and_its_opinion_is_kept(severity: Severity) -> None:
    said = ruled(an_opinion(severity), Authority.ADVISE)
    assert (said.severity, said.decided_by) == (Severity.MEDIUM, DecidedBy.POLICY)
    assert said.opinion is not None
    assert said.opinion.severity is severity
    assert str(severity) in said.reason


@pytest.mark.parametrize(
    ("says", "severity", "by"),
    [
        ("info", "medium", "policy"),
        ("low", "medium", "policy"),
        ("medium", "medium", "policy"),
        ("high", "high", "model"),
        ("critical", "high", "model"),
    ],
)
def test_who_may_raise_lifts_by_one_level_and_never_lowers(
    says: str, severity: str, by: str
) -> None:
    said = ruled(an_opinion(Severity(says)), Authority.RAISE)
    assert (said.severity, said.decided_by) == (severity, by)


@pytest.mark.parametrize(
    ("says", "severity"),
    [
        ("info", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("critical", "critical"),
    ],
)
def test_who_may_decide_decides_from_the_floor_to_critical(says: str, severity: str) -> None:
    said = ruled(an_opinion(Severity(says)), Authority.DECIDE)
    assert (said.severity, said.decided_by) == (severity, DecidedBy.MODEL)


def test_a_raised_alarm_is_not_decided_down_to_info_even_with_a_floor_of_info() -> None:
    said = ruled(an_opinion(Severity.INFO), Authority.DECIDE, a_verdict("info", "medium"))
    assert said.severity is Severity.LOW


@pytest.mark.parametrize("authority", AUTHORITIES)
@pytest.mark.parametrize("kind", ["late", "broken", "absent"])
def test_no_answer_is_a_fallback_with_its_reason(kind: str, authority: Authority) -> None:
    said = ruled(Failure(kind, "no answer in 2 s"), authority)  # type: ignore[arg-type]
    assert (said.severity, said.decided_by) == (Severity.MEDIUM, DecidedBy.FALLBACK)
    assert said.reason == f"{kind}: no answer in 2 s"


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_an_unsure_model_is_a_fallback_and_its_probabilities_are_kept(
    authority: Authority,
) -> None:
    said = ruled(an_opinion(None), authority)
    assert (said.severity, said.decided_by) == (Severity.MEDIUM, DecidedBy.FALLBACK)
    assert said.reason.startswith("unsure")
    assert said.opinion is not None


@pytest.mark.parametrize(
    "probabilities",
    [
        {},
        {Severity.CRITICAL: 5.0},
        {Severity.CRITICAL: 0.4},
        {Severity.CRITICAL: float("nan"), Severity.LOW: 1.0},
        {Severity.CRITICAL: 1.5, Severity.LOW: -0.5},
    ],
)
def test_probabilities_that_do_not_add_up_are_not_believed(
    probabilities: dict[Severity, float],
) -> None:
    lying = an_opinion(Severity.CRITICAL, probabilities=probabilities)
    said = ruled(lying, Authority.DECIDE)
    assert (said.severity, said.decided_by) == (Severity.MEDIUM, DecidedBy.FALLBACK)
    assert said.reason.startswith("broken")


@pytest.mark.parametrize("answer", [an_opinion(Severity.LOW), Failure("late", "slow")])
def test_with_a_critical_floor_there_is_nothing_to_decide(answer: Opinion | Failure) -> None:
    said = ruled(answer, Authority.DECIDE, a_verdict("critical", "critical"))
    assert (said.severity, said.decided_by) == (Severity.CRITICAL, DecidedBy.POLICY)


def test_the_same_question_gets_the_same_assessment_id() -> None:
    first, second = (ruled(an_opinion(Severity.HIGH), Authority.RAISE) for _ in range(2))
    assert first.assessment_id == second.assessment_id


answers = st.one_of(
    st.none().map(lambda _: an_opinion(None)),
    severities.map(an_opinion),
    st.builds(Failure, st.sampled_from(("late", "broken", "absent")), st.text(max_size=900)),
)
verdicts = st.tuples(severities, severities).map(
    lambda pair: a_verdict(min(pair, key=lambda s: s.rank), max(pair, key=lambda s: s.rank))
)


@given(verdicts, answers, st.sampled_from(AUTHORITIES))
def test_no_answer_and_no_authority_leaves_the_bounds(
    verdict: Verdict, answer: Opinion | Failure, authority: Authority
) -> None:
    said = ruled(answer, authority, verdict)
    assert verdict.floor <= said.severity <= Severity.CRITICAL
    if verdict.default > Severity.INFO:
        assert said.severity >= Severity.LOW
    if authority is Authority.ADVISE or not isinstance(answer, Opinion):
        assert said.severity is verdict.default
    if authority is Authority.RAISE:
        assert 0 <= said.severity.rank - verdict.default.rank <= 1
    if said.severity is not verdict.default:
        assert said.decided_by is DecidedBy.MODEL
