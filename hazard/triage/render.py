"""An incident as short structured text for a prompt, with text from outside made harmless.

Prefill is what a decision costs, so the text is short: 60 to 150 tokens. Subjects, sensor names,
labels and units come from outside: they are cleaned to letters, digits and a few signs (no
template tokens, quotes, brackets or line breaks survive), bounded, and put between double quotes,
which the prompt declares to be data. The policy's verdict is not in it: an opinion that has seen
the answer is none.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping

from hazard.catalogue import HazardKind
from hazard.triage.phrases import MEASURES
from hazard.types import Condition, HazardEvent, Incident, Measured

MAX_EVENTS = 4
MAX_MEASURED = 3
MAX_BYTES = 520
"""Bound of the rendered text; about 150 tokens of English."""

MAX_FIELD = 40
_KEPT = frozenset(" .,_-/%+°")
_LATIN_END = 0x250
_DEGREES = {"degC": "°C", "degF": "°F"}


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


def quoted(text: str, limit: int = MAX_FIELD) -> str:
    """Untrusted text as data between double quotes."""
    return f'"{clean(text, limit)}"'


def number(value: float) -> str:
    """A measured value as people read it: 3.25, 12.3, 151; never more digits than it is worth."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    digits = 2 if size < 10 else 1 if size < 100 else 0  # noqa: PLR2004 - the rule in the docstring
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def unit(name: str) -> str:
    """A unit as people read it; empty for a plain count."""
    if name == "1":
        return ""
    shown = clean(name, 16)
    for code, sign in _DEGREES.items():
        shown = shown.replace(code, sign)
    return shown


def quantity(value: float, unit_name: str) -> str:
    """Value and unit, e.g. `12 ppm`, `4`."""
    return f"{number(value)} {unit(unit_name)}".strip()


def render(incident: Incident, catalogue: Mapping[str, HazardKind], *, lasting: bool = True) -> str:
    """The incident in at most `MAX_BYTES` bytes, the same for the same incident.

    Without `lasting` it does not say for how long: who writes a summary would mix that up with
    what was measured.
    """
    events = by_weight(incident)
    lasted_s = (incident.updated_at - incident.opened_at).total_seconds()
    lines = [f"area {quoted(incident.area)}"]
    if lasting:
        lines[0] += f", lasting {number(max(lasted_s, 0.0))} s"
    if incident.grouped:
        lines[0] += f", {incident.grouped} repeats"
    shown = 0
    for event in events[:MAX_EVENTS]:
        line = _line(event, catalogue)
        more = f"\n- and {len(events) - shown} more findings"
        if shown and len("\n".join([*lines, line]).encode()) + len(more) > MAX_BYTES:
            break
        lines.append(line)
        shown += 1
    if shown < len(events):
        lines.append(f"- and {len(events) - shown} more findings")
    return "\n".join(lines)


def by_weight(incident: Incident) -> list[HazardEvent]:
    """The events: standing ones before cleared ones, the leading kind first."""
    return sorted(
        incident.events,
        key=lambda e: (e.condition is Condition.CLEARED, e.hazard != incident.hazard),
    )


def _line(event: HazardEvent, catalogue: Mapping[str, HazardKind]) -> str:
    kind = catalogue.get(event.hazard)
    name = kind.name["en"] if kind else clean(event.hazard)
    parts = [f"- {name}"]
    if event.condition is not Condition.ACTIVE:
        parts.append(str(event.condition))
    if event.level and event.level not in event.hazard:
        parts.append(f"level {quoted(event.level, 16)}")
    parts.append(f"at {quoted(event.subject)}")
    parts.extend(_measure(item) for item in event.measured[:MAX_MEASURED])
    parts.append(
        {True: "people seen", False: "no people seen", None: "people unknown"}[event.occupied]
    )
    return ", ".join(parts)


def _measure(item: Measured) -> str:
    known = MEASURES.get(item.name)
    text = f"{known['en'] if known else clean(item.name, 20)} {quantity(item.value, item.unit)}"
    if item.threshold is None:
        return text
    return f"{text} (limit {quantity(item.threshold, item.unit)})"
