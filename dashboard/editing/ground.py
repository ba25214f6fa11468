"""How well a calibration fits: its error in metres, and the ground's grid drawn on the picture.

The matrix is the agent's own (`hazard.geometry`), so that what is drawn is what it measures with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat

from hazard.base import Relative
from hazard.geometry import homography, to_ground
from hazard.types import Model

LINES = 12
"""Lines of the grid in each direction, at most."""
SAMPLES = 24
"""Points of each line."""
MARGIN = 0.5
"""How far the grid goes beyond the points, in parts of their extent."""
OUTSIDE = 0.25
"""How far a line is followed outside of the picture, in parts of its size."""

Place = tuple[float, float]
PicturePoint = tuple[Relative, Relative]
GroundPoint = tuple[
    Annotated[FiniteFloat, Field(ge=-10_000, le=10_000)],
    Annotated[FiniteFloat, Field(ge=-10_000, le=10_000)],
]


class GroundPoints(Model):
    """Points of the picture and where they lie on the ground, in metres."""

    picture: tuple[PicturePoint, ...] = Field(min_length=4, max_length=64)
    ground_m: tuple[GroundPoint, ...] = Field(min_length=4, max_length=64)


class GroundFit(Model):
    """How a calibration fits.

    Attributes:
        errors_m: of each point, between where it was said to lie and where the matrix puts it.
        lines: of the ground's grid, as relative points of the picture.
    """

    errors_m: tuple[float, ...]
    rms_m: float = Field(description="root mean square of the errors")
    exact: bool = Field(description="four points always fit exactly: the error says nothing then")
    step_m: float = Field(description="metres between two lines of the grid")
    lines: tuple[tuple[Place, ...], ...]
    matrix: tuple[tuple[float, float, float], ...] = Field(
        description="from relative points of the picture to metres"
    )


def fit(points: GroundPoints) -> GroundFit:
    """The error of each point and the grid.

    Raises:
        ValueError: if the two lists differ in length or the points are degenerate.
    """
    matrix = homography(points.picture, points.ground_m)
    errors = []
    for picture, ground in zip(points.picture, points.ground_m, strict=True):
        seen = to_ground(matrix, picture)
        if seen is None:
            raise ValueError("a point lies on the horizon: choose points of the ground")
        errors.append(math.dist(seen, ground))
    if not math.isfinite(sum(errors)):
        raise ValueError("the points are too close together: spread them over the floor")
    step_m, lines = _grid(matrix, points.ground_m)
    return GroundFit(
        errors_m=tuple(round(error, 4) for error in errors),
        rms_m=round(math.sqrt(sum(error**2 for error in errors) / len(errors)), 4),
        exact=len(errors) == 4,  # noqa: PLR2004 - what a homography needs
        step_m=step_m,
        lines=lines,
        matrix=matrix,
    )


def _grid(
    matrix: Sequence[Sequence[float]], ground_m: Sequence[Place]
) -> tuple[float, tuple[tuple[Place, ...], ...]]:
    inverse = np.linalg.inv(np.asarray(matrix))
    # The sign of the scale on the side of the ground that the points lie on: beyond the horizon it
    # is the other.
    centre = np.mean(np.asarray(ground_m), axis=0)
    side = math.copysign(1.0, float(inverse[2] @ np.array([*centre, 1.0])))
    (x0, x1), (y0, y1) = (_span([point[axis] for point in ground_m]) for axis in (0, 1))
    step = _step(max(x1 - x0, y1 - y0) / LINES)
    lines = []
    for at in _marks(x0, x1, step):
        lines += _drawn(inverse, side, [(at, y) for y in np.linspace(y0, y1, SAMPLES)])
    for at in _marks(y0, y1, step):
        lines += _drawn(inverse, side, [(x, at) for x in np.linspace(x0, x1, SAMPLES)])
    return step, tuple(lines)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * MARGIN
    return low - margin, high + margin


def _step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(raw, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _marks(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _drawn(
    inverse: np.ndarray, side: float, line: Sequence[tuple[float, float]]
) -> list[tuple[Place, ...]]:
    """The parts of a line of the ground that lie in or near the picture."""
    parts: list[list[Place]] = [[]]
    for x, y in line:
        u, v, w = (float(value) for value in inverse @ np.array([x, y, 1.0]))
        near = w * side > 1e-9 and all(  # noqa: PLR2004 - the horizon
            -OUTSIDE <= value / w <= 1 + OUTSIDE for value in (u, v)
        )
        if near:
            parts[-1].append((round(u / w, 4), round(v / w, 4)))
        elif parts[-1]:
            parts.append([])
    return [tuple(part) for part in parts if len(part) > 1]
