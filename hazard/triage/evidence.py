"""The check of a generated summary against the evidence: what it names must occur there.

Refused are: a number, unit or time that was not measured; a number given with another unit than
its own; an identifier or a proper name (camera, sensor, place, person) that the incident does not
have; reassurance; markup; and more than `MAX_WORDS` words. Refused too is what would mislead by
what it leaves out: a text that breaks off, or that does not name the incident's leading hazard.
A refusal is cheap, since the template stands ready; a wrong figure in an alarm is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from hazard.catalogue import HazardKind
from hazard.triage.phrases import ASSERTED, MEASURES, NUMBER_WORDS, REASSURING
from hazard.triage.render import number, unit
from hazard.triage.words import MAX_WORDS, by_language, people_count
from hazard.types import Incident, Measured

MIN_WORDS = 4
_RUN = 4
"""So many words in a row that come again are a repetition."""

_WHOLE_FROM = 10.0
"""Values from here on may be rounded to whole numbers; 0.4 m is not 0 m."""

_UNITS: Mapping[str, str] = {
    "ppm": "ppm", "ppb": "ppb", "%": "%", "%lel": "%LEL", "%vol": "%vol", "percent": "%",
    "m": "m", "metre": "m", "metres": "m", "meter": "m", "meters": "m", "mètre": "m",
    "mètres": "m", "metro": "m", "metros": "m", "metri": "m", "cm": "cm", "mm": "mm", "km": "km",
    "s": "s", "second": "s", "seconds": "s", "seconde": "s", "secondes": "s", "sekunde": "s",
    "sekunden": "s", "segundo": "s", "segundos": "s", "secondo": "s", "secondi": "s",
    "min": "min", "minute": "min", "minutes": "min", "minuten": "min", "minuto": "min",
    "minutos": "min", "minuti": "min", "hour": "h", "hours": "h", "h": "h",
    "°c": "°C", "degc": "°C", "celsius": "°C", "degrees": "°C", "°f": "°F", "fahrenheit": "°F",
    "k": "K", "kelvin": "K", "bar": "bar", "mbar": "mbar", "psi": "psi", "kpa": "kPa",
    "pa": "Pa", "db": "dB", "mg/m3": "mg/m3", "°c/min": "°C/min", "kg": "kg", "l": "l", "v": "V",
    "a": "A", "kw": "kW", "rpm": "rpm", "km/h": "km/h", "m/s": "m/s", "ft": "ft", "feet": "ft",
}  # fmt: skip
"""Words that are units, and the unit that they mean."""

_LENGTHS = {"kilometer", "kilometers", "kilometre", "kilometres", "km", "mile", "miles", "inches"}
_UNITS = {**_UNITS, **dict.fromkeys(_LENGTHS, "km")}
_LONE_UNITS = _LENGTHS | {
    "ppm", "ppb", "%lel", "percent", "celsius", "fahrenheit", "psi", "mbar", "kpa",
}  # fmt: skip
"""Units that are nothing but units, so that they are checked without a number before them too."""

_MARKUP = re.compile(r"[<>{}\[\]|`*#\\^]|https?:|www\.")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_AFTER = re.compile(r"\s*([%°]?[^\W\d_]*(?:/[^\W\d_]+\d?)?)")
_TOKEN = re.compile(r"[^\W_]+(?:[-_/][^\W_]+)*")
_FIELD = re.compile(r"\{\w+\}")
_ENDS = (".", "!")
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
_CODE_NAMES = frozenset(name for name in MEASURES if "_" in name)
"""Measures as the code calls them: no operator's words."""
_STEM = 5
"""A word is named if its first letters are: endings change."""

