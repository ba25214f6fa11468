"""An incident as short structured text for a prompt: the only place where the two meet.

Prefill is what a decision costs, so the text is short: 60 to 150 tokens. The policy's verdict is
not in it: an opinion that has seen the answer is none.

Trusted, and written plainly, are the product's own words: names of the catalogue's kinds,
conditions, levels that the catalogue has, measures and units of `MEASURES` and `UNITS`, and numbers
that were parsed. Everything else comes from outside (site files, topics, payloads, pictures): area,
subject, other levels, kinds, measures and units. It stands between double quotes, bounded and
cleaned to letters, digits and a few signs, its words joined by `MARK`, a sign that no other part of
the text can hold (data-marking: Hines et al. 2024, arXiv 2403.14720). Marking alone does not hold a
small model: `suspicious` text, which is more than a name, is not shown at all but `WITHHELD`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping

from hazard.catalogue import HazardKind
from hazard.triage.hostile import speaks
from hazard.triage.phrases import MEASURES as PHRASES
from hazard.types import Condition, HazardEvent, Incident, Measured

MAX_EVENTS = 4
MAX_MEASURED = 3
MAX_BYTES = 520
"""Bound of the rendered text; about 150 tokens of English."""

MAX_FIELD = 64
"""Bound of an area or a subject in characters; a camera, a zone and a track fit into it."""

MAX_LEVEL = 32
MAX_MEASURE = 24
MAX_UNIT = 16
MAX_REPEATS = 999_999

MARK = "^"
"""Joins the words of text from outside, so that no part of it reads as a sentence of ours."""

WITHHELD = "withheld"
"""Stands for text that is more than a name."""

MEASURES = frozenset(
    (
        "dwell", "people", "distance", "distance_estimated", "frames_of_window", "silence",
        "rate", "dark", "frozen", "offline", "temperature", "pressure", "flow", "humidity",
        "vibration", "noise", "speed", "weight", "current", "voltage", "power", "oxygen", "h2s",
        "co", "co2", "nh3", "so2", "no2", "cl2", "hcn", "ch4", "c3h8", "h2", "o2", "o3", "no",
        "voc", "lel",
    )
)  # fmt: skip
"""Measures that the rules give, and quantities of common sensors."""

UNITS = frozenset(
    (
        "ppm", "ppb", "%", "%LEL", "%vol", "mg/m3", "µg/m3", "m", "cm", "mm", "km", "ft", "s",
        "min", "h", "°C", "°F", "K", "bar", "mbar", "psi", "Pa", "kPa", "dB", "kg", "t", "l", "V",
        "A", "kW", "rpm", "m/s", "mm/s", "km/h", "l/min", "m3/h", "°C/min", "ppm/min", "%LEL/min",
    )
)  # fmt: skip
"""Units that are written plainly, after `unit`."""

_KEPT = frozenset(" .,_-/%+°")
_LATIN_END = 0x250
_UNIT_NAMES = {
    "": "", "1": "", "degC": "°C", "degF": "°F", "degC/min": "°C/min", "degF/min": "°F/min",
    "mg/m³": "mg/m3", "ug/m3": "µg/m3", "µg/m3": "µg/m3", "µg/m³": "µg/m3", "μg/m3": "µg/m3",
    "μg/m³": "µg/m3",
}  # fmt: skip
_HUGE = 1e9


def clean(text: str, limit: int = MAX_FIELD, *, latin: bool = True) -> str:
    """`text` with nothing in it that could act: letters, digits and ` .,_-/%+°`, one line, bounded.

    `latin` keeps Latin letters only, as prompts want it (look-alikes of other scripts go).
    """
    folded = unicodedata.normalize("NFKC", text[: limit * 4])
    kept = "".join(char if _harmless(char, latin=latin) else " " for char in folded)
    return " ".join(kept.split())[:limit].strip() or "unnamed"


def _harmless(char: str, *, latin: bool) -> bool:
    if char in _KEPT:
        return True
    return char.isalnum() and (not latin or ord(char) < _LATIN_END)


def suspicious(text: str, limit: int = MAX_FIELD) -> bool:
    """Whether `text` from outside is more than a name, so that no model may see it.

    It is, if it is longer than `limit`, if cleaning would change it, or if it `speaks`.
    """
    return clean(text, limit) != unicodedata.normalize("NFC", text) or speaks(text)


def quoted(text: str, limit: int = MAX_FIELD) -> str:
    """Text from outside as marked data between double quotes, or `"withheld"`."""
    shown = WITHHELD if suspicious(text, limit) else MARK.join(clean(text, limit).split())
    return f'"{shown}"'


def number(value: float) -> str:
    """A measured value as people read it: 3.25, 12.3, 151; never more digits than it is worth."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= _HUGE:
        return f"{value:.0e}"
    digits = 2 if size < 10 else 1 if size < 100 else 0  # noqa: PLR2004 - the rule in the docstring
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def unit(name: str) -> str:
    """A unit as people read it; empty for a plain count."""
    return _UNIT_NAMES.get(name, clean(name, MAX_UNIT))


