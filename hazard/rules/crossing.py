"""Whether somebody on their way has crossed a line: geometry in pixels of the picture, no time.

A line is an open polyline. It has a left and a right side, as seen by somebody who walks on it from
its first to its last point; whoever passes beyond one of its ends has not crossed it.

Feet tremble in pictures by a few percent of a box's height. So a crossing counts only between two
places that are clear of the line, `CLEAR_HEIGHTS` of the box's height away from it: on one side,
then on the other. Counting pictures would not do instead: somebody who stands on the line is seen
twice in a row on either side sooner or later, the sooner the faster the camera.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

CLEAR_HEIGHTS = 0.1
"""Of the box's height; 17 cm where that is a person of 1.7 m."""

Pixels = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody has come to where they are.

    Attributes:
        foot_px: where they are.
        sided: whether they have ever been clear of the line: before that they are on no side.
        net: crossings since they were clear of it last, those to the right positive; one back
            cancels one out.
    """

    foot_px: Pixels
    sided: bool
    net: int = 0


def begin(foot_px: Pixels, height_px: float, line: Sequence[Pixels]) -> Way:
    """Somebody is seen for the first time."""
    return Way(foot_px, sided=_clear(foot_px, height_px, line))


def go(way: Way, foot_px: Pixels, height_px: float, line: Sequence[Pixels]) -> tuple[Way, int]:
    """The way straight on to `foot_px`, and what came of it.

    1: they have crossed the line to its right, -1: to its left, 0: neither, or not yet.
    """
    net = way.net + _crossings(way.foot_px, foot_px, line) if way.sided else 0
    if not _clear(foot_px, height_px, line):
        return Way(foot_px, sided=way.sided, net=net), 0
    return Way(foot_px, sided=True), (net > 0) - (net < 0)


def _clear(point: Pixels, height_px: float, line: Sequence[Pixels]) -> bool:
    away_px = min(_distance_px(point, start, end) for start, end in pairwise(line))
    return away_px > 0 and away_px >= CLEAR_HEIGHTS * height_px


def _distance_px(point: Pixels, start: Pixels, end: Pixels) -> float:
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = ((point[0] - start[0]) * along_x + (point[1] - start[1]) * along_y) / (
        along_x**2 + along_y**2
    )
    share = min(1.0, max(0.0, share))
    return math.dist(point, (start[0] + share * along_x, start[1] + share * along_y))


def _crossings(before: Pixels, now: Pixels, line: Sequence[Pixels]) -> int:
    """Net crossings of a straight step.

    A point on a line counts as right of it, here and there: who steps onto the line and on, or
    through one of its corners, crosses it once.
    """
    net = 0
    for start, end in pairwise(line):
        was_right, is_right = _right(start, end, before), _right(start, end, now)
        if was_right != is_right and _right(before, now, start) != _right(before, now, end):
            net += 1 if is_right else -1
    return net


def _right(start: Pixels, end: Pixels, point: Pixels) -> bool:
    """Whether the point is right of the way from start to end; a picture's y points down."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    return along_x * (point[1] - start[1]) - along_y * (point[0] - start[0]) >= 0
