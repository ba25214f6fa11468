"""A quantity as a person reads it, said in one place.

It has the digits that it is worth, its unit's sign and the reader's language's signs. Programs get
numbers and unit codes as they are (API, CSV, MQTT).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from babel.numbers import format_decimal

SIGNIFICANT = 3
"""Digits of a measured value. Whole ones are never taken away: 1234.6 is said as 1235."""
DECIMALS = 6
"""No number is said with more."""
_HUGE = 1e9
_UNKNOWN: Mapping[str, str] = {
    "en": "unknown",
    "fr": "inconnue",
    "de": "unbekannt",
    "es": "desconocido",
    "it": "sconosciuto",
}
_SIGNS: Mapping[str, str] = {
    "": "",
    "1": "",
    "degC": "°C",
    "degF": "°F",
    "deg": "°",
    "ohm": "Ω",
    "kohm": "kΩ",
    "Mohm": "MΩ",
    "%vol": "% vol",
}
_OWN_SIGNS: Mapping[str, Mapping[str, str]] = {
    "%LEL": {"en": "% LEL", "fr": "% LIE", "de": "% UEG", "es": "% LIE", "it": "% LIE"},
    "rpm": {"en": "rpm", "fr": "tr/min", "de": "U/min", "es": "rpm", "it": "giri/min"},
}
"""Units that each language writes in its own way."""
_PER: Mapping[str, str] = {"en": "in", "fr": "en", "de": "in", "es": "en", "it": "in"}
"""Of a count in a time, unit `/10 min`: 11 in 10 min."""
_POWER = re.compile(r"(?<=m)[23]$|(?<=s)2$")
_MICRO = re.compile(r"[uμ](?=(?:m|g|s|A|V|W|S|F|H|l|L|Pa|Sv|Gy|mol|bar)[23]?$)")
_RAISED = {"2": "²", "3": "³"}


def number(value: float, language: str, *, limit: float | None = None) -> str:
    """A measured value with the digits that it is worth: 0.6, 14.8, 125.

    With `limit` it gets one more where rounding would move it to the limit, or beyond.
    """
    if not math.isfinite(value):
        return _UNKNOWN[language]
    size = abs(value)
    if size >= _HUGE:
        return f"{value:.0e}"
    places = 0 if size == 0 else SIGNIFICANT - 1 - math.floor(math.log10(size))
    places = min(max(places, 0), DECIMALS)
    if limit is not None:
        hidden = _side(round(value, places), limit) != _side(value, limit)
        places = min(places + hidden, DECIMALS)
    return _decimal(value, places, language)


def exact(value: float, language: str) -> str:
    """A number that somebody has set, such as a limit: all its digits, at most six decimals."""
    if not math.isfinite(value) or abs(value) >= _HUGE:
        return number(value, language)
    return _decimal(value, DECIMALS, language)


def sign(unit: str, language: str) -> str:
    """A unit as people write it: `degC` is °C, `ug/m3` µg/m³; empty for a plain count.

    What is not known stays as it is.
    """
    if unit in _SIGNS:
        return _SIGNS[unit]
    if unit.startswith("/"):
        return f"{_PER[language]} {unit[1:]}"
    return "/".join(_part(part, language) for part in unit.split("/"))


def quantity(value: float, unit: str, language: str, *, limit: float | None = None) -> str:
    """A measured value with its unit's sign: `14.8 ppm`, `125 °C`, `6`."""
    said = number(value, language, limit=limit)
    return f"{said} {sign(unit, language)}".strip() if math.isfinite(value) else said


def _part(part: str, language: str) -> str:
    if part in _OWN_SIGNS:
        return _OWN_SIGNS[part][language]
    if part in _SIGNS:
        return _SIGNS[part] or part
    return _POWER.sub(lambda found: _RAISED[found[0]], _MICRO.sub("µ", part))


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)


def _decimal(value: float, places: int, language: str) -> str:
    """Without signs between thousands: 1.234 is more than a thousand in one language of five."""
    rounded = round(value, places) or 0.0  # no "-0"
    pattern = "0." + "#" * places if places else "0"
    return str(format_decimal(rounded, format=pattern, locale=language))
