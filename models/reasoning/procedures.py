"""Clauses of the site's own procedures for recommended actions: BM25, quoted word for word.

BM25 says which clauses come near; whether one may be cited is a rule that can be read: at least
two telling words of the action stand in one sentence of the quote, and a third one there, or
a word of the hazard there or in the headings. Without that nothing is cited: a wrong clause under
an action is worse than none. Whether the clause agrees with the action is for the reader to see.
"""

from __future__ import annotations

import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bm25s  # type: ignore[import-untyped]  # it has no type hints
import structlog
from pydantic import JsonValue

from hazard.catalogue import Action, HazardKind, catalogue
from hazard.triage.words import by_language
from hazard.types import Citation
from models.reasoning.clauses import Clause, flat, harmless, sentences
from models.reasoning.documents import Document, Signature, listing, read_all
from models.reasoning.stopwords import STOPWORDS

MAX_QUOTE = 300
LOOK_AGAIN_S = 60.0
"""Changed files are looked for at most this often."""
CANDIDATES = 12
"""Nearest clauses that are looked at for one action."""
WORDS_IN_QUOTE = 2
WORDS_IN_ALL = 3
_STEM = 5
"""A word is recognised by its first letters: endings change."""
_SHORTEST = 3
_SHOWN = 5
"""Files left out that the health names; the log has all."""

_WORD = re.compile(r"[^\W\d_]+")
_log = structlog.get_logger()


def stems(text: str) -> list[str]:
    """The telling words of a text by their beginnings, without accents and stop words."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    words = (word for word in _WORD.findall(bare) if len(word) >= _SHORTEST)
    return [word[:_STEM] for word in words if word not in STOPWORDS]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What was read at one time."""

    entries: tuple[tuple[Document, Clause], ...] = ()
    index: bm25s.BM25 | None = None
    documents: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    listed: dict[Path, Signature] = field(default_factory=dict)


class Procedures:
    """The index over one folder; reads it at once, and anew in the background when it changes.

    Args:
        folder: where Markdown and PDF files lie; a missing one is an empty one, with a reason.
        clock: CLOCK_MONOTONIC in seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._shelf = _Shelf()
        self._thread: threading.Thread | None = None
        self.refresh()
        self._looked_s = clock()

    def refresh(self) -> None:
        """Read the folder anew, if anything in it has changed."""
        listed, skipped = listing(self.folder)
        if listed == self._shelf.listed and listed:
            return
        documents: Sequence[Document] = ()
        if listed:
            documents, skipped, listed = read_all(self.folder)
        entries = tuple((d, c) for d in documents for c in d.clauses if harmless(c.text))
        shelf = _Shelf(entries, _index(entries), len(documents), tuple(skipped), listed)
        if shelf.skipped != self._shelf.skipped:
            for file, reason in shelf.skipped:
                _log.warning("procedures.skipped", file=file, reason=reason)
        self._shelf = shelf

    def settle(self) -> None:
        """Wait until a reading in the background has ended."""
        if self._thread is not None:
            self._thread.join()

    def figures(self) -> dict[str, JsonValue]:
        """Documents, clauses, and what was left out and why, for the health."""
        shelf = self._shelf
        shown = "; ".join(f"{file}: {reason}" for file, reason in shelf.skipped[:_SHOWN])
        return {
            "procedures_documents": shelf.documents,
            "procedures_clauses": len(shelf.entries),
            "procedures_skipped": len(shelf.skipped),
            "procedures_skipped_why": shown[:500],
        }

    def cite(
        self, action_id: str, hazards: Sequence[str], languages: Iterable[str]
    ) -> Citation | None:
        """The clause that stands nearest to an action of these hazards, or None.

        Args:
            action_id: id in the catalogue; the first of `hazards` that has it gives the topic.
            hazards: the incident's kinds, the leading one first.
            languages: the site's languages, in which the procedures may be written.
        """
        self._look_again()
        shelf, found = self._shelf, _found(action_id, hazards)
        if shelf.index is None or found is None:
            return None
        kind, action = found
        asked = [_Query.of(kind, action, language) for language in languages]
        tokens = list(dict.fromkeys(token for query in asked for token in query.tokens))
        count = min(CANDIDATES, len(shelf.entries))
        nearest, scores = shelf.index.retrieve([tokens], k=count, show_progress=False)
        for at, score in zip(nearest[0], scores[0], strict=True):
            document, clause = shelf.entries[int(at)]
            quote = _quote(clause, document, asked) if score > 0 else ""
            if quote and _stands(quote, document):
                return Citation(document=document.name, section=clause.section, quote=quote)
        return None

    def _look_again(self) -> None:
        now_s = self._clock()
        busy = self._thread is not None and self._thread.is_alive()
        if busy or now_s - self._looked_s < LOOK_AGAIN_S:
            return
        self._looked_s = now_s
        self._thread = threading.Thread(target=self.refresh, name="procedures", daemon=True)
        self._thread.start()


@dataclass(frozen=True, slots=True)
class _Query:
    """What is looked for in one language: the action's words, and those of the hazard."""

    action: frozenset[str]
    topic: frozenset[str]

    @classmethod
    def of(cls, kind: HazardKind, action: Action, language: str) -> _Query:
        hazard = f"{by_language(kind.name)[language]} {by_language(kind.description)[language]}"
        return cls(frozenset(stems(by_language(action.text)[language])), frozenset(stems(hazard)))

    @property
    def tokens(self) -> list[str]:
        return sorted(self.action | self.topic)

    def hits(self, quote: frozenset[str], around: frozenset[str]) -> int:
        """Telling words of the action in the quote; 0 if that is too little to cite it."""
        found = len(self.action & quote)
        topical = bool((self.topic - self.action) & (quote | around)) or bool(
            (self.action - quote) & around
        )
        enough = found >= WORDS_IN_ALL or (found >= WORDS_IN_QUOTE and topical)
        return found if enough else 0


