"""The check of a generated summary against the evidence: what it names must occur there.

Refused are: a number, unit or time that was not measured; a number given with another unit, or a
threshold given as a measured value; a number of people that was not counted, and that nobody is
there where that was not seen; an identifier, a place or a proper name (camera, sensor, area,
person) that the incident does not have; reassurance; markup; another language; and more than
`MAX_WORDS` words. Refused too is what would mislead by what it leaves out: a text that breaks off,
or that does not name the incident's leading hazard. A refusal is cheap, since the template stands
ready; a wrong figure in an alarm is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain

from hazard.catalogue import HazardKind
from hazard.triage.claims import (
    ALIKE,
    BARE_PLACE,
    BELOW,
    CLOCK,
    COUNTED,
    DENIED,
    FUNCTION_WORDS,
    HYPHENATED,
    LIMIT_IS,
    LIMITS,
    LISTED,
    NO_PLACE,
    NOBODY,
    PEOPLE,
    PLACES_AND_DAYS,
    SEVERAL,
)
from hazard.triage.facts import LONE_UNITS, TOKEN, UNITS, Facts, canonical, gather, unit_of
from hazard.triage.numerals import NUMBER_WORDS
from hazard.triage.phrases import ASSERTED, REASSURING
from hazard.triage.words import MAX_WORDS, by_language
from hazard.types import Incident

MIN_WORDS = 4
_RUN = 4
"""So many words in a row that come again are a repetition."""
_BEFORE = 30
"""Signs before a number in which the word for a limit must stand."""
_FOREIGN = 2
"""So many more small words of another language, and a text is in that language."""

_MARKUP = re.compile(r"[<>{}\[\]|`*#\\^]|https?:|www\.")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_AFTER = re.compile(r"\s*([%°]?[^\W\d_]*(?:/[^\W\d_]+\d?)?)")
_SPLIT_PERCENT = re.compile(r"%\s+(?=(?:lel|lie|ueg|vol)\b)", re.IGNORECASE)
_FIELD = re.compile(r"\{\w+\}")
_ENDS = (".", "!")
_MORE_THAN_ONE = 2
_VAGUE = frozenset(
    (
        "person", "persons", "people", "personne", "personnes", "personen", "persona", "personas",
        "persone", "with", "near", "from", "above", "below", "the", "mit", "nahe", "einem", "und",
        "der", "die", "das", "dans", "près", "pour", "une", "les", "des", "con", "cerca", "del",
        "los", "las", "nella", "alla", "vicina", "vicino", "where",
    )
)  # fmt: skip
"""Words of hazard names that tell no hazard from another."""
_GENERAL = frozenset(("people", "dwell", "distance", "distance_estimated"))
"""Measures that many hazards share."""
_STEM = 5
"""A word is named if its first letters are: endings change."""

_SENTENCE_START = re.compile(r"(?:^|[.!?:(\"«]\s*)$")


def refused(
    text: str, incident: Incident, language: str, catalogue: Mapping[str, HazardKind]
) -> str:
    """Why `text` must not be shown; empty if everything that it names is in the evidence."""
    words = text.split()
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return f"it has {len(words)} words, allowed are {MIN_WORDS} to {MAX_WORDS}"
    if _MARKUP.search(text):
        return "it holds markup or an address"
    if not text.rstrip().endswith(_ENDS):
        return "it breaks off"
    faults = _faults(text, language, gather(incident, language, catalogue))
    for fault in chain(faults, _denial_faults(text.casefold(), incident, language, catalogue)):
        return fault
    if not _names_hazard(text, incident, language, catalogue):
        return f"it does not name the leading hazard ({incident.hazard})"
    return ""


def _names_hazard(
    text: str, incident: Incident, language: str, catalogue: Mapping[str, HazardKind]
) -> bool:
    """Whether the leading kind is named: by a telling word, a measure, its unit or its source.

    Too many people are named by people. A kind that the catalogue does not know, or whose name has
    no telling word, passes.
    """
    kind = catalogue.get(incident.hazard)
    if kind is None:
        return True
    texts = (by_language(kind.name)[language], incident.hazard.replace("_", " "))
    telling = {
        word[:_STEM]
        for name in texts
        for word in TOKEN.findall(name.casefold())
        if len(word) > 2 and word not in _VAGUE  # noqa: PLR2004 - shorter ones are articles
    }
    counted = False
    for event in incident.events:
        if event.hazard == incident.hazard:
            counted |= any(m.name == "people" and m.threshold is not None for m in event.measured)
            own = [item for item in event.measured if item.name not in _GENERAL]
            known = (*(item.name for item in own), *(unit_of(item) for item in own), *event.sources)
            telling.update(name.casefold() for name in known if len(name) > 1)
    said = _FIELD.sub(" ", by_language(kind.summary)[language].casefold().split(".")[0])
    telling.update(
        word[:_STEM] for word in TOKEN.findall(said) if len(word) >= _STEM and word not in _VAGUE
    )
    folded = text.casefold()
    if counted and PEOPLE[language].search(folded):
        return True
    return not telling or any(re.search(rf"(?<!\w){re.escape(word)}", folded) for word in telling)


def _faults(text: str, language: str, facts: Facts) -> Iterator[str]:
    folded = text.casefold()
    for phrase in REASSURING.get(language, ()):
        if re.search(rf"\b{re.escape(phrase)}\b", folded):
            yield f"it reassures ({phrase!r}), for which there is no evidence"
    yield from _repetition_faults(folded)
    bare = _without_names(text, facts.names)
    yield from _language_faults(bare.casefold(), language)
    yield from _assertion_faults(bare, language, facts)
    faults, timeless = _times_out(bare, facts)
    yield from faults
    yield from _name_faults(timeless, language, facts)
    yield from _place_faults(timeless, language, facts)
    yield from _number_faults(timeless, language, facts)
    yield from _number_word_faults(timeless.casefold(), language, facts)
    yield from _people_faults(timeless.casefold(), language, facts)


def _denial_faults(
    folded: str, incident: Incident, language: str, catalogue: Mapping[str, HazardKind]
) -> Iterator[str]:
    """That the hazard is not there, or that a value is under the limit that it has passed."""
    kinds = [catalogue[e.hazard] for e in incident.events if e.hazard in catalogue]
    own = " ".join(
        by_language(texts)[language].casefold()
        for kind in kinds
        for texts in (kind.name, kind.description, kind.summary)
    )
    for clause in re.split(r"[.,;:!?]\s", folded):
        denied = DENIED[language].search(clause) if len(clause.split()) > 1 else None
        if denied and not NOBODY[language].search(clause) and not DENIED[language].search(own):
            yield f"it denies something ({denied.group()!r}), for which there is no evidence"
    limited = [
        item for event in incident.events for item in event.measured if item.threshold is not None
    ]
    over = bool(limited) and all(i.value >= i.threshold for i in limited if i.threshold is not None)
    if over and BELOW[language].search(folded):
        yield "it says that a value is under its limit, and none is"


def _repetition_faults(folded: str) -> Iterator[str]:
    """A model that goes round in circles has nothing to say."""
    words = folded.split()
    runs = [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]
    if len(set(runs)) < len(runs):
        yield "it repeats itself"


def _language_faults(folded: str, language: str) -> Iterator[str]:
    """A text with clearly more small words of another language than of its own."""
    words = TOKEN.findall(folded)
    own = FUNCTION_WORDS[language]
    for other, known in FUNCTION_WORDS.items():
        foreign = sum(word in known - own for word in words)
        if foreign - sum(word in own - known for word in words) >= _FOREIGN:
            yield f"it is written in another language ({other})"


def _assertion_faults(text: str, language: str, facts: Facts) -> Iterator[str]:
    """Things, harm, places and days that the evidence does not name."""
    stems = (*ASSERTED.get(language, ()), *PLACES_AND_DAYS[language])
    for token in TOKEN.findall(text):
        for stem in (stem for stem in stems if token.casefold().startswith(stem)):
            alike = next((group for group in ALIKE[language] if stem in group), (stem,))
            if not any(word.startswith(alike) for word in facts.words):
                yield f"{token[:40]!r} is not in the evidence"


def _without_names(text: str, names: frozenset[str]) -> str:
    """The text with every identifier of the incident taken out, longest first."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "—", text, flags=re.IGNORECASE)
    return text


