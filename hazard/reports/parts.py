"""Parts of a report: sections with sentences, a chart and a table; numbers in a language.

A page, a PDF and a CSV file are made from the same parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from babel.dates import format_date
from babel.numbers import format_decimal

from hazard.figures import Rate
from hazard.reports.words import word
from hazard.types import Severity

Value = str | int | float | date | Rate | Severity | None
Kind = Literal["text", "number", "seconds", "rate", "severity"]

NOTHING = TO = "\N{EN DASH}"
"""Stands where there is no value, and between the ends of an interval."""

MINUTE_S, HOUR_S = 60, 3600


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `digits` after the decimal point at most."""

    title: str
    kind: Kind = "text"
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values.

    Attributes:
        about: hazard kind and area that each row counts, "" for all; empty: rows are no alarms.
        about_column: the column that names them.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    about: tuple[tuple[str, str], ...] = ()
    about_column: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour of a chart stands for: a severity, or `plain`."""

    name: str
    tone: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked columns over time, or horizontal bars; one row of values for each label."""

    kind: Literal["columns", "bars"]
    series: tuple[Series, ...]
    labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    @property
    def most(self) -> float:
        """The highest stack, at least 1."""
        return max((sum(row) for row in self.values), default=0.0) or 1.0


@dataclass(frozen=True, slots=True)
class Section:
    """One subject: what the figures mean and what to do, drawn, and as a table."""

    key: str
    title: str
    sentences: tuple[str, ...]
    table: Table
    chart: Chart | None = None
    source: str = ""


def number(value: float, language: str, digits: int = 1) -> str:
    """A number as the language writes it."""
    return str(format_decimal(round(value, digits), format="#,##0.###", locale=language))


def calendar(language: str) -> str:
    """The locale whose dates the language has here: English is that of Europe, day before month."""
    return "en_GB" if language == "en" else language


def day_text(day: date, language: str) -> str:
    """A day in figures as the language writes it."""
    return str(format_date(day, format="short", locale=calendar(language)))


def duration(seconds: float) -> str:
    """A duration in hours, minutes, seconds: two of them at most."""
    rest = round(seconds)
    if rest < 2 * MINUTE_S:
        return f"{rest} s"
    if rest < 2 * HOUR_S:
        minutes, rest = divmod(rest, MINUTE_S)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(rest, HOUR_S)
    return f"{hours} h {rest // MINUTE_S} min" if rest >= MINUTE_S else f"{hours} h"


def show(value: Value, column: Column, language: str) -> str:
    """A cell as people read it."""
    if isinstance(value, Severity):
        return word("severity", value.value, language)
    if isinstance(value, str):
        return value
    if isinstance(value, Rate):
        return _rate(value, language)
    if isinstance(value, date):
        return day_text(value, language)
    if value is None:
        return NOTHING
    seconds = column.kind == "seconds"
    return duration(value) if seconds else number(value, language, column.digits)


def _rate(value: Rate, language: str) -> str:
    if value.percent is None or value.low_percent is None or value.high_percent is None:
        return NOTHING
    low, high = (number(each, language, 0) for each in (value.low_percent, value.high_percent))
    return f"{number(value.percent, language, 0)} [{low}{TO}{high}]"


def plain_rows(table: Table) -> list[list[str]]:
    """The table for a program: head and rows, numbers with a point, a rate in three columns."""
    head: list[str] = []
    for column in table.columns:
        unit = " (s)" if column.kind == "seconds" else ""
        head.append(column.title + unit)
        if column.kind == "rate":
            head += [f"{column.title} (95 % from)", f"{column.title} (95 % to)"]
    return [head, *(_plain(row) for row in table.rows)]


def _plain(row: tuple[Value, ...]) -> list[str]:
    cells: list[str] = []
    for value in row:
        match value:
            case Rate():
                shares = (value.percent, value.low_percent, value.high_percent)
                cells += ["" if share is None else str(share) for share in shares]
            case None:
                cells.append("")
            case Severity():
                cells.append(value.value)
            case date():
                cells.append(value.isoformat())
            case str():
                # A program that calculates must not take a name from outside for a formula.
                cells.append(
                    f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
                )
            case _:
                cells.append(str(value))
    return cells