def readable_unit(name: str) -> bool:
    """Whether `name` is a known unit, no unit at all, or may at least be one."""
    return unit(name) in UNITS | {""} or not suspicious(name, MAX_UNIT)


def shown_measure(name: str) -> str:
    """What a prompt calls a measure: our own words, or text from outside, marked."""
    if name in PHRASES:
        return PHRASES[name]["en"]
    return name if name.isascii() and name.lower() in MEASURES else quoted(name, MAX_MEASURE)


def shown_unit(name: str) -> str:
    """A unit as a prompt has it: a known sign, nothing, or text from outside, marked."""
    sign = unit(name)
    return sign if not sign or sign in UNITS else quoted(name, MAX_UNIT)


def render(incident: Incident, catalogue: Mapping[str, HazardKind], *, lasting: bool = True) -> str:
    """The incident in at most `MAX_BYTES` bytes, the same for the same incident.

    The heaviest event always stands in it, with as many of its measures as there is room for.
    Without `lasting` it does not say for how long: who writes a summary would mix that up with
    what was measured.
    """
    events = by_weight(incident)
    lasted_s = (incident.updated_at - incident.opened_at).total_seconds()
    lines = [f"area {quoted(incident.area)}"]
    if lasting:
        lines[0] += f", lasting {number(max(lasted_s, 0.0))} s"
    if incident.grouped:
        lines[0] += f", {min(incident.grouped, MAX_REPEATS)} repeats"
    measures = MAX_MEASURED
    while measures and not _fits(lines, _line(events[0], catalogue, measures), len(events)):
        measures -= 1
    lines.append(_line(events[0], catalogue, measures))
    for event in events[1:MAX_EVENTS]:
        line = _line(event, catalogue)
        if not _fits(lines, line, len(events)):
            break
        lines.append(line)
    if more := len(events) - len(lines) + 1:
        lines.append(_more(more))
    return "\n".join(lines)


def _fits(lines: list[str], line: str, events: int) -> bool:
    """Whether one more line, and the count of what is left out, are within the bound."""
    return len("\n".join([*lines, line, _more(events)]).encode()) <= MAX_BYTES


def _more(count: int) -> str:
    return f"- and {count} more findings"


def is_withheld(rendered: str) -> bool:
    """Whether a rendered incident leaves out text from outside that was more than a name."""
    return f'"{WITHHELD}"' in rendered


def by_weight(incident: Incident) -> list[HazardEvent]:
    """The events: standing ones before cleared ones, the leading kind first."""
    return sorted(
        incident.events,
        key=lambda e: (e.condition is Condition.CLEARED, e.hazard != incident.hazard),
    )


def _line(
    event: HazardEvent, catalogue: Mapping[str, HazardKind], measures: int = MAX_MEASURED
) -> str:
    kind = catalogue.get(event.hazard)
    parts = [f"- {kind.name['en'] if kind else quoted(event.hazard)}"]
    if event.condition is not Condition.ACTIVE:
        parts.append(str(event.condition))
    if event.level and event.level not in event.hazard:
        known = any(event.level in each.levels for each in catalogue.values())
        level = f'"{event.level}"' if known else quoted(event.level, MAX_LEVEL)
        parts.append(f"level {level}")
    parts.append(f"at {quoted(event.subject)}")
    parts.extend(_measure(item) for item in event.measured[:measures])
    parts.append(
        {True: "people seen", False: "no people seen", None: "people unknown"}[event.occupied]
    )
    return ", ".join(parts)


def _measure(item: Measured) -> str:
    sign = shown_unit(item.unit)
    text = f"{shown_measure(item.name)} {number(item.value)} {sign}".strip()
    if item.threshold is None:
        return text
    return f"{text} (limit {f'{number(item.threshold)} {sign}'.strip()})"
