"""Zones, lines and the ground plane: points in polygons, picture to metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from shapely import prepare
from shapely.geometry import LineString, Point, Polygon

RelativePoint = tuple[float, float]

_APART = 1e-4
"""Nearer points of a line are one point: no screen shows the difference."""


@lru_cache(maxsize=512)
def _polygon(points: tuple[RelativePoint, ...]) -> Polygon:
    polygon = Polygon(points)
    prepare(polygon)
    return polygon


def contains(polygon: Sequence[RelativePoint], point: RelativePoint) -> bool:
    """Whether `point` lies in `polygon` or on its edge (both in relative coordinates 0..1)."""
    return bool(_polygon(tuple(polygon)).covers(Point(point)))


def is_simple(polygon: Sequence[RelativePoint]) -> bool:
    """Whether the polygon has an area and does not cross itself."""
    shape = Polygon(polygon)
    return bool(shape.is_valid and shape.area > 0)


def fault_of_line(points: Sequence[RelativePoint]) -> str:
    """What keeps two or more points from being an open line, with the mend; empty: nothing."""
    if any(math.dist(one, other) < _APART for one, other in pairwise(points)):
        return "two points in a row are alike: take one out"
    if points[0] == points[-1]:
        return "the line ends where it begins: leave it open, or draw a zone"
    if not LineString(points).is_simple:
        return "the line crosses or touches itself: draw it as one way from end to end"
    return ""


def homography(
    picture: Sequence[RelativePoint], ground_m: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float, float], ...]:
    """The 3x3 matrix that maps relative picture points to metres on the ground plane.

    Direct linear transform over at least four point pairs, no three of them in a line
    (R. Hartley, A. Zisserman, Multiple View Geometry, 2nd ed., section 4.1).

    Raises:
        ValueError: with fewer than four pairs, or if the points are degenerate.
    """
    if len(picture) != len(ground_m) or len(picture) < 4:  # noqa: PLR2004
        raise ValueError(f"needs at least 4 point pairs, got {len(picture)} and {len(ground_m)}")
    rows = []
    for (u, v), (x, y) in zip(picture, ground_m, strict=True):
        rows.append([-u, -v, -1, 0, 0, 0, x * u, x * v, x])
        rows.append([0, 0, 0, -u, -v, -1, y * u, y * v, y])
    _, sizes, vectors = np.linalg.svd(np.asarray(rows, dtype=np.float64))
    matrix = vectors[-1].reshape(3, 3)
    if sizes[7] < 1e-9 * sizes[0] or abs(matrix[2, 2]) < 1e-12:  # noqa: PLR2004
        raise ValueError("the calibration points are degenerate: no three may lie in a line")
    matrix = matrix / matrix[2, 2]
    return tuple((float(r[0]), float(r[1]), float(r[2])) for r in matrix)


def to_ground(
    matrix: Sequence[Sequence[float]], point: RelativePoint
) -> tuple[float, float] | None:
    """`point` (relative) in metres on the ground plane, or None at the horizon."""
    x, y, w = (row[0] * point[0] + row[1] * point[1] + row[2] for row in matrix)
    if abs(w) < 1e-9:  # noqa: PLR2004
        return None
    return x / w, y / w