_SENTENCE_START = re.compile(r"(?:^|[.!?:(\"«]\s*)$")


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the incident holds: numbers as text, pairs with a unit, units, and known words.

    `counts` are the numbers that may stand before a noun: people, repeats, unitless values.
    """

    numbers: frozenset[str]
    counts: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    units: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]


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
    evidence = _gather(incident, language, catalogue)
    for fault in _faults(text, language, evidence):
        return fault
    if not _names_hazard(text, incident, language, catalogue):
        return f"it does not name the leading hazard ({incident.hazard})"
    return ""


def _names_hazard(
    text: str, incident: Incident, language: str, catalogue: Mapping[str, HazardKind]
) -> bool:
    """Whether the leading kind is named: by a telling word, a measure, its unit or its source.

    A kind that the catalogue does not know, or whose name has no telling word, passes.
    """
    kind = catalogue.get(incident.hazard)
    if kind is None:
        return True
    texts = (by_language(kind.name)[language], incident.hazard.replace("_", " "))
    telling = {
        word[:_STEM]
        for name in texts
        for word in _TOKEN.findall(name.casefold())
        if len(word) > 2 and word not in _VAGUE  # noqa: PLR2004 - shorter ones are articles
    }
    for event in incident.events:
        if event.hazard == incident.hazard:
            own = [item for item in event.measured if item.name not in _GENERAL]
            known = (*(item.name for item in own), *(_unit(item) for item in own), *event.sources)
            telling.update(name.casefold() for name in known if len(name) > 1)
    said = _FIELD.sub(" ", by_language(kind.summary)[language].casefold().split(".")[0])
    telling.update(
        word[:_STEM] for word in _TOKEN.findall(said) if len(word) >= _STEM and word not in _VAGUE
    )
    folded = text.casefold()
    return not telling or any(re.search(rf"(?<!\w){re.escape(word)}", folded) for word in telling)


def _faults(text: str, language: str, evidence: _Evidence) -> Iterator[str]:
    folded = text.casefold()
    for phrase in REASSURING.get(language, ()):
        if re.search(rf"\b{re.escape(phrase)}\b", folded):
            yield f"it reassures ({phrase!r}), for which there is no evidence"
    yield from _repetition_faults(folded)
    bare = _without_names(text, evidence.names)
    yield from _assertion_faults(bare, language, evidence)
    yield from _name_faults(bare, language, evidence)
    yield from _number_faults(bare, language, evidence)


def _repetition_faults(folded: str) -> Iterator[str]:
    """A model that goes round in circles has nothing to say."""
    words = folded.split()
    runs = [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]
    if len(set(runs)) < len(runs):
        yield "it repeats itself"


def _assertion_faults(text: str, language: str, evidence: _Evidence) -> Iterator[str]:
    """Things and harm that the evidence does not name."""
    for word in _TOKEN.findall(text.casefold()):
        for stem in ASSERTED.get(language, ()):
            if word.startswith(stem) and not any(w.startswith(stem) for w in evidence.words):
                yield f"{word[:40]!r} is not in the evidence"


def _without_names(text: str, names: frozenset[str]) -> str:
    """The text with every identifier of the incident taken out, longest first."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "—", text, flags=re.IGNORECASE)
    return text


def _number_faults(text: str, language: str, evidence: _Evidence) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        raw = match.group()
        value = _canonical(raw)
        if value not in evidence.numbers:
            yield f"the number {raw!r} is not in the evidence"
            continue
        after = _AFTER.match(text, match.end())
        word = after.group(1) if after else ""
        said = _UNITS.get(word.casefold()) or (word if word in evidence.units else "")
        if said and (value, said) not in evidence.pairs:
            yield f"{raw} {said} is not in the evidence"
        elif not said and ":" not in value and value not in evidence.counts:
            yield f"'{f'{raw} {word[:40]}'.strip()}' without its unit is not in the evidence"
    for word in _TOKEN.findall(text.casefold()):
        count = NUMBER_WORDS.get(language, {}).get(word)
        if count is not None and str(count) not in evidence.counts:
            yield f"the number {word!r} is not in the evidence"
        if word in _LONE_UNITS and _UNITS[word] not in evidence.units:
            yield f"the unit {word!r} is not in the evidence"
    if "°" in text and not any("°" in unit_name for unit_name in evidence.units):
        yield "the unit '°' is not in the evidence"


