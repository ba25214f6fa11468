"""The facts of an incident that a text may name: numbers with unit and role, times, names, words.

`hazard.triage.evidence` holds a text against them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from hazard import quantities
from hazard.catalogue import HazardKind
from hazard.triage.claims import FUNCTION_WORDS, NO_PLACE, PEOPLE
from hazard.triage.phrases import MEASURES
from hazard.triage.render import number, unit
from hazard.triage.words import by_language, people_count
from hazard.types import Condition, Incident, Measured

_WHOLE_FROM = 10.0
"""Values from here on may be rounded to whole numbers; 0.4 m is not 0 m."""

UNITS: Mapping[str, str] = {
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
    "heure": "h", "heures": "h", "stunde": "h", "stunden": "h", "hora": "h", "horas": "h",
    "ora": "h", "ore": "h", "%lie": "%LEL", "%ueg": "%LEL", "prozent": "%", "grad": "°C",
    "degrés": "°C", "grados": "°C", "gradi": "°C",
    "a": "A", "kw": "kW", "rpm": "rpm", "km/h": "km/h", "m/s": "m/s", "ft": "ft", "feet": "ft",
}  # fmt: skip
"""Words that are units, and the unit that they mean."""

_LENGTHS = {"kilometer", "kilometers", "kilometre", "kilometres", "km", "mile", "miles", "inches"}
UNITS = {**UNITS, **dict.fromkeys(_LENGTHS, "km")}
LONE_UNITS = _LENGTHS | {
    "ppm", "ppb", "%lel", "percent", "celsius", "fahrenheit", "psi", "mbar", "kpa",
}  # fmt: skip
"""Units that are nothing but units, so that they are checked without a number before them too."""

TOKEN = re.compile(r"[^\W_]+(?:[-_/][^\W_]+)*")
"""A word, or an identifier with its hyphens and slashes."""
_SMALL = frozenset(("in", "im")).union(*FUNCTION_WORDS.values(), *NO_PLACE.values())
"""Words of a subject that name nothing: `track 7 in taped-off`."""
_PART = 3
"""Letters of a part of an identifier that is a word of its own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an incident holds.

    Attributes:
        values: what was measured, as pairs of number and unit; the unit of a plain count is empty.
        limits: thresholds, as such pairs.
        times: of day, `HH:MM` and `HH:MM:SS`.
        people: how many were counted; 0: none, or nobody counted.
        people_limits: thresholds of a number of people.
        nobody: every standing finding says that nobody is there.
        units: the units in use.
        names: identifiers.
        words: words that may have a capital or a digit in them, in lower case.
        person_named: the hazards themselves speak of people.
    """

    values: frozenset[tuple[str, str]]
    limits: frozenset[tuple[str, str]]
    times: frozenset[str]
    people: int
    people_limits: frozenset[str]
    nobody: bool
    units: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]
    person_named: bool


def gather(incident: Incident, language: str, catalogue: Mapping[str, HazardKind]) -> Facts:
    """The facts of an incident, with the words of one language."""
    measured = [item for event in incident.events for item in event.measured]
    people = people_count(incident)
    standing = [e for e in incident.events if e.condition is not Condition.CLEARED]
    nobody = not people and all(e.occupied is False for e in standing or incident.events)
    counts = {str(people)} if people or nobody else set()
    if incident.grouped:
        counts.add(str(incident.grouped))
    names = frozenset(_names(incident))
    words = frozenset(_vocabulary(incident, names, language, catalogue))
    return Facts(
        values=frozenset(_pairs(measured, "value")) | {(count, "") for count in counts},
        limits=frozenset(_pairs(measured, "threshold")),
        times=frozenset(_times((incident.opened_at, incident.updated_at))),
        people=people,
        people_limits=frozenset(
            text for text, _ in _pairs([m for m in measured if m.name == "people"], "threshold")
        ),
        nobody=nobody,
        units=frozenset(unit_of(item) for item in measured),
        names=names,
        words=words,
        person_named=any(
            PEOPLE[language].search(said) for said in _sayings(incident, language, catalogue)
        ),
    )


def unit_of(item: Measured) -> str:
    """A measure's unit, in the one way in which it is compared."""
    shown = unit(item.unit)
    return UNITS.get(shown.casefold(), shown)


def canonical(text: str) -> str:
    """A number as one text: `3,50` and `3.5` are the same."""
    text = text.lstrip("-").replace(",", ".")
    if text.count(".") == 1:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("0") or "0"


def _pairs(measured: Iterable[Measured], role: str) -> Iterator[tuple[str, str]]:
    for item in measured:
        value = item.value if role == "value" else item.threshold
        if value is not None:
            digits = (0, 1, 2) if abs(value) >= _WHOLE_FROM else (1, 2)
            limit = item.threshold if role == "value" else value
            said = (number(value), quantities.number(value, "en", limit=limit))
            for text in (*said, *(f"{value:.{count}f}" for count in digits)):
                yield canonical(text), unit_of(item)


def _times(moments: Iterable[datetime]) -> Iterator[str]:
    for at in moments:
        yield from (f"{at:%H:%M}", f"{at:%H:%M:%S}")


def _names(incident: Incident) -> Iterator[str]:
    """Identifiers: area, subjects and their parts, cameras, sensors. Measures are words."""
    yield incident.area
    for event in incident.events:
        parts = (p for p in re.split(r"[\s/]+", event.subject) if p.casefold() not in _SMALL)
        measured = (text for item in event.measured for text in (item.name, item.source))
        for name in (event.area, event.subject, *parts, *event.sources, *measured):
            if len(name) > 1 and not name.isdigit() and name not in MEASURES:
                yield name


def _vocabulary(
    incident: Incident, names: frozenset[str], language: str, catalogue: Mapping[str, HazardKind]
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
            yield from TOKEN.findall(text.casefold())
    for name in names:
        for token in TOKEN.findall(name.casefold()):
            yield token
            yield from (part for part in re.split(r"[-_/]", token) if len(part) >= _PART)
    for translations in MEASURES.values():
        yield from TOKEN.findall(translations[language].casefold())
    for item in (item for event in incident.events for item in event.measured):
        yield from TOKEN.findall(unit(item.unit).casefold())
        yield from TOKEN.findall(quantities.sign(item.unit, language).casefold())


def _sayings(
    incident: Incident, language: str, catalogue: Mapping[str, HazardKind]
) -> Iterator[str]:
    """What the hazards are called, and the first sentence of their templates."""
    for event in incident.events:
        kind = catalogue.get(event.hazard)
        if kind:
            yield by_language(kind.name)[language].casefold()
            yield by_language(kind.summary)[language].casefold().split(".")[0]