def _name_faults(text: str, language: str, facts: Facts) -> Iterator[str]:
    """Identifiers and proper names that the incident does not have.

    German writes every noun with a capital, so that capitals say nothing there.
    """
    for match in TOKEN.finditer(text):
        token = match.group()
        folded = token.casefold()
        if folded in facts.words or token.isdigit() or folded.lstrip("0123456789") in UNITS:
            continue
        mixed = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
        inner = any(c.isupper() for c in token[1:])
        proper = token[0].isupper() and not _SENTENCE_START.search(text[: match.start()])
        path = "/" in token or "/" in text[max(match.start() - 1, 0) : match.end() + 1]
        letter = len(token) == 1 and token.isupper() and proper
        odd = mixed or inner or path or letter or "_" in token
        if odd or (proper and language != "de") or _invented(folded, language, facts):
            yield f"the name {token[:40]!r} is not in the evidence"


def _invented(folded: str, language: str, facts: Facts) -> bool:
    """Whether a word with a hyphen may be the name of a place or a device."""
    if "-" not in folded or folded in HYPHENATED[language] or folded in NUMBER_WORDS[language]:
        return False
    return not all(part in facts.words for part in folded.split("-"))


def _place_faults(text: str, language: str, facts: Facts) -> Iterator[str]:
    """Where it is said to be, without an article: a name, if it is no word of the hazard."""
    for match in BARE_PLACE[language].finditer(text.casefold()):
        word = match.group(1)
        known = word in facts.words or word in NO_PLACE[language] or word in UNITS
        if not known and word not in NUMBER_WORDS[language]:
            yield f"the place {word[:40]!r} is not in the evidence"