def _name_faults(text: str, language: str, evidence: _Evidence) -> Iterator[str]:
    """Identifiers and proper names that the incident does not have.

    German writes every noun with a capital, so that capitals say nothing there.
    """
    for match in _TOKEN.finditer(text):
        token = match.group()
        folded = token.casefold()
        if folded in evidence.words or token.isdigit() or folded.lstrip("0123456789") in _UNITS:
            continue
        mixed = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
        inner = any(c.isupper() for c in token[1:])
        proper = token[0].isupper() and not _SENTENCE_START.search(text[: match.start()])
        path = "/" in token or "/" in text[max(match.start() - 1, 0) : match.end() + 1]
        if mixed or inner or path or "_" in token or (proper and language != "de"):
            yield f"the name {token[:40]!r} is not in the evidence"


def _gather(incident: Incident, language: str, catalogue: Mapping[str, HazardKind]) -> _Evidence:
    measured = [item for event in incident.events for item in event.measured]
    counts = set(_counts(incident))
    numbers = counts.copy()
    pairs: set[tuple[str, str]] = set()
    for item in measured:
        for text in _roundings(item):
            numbers.add(text)
            pairs.add((text, _unit(item)))
            if not _unit(item):
                counts.add(text)
    names = set(_names(incident))
    return _Evidence(
        numbers=frozenset(numbers),
        counts=frozenset(counts),
        pairs=frozenset(pairs),
        units=frozenset(_unit(item) for item in measured),
        names=frozenset(names),
        words=frozenset(_vocabulary(incident, names, language, catalogue)),
    )


def _unit(item: Measured) -> str:
    shown = unit(item.unit)
    return _UNITS.get(shown.casefold(), shown)


def _roundings(item: Measured) -> Iterator[str]:
    for value in (item.value, item.threshold):
        if value is not None:
            yield _canonical(number(value))
            digits = (0, 1, 2) if abs(value) >= _WHOLE_FROM else (1, 2)
            yield from (_canonical(f"{value:.{count}f}") for count in digits)


def _canonical(text: str) -> str:
    """A number as one text: `3,50` and `3.5` are the same; a time stays as it is."""
    if ":" in text:
        return text
    text = text.lstrip("-").replace(",", ".")
    if text.count(".") == 1:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("0") or "0"


def _counts(incident: Incident) -> Iterator[str]:
    """Whole numbers and times that are facts of the incident."""
    yield str(people_count(incident))
    if incident.grouped:
        yield str(incident.grouped)
    for at in (incident.opened_at, incident.updated_at):
        yield from _times(at)


def _times(at: datetime) -> tuple[str, str]:
    return f"{at:%H:%M}", f"{at:%H:%M:%S}"


def _names(incident: Incident) -> Iterator[str]:
    """Identifiers: area, subjects and their parts, cameras, sensors, levels."""
    yield incident.area
    for event in incident.events:
        fields = (event.area, event.subject, *re.split(r"[\s/]+", event.subject), *event.sources)
        measured = (text for item in event.measured for text in (item.name, item.source))
        for name in (*fields, *measured):
            if len(name) > 1 and not name.isdigit() and name not in _CODE_NAMES:
                yield name


def _vocabulary(
    incident: Incident, names: set[str], language: str, catalogue: Mapping[str, HazardKind]
) -> Iterator[str]:
    """Known words that may have a capital or a digit in them, in lower case."""
    for event in incident.events:
        kind = catalogue.get(event.hazard)
        texts = [event.hazard.replace("_", " "), event.level]
        if kind:
            own = [
                by_language(kind.name),
                by_language(kind.description),
                by_language(kind.summary),
            ]
            texts += [text[language] for text in own]
        for text in texts:
            yield from _TOKEN.findall(text.casefold())
    for name in names:
        yield from _TOKEN.findall(name.casefold())
    for translations in MEASURES.values():
        yield from _TOKEN.findall(translations[language].casefold())
    for item in (item for event in incident.events for item in event.measured):
        yield from _TOKEN.findall(unit(item.unit).casefold())
