"""The words that may leave the box, and the grammar of the lines that they may stand in.

The lists are closed: hazard kinds and threshold levels of the catalogue, quantities and units as
industry writes them, and the small words of `hazard.triage.render`. A text that is made of
anything else is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hazard.catalogue import HazardKind
from hazard.triage.phrases import MEASURES
from hazard.triage.render import quoted, shown_measure, shown_unit
from hazard.types import Condition
from models.reasoning.words import NAMES

OTHER = "other"
"""Stands for a hazard kind, a level or a measured value that the lists do not know."""

_GASES = (
    "h2s", "co", "co2", "nh3", "so2", "cl2", "hcn", "ch4", "no", "no2", "o2", "o3", "h2", "hf",
    "hcl", "ph3", "voc", "lel", "c2h4", "c2h6", "c3h8", "c4h10", "methane", "propane", "butane",
    "hydrogen", "ammonia", "chlorine", "oxygen", "benzene", "gas",
)  # fmt: skip
_OTHERS = (
    "temperature", "pressure", "humidity", "flow", "level", "vibration", "noise", "smoke", "dust",
    "speed", "current", "voltage", "power", "radiation", "weight", "force", "torque", "position",
)  # fmt: skip
_BARE_QUANTITIES = frozenset((*MEASURES, *_GASES, *_OTHERS))
QUANTITIES = _BARE_QUANTITIES | {f"{name}_rate" for name in _BARE_QUANTITIES}
"""Names of measured values; `_rate` is what the rule `rate` appends to a sensor's quantity."""

_BARE_UNITS = (
    "1", "ppm", "ppb", "%", "%LEL", "%vol", "degC", "degF", "°C", "°F", "K", "m", "cm", "mm", "km",
    "s", "min", "h", "mg/m3", "Pa", "hPa", "kPa", "MPa", "bar", "mbar", "psi", "dB", "V", "mV",
    "A", "mA", "W", "kW", "rpm", "Hz", "m/s", "mm/s", "km/h", "l/min", "m3/h", "kg", "t", "l", "N",
    "kN", "Nm", "lx",
)  # fmt: skip
_UNIT_NAMES = (*_BARE_UNITS, *(f"{name}/min" for name in _BARE_UNITS))
_EXACT_UNITS = frozenset(_UNIT_NAMES)
_FOLDED_UNITS = MappingProxyType(
    {
        folded: name
        for name in _UNIT_NAMES
        if [other.casefold() for other in _UNIT_NAMES].count(folded := name.casefold()) == 1
    }
)
_ROLES = ("area", "item", "source")
PSEUDONYM = re.compile(rf"\b({'|'.join(_ROLES)})-(\d+)\b", re.IGNORECASE | re.ASCII)
_NUMBER = r"-?\d+(?:\.\d+)?"


def known_quantity(name: str) -> str:
    """The listed name of a measured value, whatever its case; else `other`."""
    folded = name.strip().casefold()
    return folded if folded in QUANTITIES else OTHER


def known_unit(name: str) -> str:
    """The listed unit; of another one nothing is left but a plain count."""
    bare = name.strip()
    return bare if bare in _EXACT_UNITS else _FOLDED_UNITS.get(bare.casefold(), "1")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What may be said of the incidents of one catalogue.

    Attributes:
        hazards: ids of its kinds.
        levels: threshold levels that one of its kinds knows.
        phrases: every word and phrase of the lists, case-folded.
        line: what one line of a rendered, redacted incident is.
    """

    hazards: frozenset[str]
    levels: frozenset[str]
    phrases: frozenset[str]
    line: re.Pattern[str]

    @classmethod
    def of(cls, catalogue: Mapping[str, HazardKind]) -> Vocabulary:
        """The vocabulary of a catalogue, which is the product's own text."""
        kinds = {kind.name["en"] for kind in catalogue.values()} | {quoted(OTHER), "Finding"}
        levels = {level for kind in catalogue.values() for level in kind.levels}
        shown_levels = {f'"{level}"' for level in levels} | {quoted(OTHER)}
        measures = {shown_measure(name) for name in (*QUANTITIES, OTHER)}
        actions = {a.text["en"] for kind in catalogue.values() for a in kind.actions}
        units = {shown for name in _UNIT_NAMES if (shown := shown_unit(name))}
        words = {word for kind in kinds for word in re.findall(r"\w+", kind)}
        said = {*kinds, *words, *catalogue, *levels, *measures, *QUANTITIES, *units, *_UNIT_NAMES}
        said |= {*Condition, *_GRAMMAR_WORDS, *_ROLES}
        said |= {word for text in actions for word in re.findall(r"\w+", text)}
        return cls(
            hazards=frozenset(catalogue),
            levels=frozenset(levels),
            phrases=frozenset(word.casefold() for word in said),
            line=_line(kinds, shown_levels, measures, units, actions),
        )

    def said(self, text: str) -> bool:
        """Whether the whole of `text` is one listed word or phrase, a pseudonym or a number."""
        folded = text.casefold()
        return (
            folded in self.phrases
            or PSEUDONYM.fullmatch(text) is not None
            or re.fullmatch(_NUMBER, text, re.ASCII) is not None
        )


_GRAMMAR_WORDS = (
    "lasting", "repeats", "and", "more", "findings", "at", "level", "limit", "unknown", "people",
    "seen", "no", "write", "in", "actions", "finding", "unnamed", *NAMES.values(),
)  # fmt: skip


def _line(
    kinds: Iterable[str],
    levels: Iterable[str],
    measures: Iterable[str],
    units: Iterable[str],
    actions: Iterable[str],
) -> re.Pattern[str]:
    """Fields in any order, between commas; a finding's line starts with a dash.

    Or one of the product's own lines around them: the language asked for, the list of actions.
    """
    number = f"(?:{_NUMBER}|unknown)"
    quantity = rf"{number}(?: {_one_of(units)})?"
    fields = (
        r'area "(?:area-\d+|unnamed)"',
        rf"lasting {number} s",
        r"\d+ repeats",
        r"and \d+ more findings",
        _one_of(kinds),
        _one_of(Condition),
        f"level {_one_of(levels)}",
        r'at "(?:item-\d+|unnamed)"',
        rf"{_one_of(measures)} {quantity}(?: \(limit {quantity}\))?",
        "people seen|no people seen|people unknown",
    )
    field = "|".join(f"(?:{one})" for one in fields)
    own = rf"Write in {_one_of(NAMES.values())}\.|Actions:|[A-Z]\. {_one_of(actions)}"
    return re.compile(rf"{own}|(?:- )?(?:{field})(?:, (?:{field}))*", re.ASCII)


def _one_of(words: Iterable[str]) -> str:
    longest_first = sorted({str(word) for word in words}, key=lambda word: (-len(word), word))
    return f"(?:{'|'.join(re.escape(word) for word in longest_first)})"
