"""Asking a backend about every incident, one after the other; what was answered is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from hazard.errors import ConfigError, HazardError, ReasonerError
from hazard.ports import Reasoner
from hazard.types import Opinion, Verdict
from models.exam.answers import Answer, AnswerBook, answer_of
from models.exam.bank import Case
from models.exam.narratives import Narrative, TextJudge

CALL_S = 60.0
"""How long one call may take, at least: an answer that comes late is still worth knowing."""
MAX_BROKEN = 5
"""Calls in a row without an answer after which the backend itself must be broken."""

Progress = Callable[[int, int], None]
"""Told after each incident: how many are answered, and of how many."""

Ask = Callable[[float], Opinion]
"""A question, ready but for its deadline (absolute CLOCK_MONOTONIC seconds)."""


def questions(
    reasoner: Reasoner,
    items: Sequence[Case | Narrative],
    verdicts: Mapping[str, Verdict],
) -> dict[str, Ask]:
    """By id, how to ask `reasoner` about each.

    Raises:
        ConfigError: if they are narratives and the backend reads no plain text.
    """
    return {item.id: _question(reasoner, item, verdicts) for item in items}


def _question(reasoner: Reasoner, item: Case | Narrative, verdicts: Mapping[str, Verdict]) -> Ask:
    if isinstance(item, Case):
        incident, verdict = item.incident(), verdicts[item.id]
        return lambda deadline_s: reasoner.decide(incident, verdict, deadline_s)
    if not isinstance(reasoner, TextJudge):
        raise ConfigError(
            f"backend {reasoner.name!r} judges incidents only, no narratives: give it a YAML bank, "
            "or choose a backend of a language model"
        )
    judge, text = reasoner, item.text
    return lambda deadline_s: judge.decide_text(text, deadline_s)


def ask_all(
    questions: Mapping[str, Ask],
    book: AnswerBook,
    *,
    deadline_s: float,
    progress: Progress,
) -> dict[str, Answer]:
    """Every answer, from the book where it is there already.

    Calls without an answer are kept once another one has come: if the backend is broken for good,
    the next run asks these again.

    Raises:
        ReasonerError: if `MAX_BROKEN` calls in a row gave no answer.
    """
    call_s = max(CALL_S, 10.0 * deadline_s)
    unanswered: list[Answer] = []
    known = book.answers
    done = sum(1 for name in questions if name in known)
    progress(done, len(questions))
    for name, ask in questions.items():
        if name in known:
            continue
        found = _answer(name, ask, call_s)
        unanswered.append(found)
        if not found.error:
            book.add(unanswered)
            unanswered = []
        elif len(unanswered) >= MAX_BROKEN:
            raise ReasonerError(
                f"the backend gave no answer {MAX_BROKEN} times in a row, last: {found.error}; "
                "mend it and run the same command: it goes on where it stopped"
            )
        done += 1
        progress(done, len(questions))
    book.add(unanswered)
    return {name: book.answers[name] for name in questions}


def _answer(name: str, ask: Ask, call_s: float) -> Answer:
    started_s = time.monotonic()
    try:
        opinion = ask(started_s + call_s)
    except HazardError as error:
        return Answer(case=name, wall_ms=_since_ms(started_s), error=_words(error))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises is its failure, as in a plant
        return Answer(
            case=name, wall_ms=_since_ms(started_s), error=_words(error, type(error).__name__)
        )
    return answer_of(name, opinion, _since_ms(started_s))


def _words(error: Exception, kind: str = "") -> str:
    return (f"{kind}: {error}" if kind else str(error))[:300] or "an error without words"


def _since_ms(started_s: float) -> float:
    return (time.monotonic() - started_s) * 1000.0
