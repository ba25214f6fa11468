"""Revisions side by side: what policy, model and words said at each, and what that changed."""

from __future__ import annotations

from pydantic import Field

from dashboard.i18n import N_
from dashboard.incident.saying import Say
from dashboard.spoken import sentences
from dashboard.wording import AUTHORITY_TEXT, CAUSE_TEXT, DECIDED_TEXT, STATE_TEXT
from hazard.types import AlertMessage, Authority, Cause, Model, Severity, UtcTime

NOTHING = "\u2013"
COLUMNS = 8
"""Revisions beside each other; of more, those that decided something stay."""

DECISIVE = frozenset({Cause.RAISED, Cause.DECIDED, Cause.WORDS, Cause.EVENT})
AUTHORITY_NAME = {
    Authority.ADVISE: N_("advise"),
    Authority.RAISE: N_("raise"),
    Authority.DECIDE: N_("decide"),
}


class Column(Model):
    """One revision."""

    revision: int
    at: UtcTime
    cause: str
    severity: Severity


class Cell(Model):
    """One revision's part of a row; `changed`: it is another than in the revision before."""

    text: str
    changed: bool = False


class Row(Model):
    """One thing that revisions say."""

    name: str
    cells: tuple[Cell, ...]


class Comparison(Model):
    """The table; `left_out` counts revisions that have no column."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    left_out: int = Field(ge=0)


def comparison(revisions: tuple[AlertMessage, ...], say: Say) -> Comparison:
    """Up to `COLUMNS` revisions beside each other, oldest first."""
    shown = _chosen(revisions)
    names = (
        N_("Severity"),
        N_("Decided by"),
        N_("Policy: floor"),
        N_("Policy: default"),
        N_("Policy: why"),
        N_("Model: opinion"),
        N_("Model: cannot be ruled out"),
        N_("Model: authority"),
        N_("Model: answered in"),
        N_("Reason"),
        N_("State"),
        N_("Words"),
        N_("Recommended actions"),
    )
    texts = [_texts(message, say) for message in shown]
    rows = []
    for number, name in enumerate(names):
        cells = tuple(
            Cell(text=text[number], changed=at > 0 and text[number] != texts[at - 1][number])
            for at, text in enumerate(texts)
        )
        rows.append(Row(name=say(name), cells=cells))
    columns = tuple(
        Column(
            revision=message.revision,
            at=message.times.stored or message.times.raised,
            cause=say(CAUSE_TEXT.get(message.cause.value, message.cause.value)),
            severity=message.severity,
        )
        for message in shown
    )
    return Comparison(
        columns=columns, rows=tuple(rows), left_out=max(0, len(revisions) - len(shown))
    )


def _chosen(revisions: tuple[AlertMessage, ...]) -> list[AlertMessage]:
    """All where they fit; else the first, the last, and the newest that decided something."""
    if len(revisions) <= COLUMNS:
        return list(revisions)
    inner = [m for m in revisions[1:-1] if m.cause in DECISIVE][-(COLUMNS - 2) :]
    return [revisions[0], *inner, revisions[-1]]


def _texts(message: AlertMessage, say: Say) -> tuple[str, ...]:
    opinion, words = message.opinion, message.words
    said = possible = answered = NOTHING
    if opinion is not None:
        chosen = opinion.severity
        said = say(N_("unsure")) if chosen is None else say.severity(chosen)
        if chosen is not None:
            said = f"{said} ({say.percent(opinion.probabilities.get(chosen, 0.0))})"
        possible = ", ".join(say.severity(item) for item in opinion.conformal_set) or NOTHING
        answered = f"{say.number(opinion.answered_in_ms, 0)} ms"
    return (
        say.severity(message.severity),
        say(DECIDED_TEXT[message.decided_by]),
        say.severity(message.floor),
        say.severity(message.default),
        " ".join(sentences(message.policy_why, say.language)),
        said,
        possible,
        f"{say(AUTHORITY_NAME[message.authority])}: {say(AUTHORITY_TEXT[message.authority])}",
        answered,
        " ".join(sentences(message.reason, say.language)),
        say(STATE_TEXT[message.state]),
        _in(words.summary, say) if words is not None else NOTHING,
        str(len(words.action_ids)) if words is not None else NOTHING,
    )


def _in(texts: dict[str, str], say: Say) -> str:
    return texts.get(say.language) or texts.get("en") or next(iter(texts.values()), NOTHING)