def _times_out(text: str, facts: Facts) -> tuple[list[str], str]:
    """Times of day that the evidence does not hold, and the text without any time of day."""
    faults: list[str] = []

    def taken(match: re.Match[str]) -> str:
        after = (match["after"] or "").strip().casefold().replace(".", "")
        if not after and (match["sign"] in (None, ".") or not match["minute"]):
            return match.group()
        hour = int(match["hour"])
        if after in ("am", "pm"):
            hour = hour % 12 + (12 if after == "pm" else 0)
        said = f"{hour:02d}:{match['minute'] or '00'}{match['second'] or ''}"
        if said not in facts.times:
            faults.append(f"the time {match.group().strip()!r} is not in the evidence")
        return "—"

    return faults, CLOCK.sub(taken, text)


def _number_faults(text: str, language: str, facts: Facts) -> Iterator[str]:
    known = {value for value, _ in facts.values | facts.limits}
    text = _SPLIT_PERCENT.sub("%", text)
    for match in _NUMBER.finditer(text):
        raw = match.group()
        value = canonical(raw)
        if value not in known:
            yield f"the number {raw!r} is not in the evidence"
            continue
        after = _AFTER.match(text, match.end())
        word = after.group(1) if after else ""
        said = UNITS.get(word.casefold()) or (word if word in facts.units else "")
        pair = (value, said)
        if pair not in facts.values | facts.limits:
            shown = f"{raw} {said or word[:40]}".strip()
            yield (
                f"{shown} is not in the evidence"
                if said
                else (f"{shown!r} without its unit is not in the evidence")
            )
            continue
        before = text[max(match.start() - _BEFORE, 0) : match.start()].casefold()
        if pair not in facts.values and not LIMITS[language].search(before):
            yield f"{f'{raw} {said}'.strip()} is a limit, and was not measured"
        if pair not in facts.limits and LIMIT_IS.search(before):
            yield f"{f'{raw} {said}'.strip()} was measured, and is no limit"
    for token in TOKEN.findall(text.casefold()):
        if token in LONE_UNITS and UNITS[token] not in facts.units:
            yield f"the unit {token!r} is not in the evidence"
    if "°" in text and not any("°" in unit_name for unit_name in facts.units):
        yield "the unit '°' is not in the evidence"


def _number_word_faults(folded: str, language: str, facts: Facts) -> Iterator[str]:
    """Numbers written as words, with the unit that follows."""
    tokens = list(TOKEN.finditer(folded))
    for match, after in zip(tokens, [*tokens[1:], None], strict=True):
        count = NUMBER_WORDS[language].get(match.group())
        pair = (str(count), UNITS.get(after.group(), "") if after else "")
        if count is None or pair in facts.values:
            continue
        before = folded[max(match.start() - _BEFORE, 0) : match.start()]
        if not (pair in facts.limits and LIMITS[language].search(before)):
            yield f"the number {match.group()!r} is not in the evidence"


def _people_faults(folded: str, language: str, facts: Facts) -> Iterator[str]:
    """How many people are there, that some are, and that nobody is."""
    for match in COUNTED[language].finditer(folded):
        word = match.group(1)
        count = NUMBER_WORDS[language].get(word, int(word) if word.isdecimal() else None)
        if count is None or count == facts.people:
            continue
        before = folded[max(match.start() - _BEFORE, 0) : match.start()]
        if not (str(count) in facts.people_limits and LIMITS[language].search(before)):
            yield f"{match.group()[:60]!r}: that number of people is not in the evidence"
    for match in LISTED[language].finditer(folded):
        if int(match.group(1)) != facts.people:
            yield f"{match.group()[:60]!r}: that number of people is not in the evidence"
    if SEVERAL[language].search(folded) and facts.people < _MORE_THAN_ONE:
        yield "it speaks of several people, who are not in the evidence"
    nobody = NOBODY[language]
    if nobody.search(folded) and not facts.nobody:
        yield "it says that nobody is there, which is not in the evidence"
    if facts.nobody and not facts.person_named and PEOPLE[language].search(nobody.sub("", folded)):
        yield "it speaks of people, and none are in the evidence"
