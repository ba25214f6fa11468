"""The exam of one backend: asked about every incident, judged, compared, certified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from hazard.ports import Reasoner
from hazard.site.reasoning import Exam
from hazard.triage.authority import Certificate, KindResult, Subject
from hazard.triage.calibration import Calibration
from models.exam.answers import Answer, AnswerBook
from models.exam.asking import Progress, ask_all, questions
from models.exam.baselines import POLICY, baselines
from models.exam.certificate import Check, checks, issue, kind_results, strictest
from models.exam.judging import (
    Outcome,
    calibration_error,
    fit_all,
    opinion_of,
    through_ladder,
    without_policy,
)
from models.exam.metrics import Figures, measure, percentile
from models.exam.papers import Papers


@dataclass(frozen=True, slots=True)
class Timing:
    """How long answers took, in milliseconds, and what became of those that did not count."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    late: int
    broken: int
    unsure: int


@dataclass(frozen=True, slots=True)
class Result:
    """What an exam gave.

    Attributes:
        subject: what was examined, with the calibration that the exam fitted.
        papers: what was asked.
        deadline_s: later answers counted as none.
        figures: of the backend, as the plant would have it: through the ladder, at the floor.
        timing: how long it took.
        baselines: the same figures of who must be beaten.
        kinds: per hazard kind; empty for narratives.
        outcomes: per incident.
        checks: the conditions of passing; empty where there is no policy to compare with.
        calibration: to lie beside the weights; None: nothing could be fitted.
        certificate: None where none may come of these papers.
    """

    subject: Subject
    papers: Papers
    deadline_s: float
    figures: Figures
    timing: Timing
    baselines: Mapping[str, Figures]
    kinds: Mapping[str, KindResult]
    outcomes: tuple[Outcome, ...]
    checks: tuple[Check, ...]
    calibration: Calibration | None
    certificate: Certificate | None = None

    @property
    def passed(self) -> bool:
        """Every condition was met, on incidents from which a certificate may come."""
        return (
            self.papers.certifies
            and bool(self.checks)
            and all(check.passed for check in self.checks)
        )


def ask(
    reasoner: Reasoner,
    subject: Subject,
    papers: Papers,
    *,
    deadline_s: float,
    fresh: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, Answer]:
    """Ask about every incident; the answers, by its id. They are kept in the backend's folder.

    Args:
        reasoner: the backend, loaded.
        subject: what it is; its calibration does not matter.
        papers: what is asked.
        deadline_s: the plant's deadline; calls may take longer, so that late answers are known.
        fresh: throw kept answers away first.
        progress: told after each answer.

    Raises:
        ConfigError: if the backend cannot be asked such papers, or another exam runs.
        ReasonerError: if it gave no answer many times in a row.
    """
    asked = questions(reasoner, papers.items, papers.verdicts())
    with AnswerBook(reasoner.folder, _bare(subject), papers.data_hash, fresh=fresh) as book:
        return ask_all(asked, book, deadline_s=deadline_s, progress=progress)


def judge(
    subject: Subject,
    papers: Papers,
    answers: Mapping[str, Answer],
    *,
    deadline_s: float,
    at: datetime,
    minimums: Exam | None = None,
    test_only: bool = False,
) -> Result:
    """Calibrate out of fold, judge, compare, and certify where that may be.

    Args:
        subject: what was examined.
        papers: what was asked.
        answers: by the incident's id, all of them.
        deadline_s: later answers count as none.
        at: the time, aware UTC.
        minimums: a site's own; None: the built-in ones.
        test_only: mark the certificate so.
    """
    fitted = fit_all(papers.items, answers, _bare(subject), papers.data_hash, at)
    heard = {
        name: opinion_of(one, fitted.by_case.get(name), subject.backend, deadline_s)
        for name, one in answers.items()
    }
    verdicts = papers.verdicts()
    outcomes = tuple(
        through_ladder(item, verdicts[item.id], heard[item.id], answers[item.id].wall_ms)
        if item.id in verdicts
        else without_policy(item, heard[item.id], answers[item.id].wall_ms)
        for item in papers.items
    )
    figures = measure([one.judged() for one in outcomes], calibration_error(papers.items, heard))
    compared = baselines(papers.items, outcomes)
    wanted = minimums or Exam()
    policy = compared.get(POLICY)
    alone = [one for one in outcomes if one.item.id in papers.packaged]
    result = Result(
        subject=_bare(subject, fitted.final.sha256 if fitted.final else ""),
        papers=papers,
        deadline_s=deadline_s,
        figures=figures,
        timing=_timing(answers.values(), outcomes),
        baselines=compared,
        kinds=kind_results(outcomes) if policy else {},
        outcomes=outcomes,
        checks=(
            strictest(checks(figures, policy, wanted), _checked_alone(alone, wanted))
            if policy
            else ()
        ),
        calibration=fitted.final,
    )
    return _certified(result, at, test_only=test_only) if papers.certifies else result


def numbers(result: Result) -> dict[str, float]:
    """Every figure of the backend that there is, by name."""
    named = result.figures.model_dump() | asdict(result.timing)
    return {name: float(value) for name, value in named.items() if value is not None}


def _checked_alone(outcomes: Sequence[Outcome], wanted: Exam) -> tuple[Check, ...]:
    """The conditions on the packaged bank alone: easy incidents beside it must not thin it out."""
    if not outcomes:
        return ()
    policy = measure([one.judged(one.default) for one in outcomes])
    return checks(measure([one.judged() for one in outcomes]), policy, wanted)


def _certified(result: Result, at: datetime, *, test_only: bool) -> Result:
    reached = numbers(result) | {"policy_kappa": result.baselines[POLICY].kappa}
    # What a site's own minimums are held against is the weaker of the whole and the packaged bank.
    reached |= {check.name: check.value for check in result.checks if check.name in reached}
    certificate = issue(
        result.subject,
        result.papers.data_hash,
        figures=reached,
        judged=result.checks,
        kinds=dict(result.kinds),
        at=at,
        test_only=test_only,
    )
    return replace(result, certificate=certificate)


def _bare(subject: Subject, calibration: str = "") -> Subject:
    """The subject with the calibration of this exam, or without any."""
    return subject.model_copy(update={"calibration": calibration})


def _timing(answers: Iterable[Answer], outcomes: Sequence[Outcome]) -> Timing:
    times = [one.wall_ms for one in answers]
    failures = [one.failure for one in outcomes]
    return Timing(
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        late=failures.count("late"),
        broken=failures.count("broken"),
        unsure=failures.count("unsure"),
    )
