"""Incidents told by people, from a CSV file: a harder exam than one's own bank, for figures only.

Which file it is, is told by its header. A narrative has no findings, so that there is no policy
verdict, no floor and no certificate. Its text goes to the local model and nowhere else: what is
stored of it is its id and its labels. Names of people are taken out before the model sees it, as
far as they can be told from other words.
"""

from __future__ import annotations

import calendar
import csv
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from hazard.errors import ConfigError
from hazard.triage.render import clean
from hazard.types import Opinion, Severity

KIND = "narrative"
"""What stands in place of a hazard kind."""
MAX_TEXT = 900
"""Characters of a narrative that a model is shown, about 220 tokens."""
MAX_ROWS = 20_000
MIN_WORDS_LEFT = 12
"""Fewer words say nothing once the sentences that give the outcome away are gone."""

_WORD = re.compile(r"\w+", re.UNICODE)
_NO_NAMES = frozenset(
    {"employee", "employees"}
    | {name.lower() for name in calendar.month_name if name}
    | {name.lower() for name in calendar.day_name}
)
_SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True)
class Narrative:
    """One labelled text; the fields that a bank's case has, and the cleaned text."""

    id: str
    label: Severity
    acceptable: tuple[Severity, Severity]
    text: str

    @property
    def family(self) -> str:
        """Each tells of its own accident."""
        return self.id

    @property
    def hazard(self) -> str:
        """The same for all."""
        return KIND


@runtime_checkable
class TextJudge(Protocol):
    """A backend that judges a plain text as it does a rendered incident."""

    def decide_text(self, text: str, deadline_monotonic_s: float) -> Opinion:
        """Score the severity labels for `text`.

        Raises:
            ReasonerError: if there is no usable answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Format:
    """How to read one kind of file: its columns, and level to label and acceptable range."""

    name: str
    text: str
    level: str
    labels: Mapping[str, tuple[Severity, Severity, Severity]]
    words_left: str = ""

    @property
    def columns(self) -> set[str]:
        return {"case_id", self.text, self.level, *filter(None, (self.words_left,))}


def _exactly(severity: Severity) -> tuple[Severity, Severity, Severity]:
    return severity, severity, severity


_FORMATS = (
    _Format(
        name="plant records (potential level 1 to 6)",
        text="text",
        level="potential_level",
        labels={str(level): _exactly(Severity.from_rank(level - 1)) for level in range(1, 7)},
    ),
    _Format(
        name="OSHA accident abstracts (degree 1 to 3)",
        text="text_outcome_sentences_removed",
        level="degree_code",
        labels={
            "1": _exactly(Severity.CRITICAL),
            "2": _exactly(Severity.HIGH),
            "3": (Severity.MEDIUM, Severity.LOW, Severity.MEDIUM),
        },
        words_left="words_left",
    ),
)


def load(path: Path) -> tuple[Narrative, ...]:
    """The narratives of a CSV file whose header is known.

    Raises:
        ConfigError: naming the file, the row and the column that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            kind = _format(path, rows.fieldnames or ())
            taken = [
                (number, row)
                for number, row in enumerate(itertools.islice(rows, MAX_ROWS), 2)
                if not kind.words_left or _count(row[kind.words_left]) >= MIN_WORDS_LEFT
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    found: dict[str, Narrative] = {}
    for number, row in taken:
        one = _narrative(path, number, row, kind)
        if one.id in found:
            raise ConfigError(f"{path}: row {number}: case_id {one.id} is there twice")
        found[one.id] = one
    if not found:
        raise ConfigError(f"{path}: no narratives in it that can be used")
    return tuple(found.values())


def data_hash(narratives: Iterable[Narrative]) -> str:
    """sha256 over ids, labels and cleaned texts."""
    lines = sorted(json.dumps([one.id, one.label, one.acceptable, one.text]) for one in narratives)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def without_names(text: str) -> str:
    """`text` with what looks like names of people replaced by `somebody`.

    A capitalised word within a sentence counts as a name, and so does the same word anywhere else
    in the text. This takes out names of firms and machines too, and misses a name that only ever
    begins a sentence: the text is never stored, whatever is left in it.
    """
    names = {
        found.group()
        for found in _WORD.finditer(text)
        if _is_name(found.group()) and not _begins_sentence(text, found.start())
    }
    replaced = _WORD.sub(lambda m: _SOMEBODY if m.group() in names else m.group(), text)
    return re.sub(rf"\b{_SOMEBODY}(?:[\s-]+{_SOMEBODY}\b)+", _SOMEBODY, replaced)


def _is_name(word: str) -> bool:
    return word.istitle() and word.isalpha() and len(word) > 1 and word.lower() not in _NO_NAMES


def _begins_sentence(text: str, place: int) -> bool:
    before = text[:place].rstrip(" \t\n\"'(-")
    return not before or before[-1] in ".!?:;"


def _format(path: Path, header: Iterable[str]) -> _Format:
    for kind in _FORMATS:
        if kind.columns <= set(header):
            return kind
    wanted = "; or ".join(f"{', '.join(sorted(k.columns))} for {k.name}" for k in _FORMATS)
    raise ConfigError(f"{path}: its header is not known: want the columns {wanted}")


def _count(value: str | None) -> int:
    return int(value) if value and value.strip().isdigit() else 0


def _narrative(path: Path, number: int, row: Mapping[str, str | None], kind: _Format) -> Narrative:
    level = (row[kind.level] or "").strip()
    if level not in kind.labels:
        raise ConfigError(
            f"{path}: row {number}: {kind.level} is {level[:20]!r}: "
            f"want one of {', '.join(kind.labels)}"
        )
    label, low, high = kind.labels[level]
    return Narrative(
        id=clean(row["case_id"] or str(number), 64),
        label=label,
        acceptable=(low, high),
        text=clean(without_names(row[kind.text] or ""), MAX_TEXT),
    )
