"""The recommended actions as a list to be ticked, in the reader's language."""

from __future__ import annotations

import re

from hazard.catalogue import catalogue
from hazard.store.queries import AlertDetail
from hazard.triage.words import action_ids, localised_actions, summary
from hazard.types import CheckedAction, Citation, Model, Words

LANGUAGES_OF_WORDS = ("en", "fr", "de", "es", "it")
_ABOUT = re.compile(r"((?:[a-z]{2}, )*[a-z]{2}): (.+)", re.DOTALL)
"""A writer's note about its texts in some languages."""


class Item(Model):
    """One recommended action.

    Attributes:
        clause: of the site's own procedures, word for word; None: none was found, or searched.
        check: who has done it and when; None: nobody has said so.
    """

    action_id: str
    text: str
    clause: Citation | None = None
    check: CheckedAction | None = None


class Told(Model):
    """What happened, in the reader's language.

    Attributes:
        by_model: whether the model wrote this very text; else it is the catalogue's.
        note: why the template stands where a model was asked, in English; may be empty.
    """

    summary: str
    by_model: bool
    note: str = ""
    searched: bool = False
    chosen_by_model: bool = False


def told(found: AlertDetail, language: str) -> Told:
    """The summary: as it was written, else made from the catalogue in a language that has none."""
    words = found.current.words
    written = words.summary.get(language) if words is not None else None
    if words is None or written is None:
        text = summary(found.incident, language, catalogue())
        return Told(summary=text, by_model=False, searched=_searched(words))
    by_model = language in words.written if words.written else words.source == "model"
    return Told(
        summary=written,
        by_model=by_model,
        note="" if by_model else _note(words.note, language),
        searched=_searched(words),
        chosen_by_model=words.actions_by == "model",
    )


def _note(note: str, language: str) -> str:
    """Of a writer's `en: why; fr, de: why`, the part about one language; another note whole."""
    kept, mine = [], True
    for part in note.split("; "):
        named = _ABOUT.fullmatch(part)
        if named is not None:
            mine = language in named[1].split(", ")
        if mine:
            kept.append(part if named is None else named[2])
    return "; ".join(kept)


def _searched(words: Words | None) -> bool:
    return words is not None and words.procedures == "searched"


def checklist(found: AlertDetail, language: str) -> tuple[Item, ...]:
    """The actions in the order in which they are recommended, each with who has ticked it."""
    words = found.current.words
    ids = words.action_ids if words is not None else ()
    known = {action.id for kind in catalogue().values() for action in kind.actions}
    if not ids or not known.issuperset(ids):  # words of a release with another catalogue
        words, ids = None, action_ids(found.incident, catalogue())
    texts = localised_actions(ids, LANGUAGES_OF_WORDS, catalogue())[language]
    clauses = words.citations if words is not None and words.citations else (None,) * len(ids)
    done = {check.action_id: check for check in found.current.case.checks}
    return tuple(
        Item(action_id=action_id, text=text, clause=clause, check=done.get(action_id))
        for action_id, text, clause in zip(ids, texts, clauses, strict=False)
    )