def _found(action_id: str, hazards: Sequence[str]) -> tuple[HazardKind, Action] | None:
    kinds = [catalogue()[name] for name in hazards if name in catalogue()]
    for kind in [*kinds, *catalogue().values()]:
        for action in kind.actions:
            if action.id == action_id:
                return kind, action
    return None


def _index(entries: Sequence[tuple[Document, Clause]]) -> bm25s.BM25 | None:
    """BM25 over each clause with its headings; None without clauses or words."""
    tokens = [stems(f"{clause.path} {clause.text}") for _, clause in entries]
    if not any(tokens):
        return None
    index = bm25s.BM25()
    index.index(tokens, show_progress=False)
    return index


def _quote(clause: Clause, document: Document, asked: Sequence[_Query]) -> str:
    """The sentence that says most of the action, and its neighbours that say more of it.

    Empty if no sentence may be cited.
    """
    around = frozenset(stems(f"{document.name} {clause.path}"))
    spans = sentences(clause.text, MAX_QUOTE)
    words = [frozenset(stems(clause.text[start:end])) for start, end in spans]
    best, at, said = 0, 0, frozenset[str]()
    for number, (start, end) in enumerate(spans):
        for query in asked:
            hits = query.hits(words[number], around)
            if hits > best and end - start <= MAX_QUOTE:
                best, at, said = hits, number, query.action
    if not best:
        return ""
    start, end = spans[at]
    for number in range(at + 1, len(spans)):
        if not (words[number] & said) or spans[number][1] - start > MAX_QUOTE:
            break
        end = spans[number][1]
    return clause.text[start:end]


def _stands(quote: str, document: Document) -> bool:
    """Whether the quote stands in the document, which nobody has changed since it was read."""
    try:
        status = document.path.stat()
    except OSError:
        return False
    unchanged = (status.st_mtime_ns, status.st_size) == document.signature
    return unchanged and flat(quote) in document.text
