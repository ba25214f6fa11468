"""Charts of figures as numbers for SVG; templates make the elements, labels stay text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hazard.reports.parts import Chart, number

HEIGHT = 100.0
GAP = 0.2
"""Between columns, as a share of a column's place."""
LABELS = 6
"""Labels that stand under columns."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One rectangle; `text` says what it stands for."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One horizontal bar: its label, its pieces (0 to 100 wide), its value."""

    label: str
    pieces: tuple[Piece, ...]
    value: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart ready to be drawn."""

    chart: Chart
    width: int
    pieces: tuple[Piece, ...]
    lines: tuple[Line, ...]
    most: str
    labels: tuple[str, ...]


def drawing(chart: Chart, language: str) -> Drawing:
    """The chart in a box of `width` by 100, or as bars of 100 by 1."""
    columns = chart.kind == "columns"
    return Drawing(
        chart=chart,
        width=max(1, len(chart.labels)),
        pieces=tuple(_columns(chart, language)) if columns else (),
        lines=() if columns else tuple(_bars(chart, language)),
        most=number(chart.most, language),
        labels=_thinned(chart.labels),
    )


def _columns(chart: Chart, language: str) -> Iterator[Piece]:
    for at, (label, values) in enumerate(zip(chart.labels, chart.values, strict=True)):
        top = HEIGHT
        for series, value in zip(chart.series, values, strict=True):
            if value <= 0:
                continue
            height = HEIGHT * value / chart.most
            top -= height
            text = f"{label}: {series.name} {number(value, language)}"
            yield Piece(at + GAP / 2, round(top, 3), 1 - GAP, round(height, 3), series.tone, text)


def _bars(chart: Chart, language: str) -> Iterator[Line]:
    for label, values in zip(chart.labels, chart.values, strict=True):
        pieces, at = [], 0.0
        for series, value in zip(chart.series, values, strict=True):
            if value <= 0:
                continue
            width = 100 * value / chart.most
            text = f"{label}: {series.name} {number(value, language)}"
            pieces.append(Piece(round(at, 3), 0, round(width, 3), 1, series.tone, text))
            at += width
        yield Line(label, tuple(pieces), number(sum(values), language))


def _thinned(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(labels) <= LABELS:
        return labels
    step = (len(labels) - 1) / (LABELS - 1)
    return tuple(labels[round(at * step)] for at in range(LABELS))
