"""How an answer becomes a severity in the exam: as in the plant under `decide`, nothing kinder."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hazard.site.reasoning import Exam
from hazard.triage.authority import MIN_KAPPA, MIN_RECALL_LOWER, Subject
from hazard.types import Severity, Verdict
from models.exam.answers import Answer
from models.exam.bank import Case
from models.exam.bank import packaged as load_packaged
from models.exam.baselines import ALWAYS_CRITICAL, FLOORLESS, POLICY, RIDGE
from models.exam.certificate import checks, kind_results
from models.exam.judging import opinion_of, through_ladder, without_policy
from models.exam.metrics import Figures, Judged, measure
from models.exam.papers import of_bank
from models.exam.run import Result, judge
from tests.exams import a_bank, a_case, verdict_of
from tests.incidents import START

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity
SUBJECT = Subject(backend="m", files={}, quantization="Q4", prompt_hash="p", calibration="old")
FIRE = a_case()
FLOOR_MEDIUM = Verdict(floor=MEDIUM, default=HIGH, why="row", policy_hash="h")


def answered(severity: Severity | None, case: str = "fire-1", **changes: Any) -> Answer:
    """An answer that is sure of `severity`, without label logits."""
    spread = {s: 0.2 if severity is None else float(s is severity) for s in Severity}
    fields = {"severity": severity, "probabilities": spread, "wall_ms": 10.0} | changes
    return Answer(case=case, **fields)


@pytest.mark.parametrize(
    ("answer", "severity", "without_floor", "failure"),
    [
        (answered(CRITICAL), CRITICAL, CRITICAL, ""),
        (answered(MEDIUM), MEDIUM, MEDIUM, ""),
        (answered(INFO), MEDIUM, INFO, ""),  # held at the floor
        (answered(None), HIGH, HIGH, "unsure"),
        (answered(INFO, wall_ms=2000.5), HIGH, HIGH, "late"),
        (answered(None, error="out of memory"), HIGH, HIGH, "broken"),
        (answered(LOW, probabilities=dict.fromkeys(Severity, 0.9)), HIGH, HIGH, "broken"),
        (answered(INFO, measured=False), MEDIUM, INFO, ""),  # judged as it is
    ],
)
def test_late_broken_and_unsure_leave_the_default_and_the_floor_holds(
    answer: Answer, severity: Severity, without_floor: Severity, failure: str
) -> None:
    heard = opinion_of(answer, None, "m", 2.0)
    found = through_ladder(FIRE, FLOOR_MEDIUM, heard, answer.wall_ms)
    assert (found.severity, found.without_floor) == (severity, without_floor)
    assert found.failure == failure


def test_where_the_floor_is_critical_the_model_is_not_believed() -> None:
    verdict = FLOOR_MEDIUM.model_copy(update={"floor": CRITICAL, "default": CRITICAL})
    found = through_ladder(FIRE, verdict, opinion_of(answered(LOW), None, "m", 2.0), 1.0)
    assert (found.severity, found.without_floor) == (CRITICAL, LOW)


@pytest.mark.parametrize(
    ("answer", "severity"),
    [
        (answered(HIGH), HIGH),
        (answered(HIGH, wall_ms=9999.0), INFO),
        (answered(None, error="x"), INFO),
        (answered(None, probabilities=dict(zip(Severity, (0.1, 0.1, 0.5, 0.2, 0.1), strict=True))),
         MEDIUM),
    ],
)  # fmt: skip
def test_nothing_stands_in_for_an_answer_to_a_narrative(answer: Answer, severity: Severity) -> None:
    found = without_policy(FIRE, opinion_of(answer, None, "m", 2.0), answer.wall_ms)
    assert found.severity is severity
    assert found.default is None


def logits(case: Case, said: Severity, sure: float = 0.9) -> Answer:
    """An answer with label logits that prefers `said`."""
    rest = (1.0 - sure) / 4.0
    return Answer(
        case=case.id,
        wall_ms=5.0,
        probabilities=dict.fromkeys(Severity, 0.2),
        label_logits={s: math.log(sure if s is said else rest) for s in Severity},
        label_prior=dict.fromkeys(Severity, 0.2),
    )


BANK = a_bank()


def result_of(says: Any, **options: Any) -> Result:
    answers = {case.id: says(case) for case in BANK}
    papers = of_bank(BANK, test_only=True)
    return judge(SUBJECT, papers, answers, deadline_s=2.0, at=START, **options)


def test_who_is_right_passes_and_the_certificate_names_the_calibration() -> None:
    result = result_of(lambda case: logits(case, case.label))
    assert result.passed
    assert result.calibration is not None
    assert result.calibration.incidents == len(BANK)
    assert result.calibration.subject.calibration == ""
    assert result.certificate is not None
    assert result.certificate.passed
    assert result.certificate.subject.calibration == result.calibration.sha256
    assert result.certificate.data_hash == result.papers.data_hash
    assert result.certificate.minimums["kappa"] == MIN_KAPPA
    assert result.certificate.figures["kappa"] == result.figures.kappa
    assert all(kind.passed for kind in result.certificate.kinds.values())


def test_a_model_that_is_wrong_in_one_way_throughout_is_calibrated_and_passes() -> None:
    """It says critical for high and the other way round: the logits still tell them apart."""
    swap = {HIGH: CRITICAL, CRITICAL: HIGH}
    result = result_of(lambda case: logits(case, swap.get(case.label, case.label)))
    assert result.figures.recall_high == 1.0


def test_a_constant_model_fails_whatever_its_logits() -> None:
    result = result_of(lambda case: logits(case, HIGH))
    assert not result.passed
    assert result.figures.kappa < MIN_KAPPA
    assert result.certificate is not None
    assert not result.certificate.passed


def test_an_echo_of_the_policy_is_not_better_than_the_policy() -> None:
    result = result_of(lambda case: answered(verdict_of(case).default, case.id))
    assert result.figures == result.baselines[POLICY].model_copy(
        update={"calibration_error": result.figures.calibration_error}
    )
    assert [check.passed for check in result.checks if check.name == "better_than_policy"] == [
        False
    ]


def test_the_table_always_has_all_four_baselines() -> None:
    result = result_of(lambda case: answered(LOW, case.id))
    assert set(result.baselines) == {FLOORLESS, POLICY, ALWAYS_CRITICAL, RIDGE}
    assert result.baselines[FLOORLESS].kappa == 0.0
    assert result.baselines[ALWAYS_CRITICAL].under_triage == 0.0
    assert result.figures.under_triage < result.baselines[FLOORLESS].under_triage


def test_one_missed_high_incident_fails_its_kind_alone() -> None:
    wrong = next(c for c in BANK if c.label >= HIGH and verdict_of(c).floor < HIGH)
    result = result_of(lambda case: answered(LOW if case is wrong else case.label, case.id))
    assert result.passed
    assert [name for name, kind in result.kinds.items() if not kind.passed] == [wrong.hazard]
    assert result.kinds[wrong.hazard].missed_high == 1


def test_who_never_says_critical_gets_no_kind_where_nothing_else_is_acceptable() -> None:
    bank = load_packaged()
    outcomes = [
        through_ladder(
            c, verdict_of(c), opinion_of(answered(min(c.label, HIGH)), None, "m", 2.0), 1.0
        )
        for c in bank
    ]
    kinds = kind_results(outcomes)
    for hazard, result in kinds.items():
        free = [c for c in bank if c.hazard == hazard and verdict_of(c).floor <= HIGH]
        assert result.passed == all(c.acceptable[0] <= HIGH for c in free), hazard
    assert not kinds["fire"].passed


def test_a_kind_with_few_incidents_of_its_own_is_not_passed() -> None:
    few = tuple(case for case in BANK if case.hazard != "fire" or case.id < "fire-7")
    outcomes = [
        through_ladder(c, verdict_of(c), opinion_of(answered(c.label), None, "m", 2.0), 1.0)
        for c in few
    ]
    kinds = kind_results(outcomes)
    assert kinds["fire"].missed_high == 0
    assert not kinds["fire"].passed
    assert kinds["smoke"].passed


def figures(kappa: float, recall_lower: float) -> Figures:
    base = measure([Judged(HIGH, (HIGH, HIGH), HIGH)])
    return base.model_copy(update={"kappa": kappa, "recall_high_lower": recall_lower})


@pytest.mark.parametrize(
    ("kappa", "recall_lower", "policy", "failed"),
    [
        (0.75, 0.90, 0.74, []),
        (0.7499, 0.90, 0.5, ["kappa"]),
        (0.75, 0.8999, 0.5, ["recall_high_lower"]),
        (0.80, 0.95, 0.80, ["better_than_policy"]),
    ],
)
def test_the_minimums_are_inclusive_and_the_policy_must_be_beaten(
    kappa: float, recall_lower: float, policy: float, failed: list[str]
) -> None:
    found = checks(figures(kappa, recall_lower), figures(policy, 0.9), Exam())
    assert [check.name for check in found if not check.passed] == failed


def test_a_site_can_tighten_the_minimums_and_not_loosen_them() -> None:
    tight = Exam(minimum_kappa=0.9, minimum_recall_lower=0.97)
    found = checks(figures(0.89, 0.96), figures(0.5, 0.5), tight)
    assert [check.passed for check in found] == [False, False, True]
    loose = Exam.model_construct(minimum_kappa=0.1, minimum_recall_lower=0.1)
    found = checks(figures(0.2, 0.2), figures(0.1, 0.1), loose)
    assert [check.minimum for check in found] == [MIN_KAPPA, MIN_RECALL_LOWER, 0.1]


def test_easy_incidents_of_ones_own_do_not_thin_out_the_packaged_bank() -> None:
    """Half of what is high is missed in the packaged bank; beside it stand many that are right."""
    packaged = load_packaged()
    fires = [case for case in packaged if case.hazard == "fire" or case.label is LOW]
    own = [
        case.model_copy(update={"id": f"own-{turn}-{case.id}", "family": f"own-{turn}"})
        for turn in range(40)
        for case in fires
    ]
    missed = {case.id for case in packaged if case.label >= HIGH and int(case.id[-2:]) % 2}
    answers = {
        case.id: answered(MEDIUM if case.id in missed else case.label, case.id)
        for case in (*packaged, *own)
    }
    papers = of_bank([*packaged, *own])
    result = judge(SUBJECT, papers, answers, deadline_s=2.0, at=START)
    assert papers.certifies
    assert result.figures.recall_high_lower > MIN_RECALL_LOWER
    assert [check.name for check in result.checks if not check.passed] == ["recall_high_lower"]
    assert result.certificate is not None
    assert not result.certificate.passed
    assert result.certificate.figures["recall_high_lower"] < MIN_RECALL_LOWER


def test_a_part_of_the_bank_gives_no_certificate() -> None:
    part = of_bank(BANK, test_only=True).some(20)
    assert len({case.hazard for case in part.items}) >= 10
    answers = {case.id: answered(case.label, case.id) for case in part.items}
    result = judge(SUBJECT, part, answers, deadline_s=2.0, at=START)
    assert result.certificate is None
    assert not result.passed
    assert "only 20 of 168" in result.papers.why_not
