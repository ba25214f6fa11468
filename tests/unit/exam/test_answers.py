"""Answers stay on disk, whole, for the very same backend and incidents."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hazard.errors import ConfigError, ReasonerError
from hazard.triage.authority import Subject
from hazard.types import Authority, Opinion, Severity
from models.exam.answers import Answer, AnswerBook, answer_of
from models.exam.asking import MAX_BROKEN, Ask, ask_all
from tests.incidents import an_opinion

SUBJECT = Subject(backend="m", files={"m.gguf": "ab"}, quantization="Q4", prompt_hash="p1")


def an_answer(case: str = "a") -> Answer:
    return Answer(case=case, wall_ms=3.5, severity=Severity.LOW)


def keep(folder: Path, *answers: Answer, subject: Subject = SUBJECT, data: str = "d") -> Path:
    with AnswerBook(folder, subject, data) as book:
        book.add(answers)
        return book.path


def kept(folder: Path, subject: Subject = SUBJECT, data: str = "d") -> set[str]:
    with AnswerBook(folder, subject, data) as book:
        return set(book.answers)


def test_what_was_answered_is_there_the_next_time(tmp_path: Path) -> None:
    keep(tmp_path / "m", an_answer("a"), an_answer("b"))
    with AnswerBook(tmp_path / "m", SUBJECT, "d") as book:
        assert book.answers == {"a": an_answer("a"), "b": an_answer("b")}


def test_a_line_that_was_torn_by_a_power_cut_is_cut_off(tmp_path: Path) -> None:
    path = keep(tmp_path, an_answer("a"), an_answer("b"))
    path.write_bytes(path.read_bytes()[:-7])
    assert kept(tmp_path) == {"a"}
    keep(tmp_path, an_answer("c"))
    assert kept(tmp_path) == {"a", "c"}


def test_a_damaged_line_costs_that_answer_alone(tmp_path: Path) -> None:
    path = keep(tmp_path, an_answer("a"), an_answer("b"))
    path.write_bytes(b"\x00\xff{}\n" + path.read_bytes())
    assert kept(tmp_path) == {"a", "b"}


@pytest.mark.parametrize(
    "change", [{"files": {"m.gguf": "cd"}}, {"prompt_hash": "p2"}, {"quantization": "Q8"}]
)
def test_answers_of_another_model_or_prompt_are_not_mixed_in(
    change: dict[str, object], tmp_path: Path
) -> None:
    keep(tmp_path, an_answer("a"))
    assert kept(tmp_path, SUBJECT.model_copy(update=change)) == set()
    assert kept(tmp_path, data="other") == set()


def test_two_exams_of_one_backend_do_not_run_at_once(tmp_path: Path) -> None:
    with (
        AnswerBook(tmp_path, SUBJECT, "d"),
        pytest.raises(ConfigError, match="another exam"),
        AnswerBook(tmp_path, SUBJECT, "d"),
    ):
        pass


def test_fresh_throws_old_answers_away(tmp_path: Path) -> None:
    keep(tmp_path, an_answer("a"))
    with AnswerBook(tmp_path, SUBJECT, "d", fresh=True) as book:
        assert book.answers == {}


def log_weights(**provenance: object) -> object:
    logits = {s.value: math.log(0.2) for s in Severity}
    given = {"label_logits": logits, "label_prior": {s.value: 0.2 for s in Severity}} | provenance
    opinion = an_opinion(Severity.LOW).model_copy(update={"provenance": given})
    return answer_of("a", opinion, 1.0).log_weights


def test_label_logits_are_calibrated_with_the_prior_divided_out() -> None:
    assert log_weights() == pytest.approx(dict.fromkeys(Severity, 0.0))


@pytest.mark.parametrize(
    "provenance",
    [
        {"label_logits": None},
        {"label_prior": None},
        {"label_logits": {"high": -1.0}},
        {"label_logits": "nonsense"},
        {"label_logits": {s.value: math.nan for s in Severity}},
    ],
)
def test_label_logits_that_are_not_whole_are_not_calibrated(provenance: dict[str, object]) -> None:
    assert log_weights(**provenance) is None


def test_a_word_without_probabilities_is_not_calibrated() -> None:
    limited = an_opinion(Severity.LOW, authority_limit=Authority.ADVISE)
    assert not answer_of("a", limited, 1.0).measured


def says() -> Ask:
    return lambda _deadline_s: an_opinion(Severity.LOW)


def breaks(_deadline_s: float) -> Opinion:
    raise ReasonerError("out of memory")


def asked(folder: Path, questions: dict[str, Ask]) -> dict[str, Answer]:
    with AnswerBook(folder, SUBJECT, "d") as book:
        return ask_all(questions, book, deadline_s=1.0, progress=lambda _done, _total: None)


def test_a_question_that_breaks_the_backend_is_kept_as_broken(tmp_path: Path) -> None:
    found = asked(tmp_path, {"a": says(), "b": breaks, "c": says(), "d": breaks})
    assert [name for name, one in found.items() if one.error == "out of memory"] == ["b", "d"]
    assert kept(tmp_path) == {"a", "b", "c", "d"}


def test_a_backend_that_broke_for_good_ends_the_exam_and_is_asked_again(tmp_path: Path) -> None:
    questions: dict[str, Ask] = {"a": says()} | {str(n): breaks for n in range(MAX_BROKEN)}
    with pytest.raises(ReasonerError, match="5 times in a row, last: out of memory; mend it"):
        asked(tmp_path, questions)
    assert kept(tmp_path) == {"a"}
    mended = asked(tmp_path, dict.fromkeys(questions, says()))
    assert not any(one.error for one in mended.values())


def test_progress_begins_where_the_last_run_ended(tmp_path: Path) -> None:
    keep(tmp_path, an_answer("a"), an_answer("b"))
    told: list[tuple[int, int]] = []
    with AnswerBook(tmp_path, SUBJECT, "d") as book:
        ask_all(
            {"a": breaks, "b": breaks, "c": says()},
            book,
            deadline_s=1.0,
            progress=lambda done, total: told.append((done, total)),
        )
    assert told == [(2, 3), (3, 3)]
