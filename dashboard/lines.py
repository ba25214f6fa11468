"""A camera's lines as they are drawn over its picture, with arrows to where rules look.

Templates turn them into SVG elements; no markup is made here.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hazard.site.models import Site
from hazard.site.rules import LineRule

LINES = 64
ARROW = 1 / 16
"""Of the picture's width."""

Pixels = tuple[float, float]
Side = Literal["left", "right"]
_SIDES: tuple[Side, ...] = ("left", "right")


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line: points for an SVG polyline, its name and where to write it.

    Attributes:
        arrows: SVG points of each arrow: one for each side to which crossing it raises.
    """

    points: str
    name: str
    x: float
    y: float
    arrows: tuple[str, ...]
    concerned: bool


def strokes(
    site: Site, camera_id: str, width: int, height: int, concerned: Collection[str] = ()
) -> tuple[Stroke, ...]:
    """The camera's lines in pixels of its picture, those of `concerned` marked."""
    camera = site.cameras.get(camera_id)
    found: list[Stroke] = []
    for name, line in list(camera.lines.items())[:LINES] if camera else ():
        points = [(x * width, y * height) for x, y in line.points]
        arrows = [_arrow(points, side, width * ARROW) for side in sides(site, camera_id, name)]
        x, y = points[0]
        found.append(
            Stroke(_text(points), name, round(x, 1), round(y, 1), tuple(arrows), name in concerned)
        )
    return tuple(found)


def sides(site: Site, camera_id: str, line: str) -> tuple[Side, ...]:
    """`left` and `right` where a rule raises when the line is crossed to that side."""
    asked = {
        rule.direction
        for rule in site.rules.values()
        if isinstance(rule, LineRule) and rule.camera == camera_id and rule.line == line
    }
    return tuple(side for side in _SIDES if asked & {side, "either"})


def _arrow(points: list[Pixels], side: Side, length: float) -> str:
    """From the middle of the line's longest step straight away to its left or right."""
    start, end = max(pairwise(points), key=lambda step: math.dist(*step))
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    far = math.dist(start, end)
    along_x, along_y = (end[0] - start[0]) / far, (end[1] - start[1]) / far
    away_x, away_y = (-along_y, along_x) if side == "right" else (along_y, -along_x)

    def place(away: float, along: float) -> Pixels:
        return (
            x + length * (away * away_x + along * along_x),
            y + length * (away * away_y + along * along_y),
        )

    tip = place(1, 0)
    return _text([(x, y), tip, place(0.6, -0.3), tip, place(0.6, 0.3)])


def _text(points: list[Pixels]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
