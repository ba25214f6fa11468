"""Conversion of a reading's unit to the one that the site file names.

Only exact conversions that need no knowledge of pressure or temperature. mg/m3 to ppm is not
among them: it depends on the gas and on both.
"""

from __future__ import annotations

from typing import NamedTuple


class Linear(NamedTuple):
    """value * factor + offset."""

    factor: float
    offset: float = 0.0


_ALIASES = {
    "°c": "degC",
    "c": "degC",
    "degc": "degC",
    "°f": "degF",
    "f": "degF",
    "degf": "degF",
    "k": "K",
    "ppm": "ppm",
    "ppb": "ppb",
    "%vol": "%vol",
    "vol%": "%vol",
    "%lel": "%LEL",
}

_TABLE: dict[tuple[str, str], Linear] = {
    ("degF", "degC"): Linear(5 / 9, -160 / 9),
    ("K", "degC"): Linear(1.0, -273.15),
    ("degC", "degF"): Linear(9 / 5, 32.0),
    ("degC", "K"): Linear(1.0, 273.15),
    ("%vol", "ppm"): Linear(1e4),
    ("ppb", "ppm"): Linear(1e-3),
    ("ppm", "ppb"): Linear(1e3),
    ("ppm", "%vol"): Linear(1e-4),
}


def canonical(unit: str) -> str:
    """The product's spelling of a unit; an unknown one as it is."""
    return _ALIASES.get(unit.strip().lower(), unit.strip())


def convert(value: float, unit: str, wanted: str) -> float | None:
    """`value` in the unit `wanted`, or None where there is no exact conversion."""
    source, target = canonical(unit), canonical(wanted)
    if source == target:
        return value
    rule = _TABLE.get((source, target))
    return None if rule is None else value * rule.factor + rule.offset
