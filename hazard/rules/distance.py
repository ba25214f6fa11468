"""How far a person is from a vehicle, in metres.

On a calibrated camera it is measured on the ground plane. Otherwise it is estimated: the person's
box is taken to be 1.7 m high, which gives metres per pixel at the person's feet. Depth is
foreshortened in a picture, so that the estimate is too short rather than too long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from hazard.geometry import RelativePoint, to_ground
from hazard.types import Observation, Track

PERSON_HEIGHT_M = 1.7
"""Mean stature of adults, rounded (EN ISO 7250-3 gives 1.61 to 1.75 m for European 50th
percentiles of both sexes)."""

Matrix = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance in metres, and whether it was estimated from the picture."""

    metres: float
    estimated: bool


def to_vehicle(
    person: Track, vehicle: Track, seen: Observation, matrix: Matrix | None
) -> Distance | None:
    """From the person's foot point to the vehicle's footprint, or None where it is unknown.

    On the ground the footprint is the lower edge of the vehicle's box; in the picture it is the
    lower half of the box.
    """
    left, top, right, bottom = vehicle.xyxy
    if matrix is not None and person.ground_m is not None:
        corners = [
            to_ground(matrix, (x / seen.width_px, bottom / seen.height_px)) for x in (left, right)
        ]
        ends = [corner for corner in corners if corner is not None]
        if len(ends) == len(corners):
            return _measured(person.ground_m, LineString(ends))
    return _estimated(person, box(left, (top + bottom) / 2, right, bottom))


def to_polygon(
    person: Track, polygon: Sequence[RelativePoint], seen: Observation, matrix: Matrix | None
) -> Distance | None:
    """From the person's foot point to a zone of the picture (0 inside), or None if unknown."""
    if matrix is not None and person.ground_m is not None:
        corners = [to_ground(matrix, point) for point in polygon]
        ground = [corner for corner in corners if corner is not None]
        if len(ground) == len(corners):
            return _measured(person.ground_m, Polygon(ground))
    pixels = [(x * seen.width_px, y * seen.height_px) for x, y in polygon]
    return _estimated(person, Polygon(pixels))


def _measured(point: tuple[float, float], shape: BaseGeometry) -> Distance | None:
    metres = float(shape.distance(Point(point)))
    return Distance(metres, estimated=False) if math.isfinite(metres) else None


def _estimated(person: Track, shape: BaseGeometry) -> Distance | None:
    left, top, right, bottom = person.xyxy
    height = bottom - top
    if not (math.isfinite(height) and height > 0 and math.isfinite(left + right)):
        return None
    metres = float(shape.distance(Point((left + right) / 2, bottom))) * PERSON_HEIGHT_M / height
    return Distance(metres, estimated=True) if math.isfinite(metres) else None
