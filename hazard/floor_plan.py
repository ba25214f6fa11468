"""Where areas, cameras and sensors lie on a picture of the plant."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from hazard.base import Model, Name, Relative, UtcTime
from hazard.geometry import is_simple

Point = tuple[Relative, Relative]
"""Relative to the picture: 0..1 from its top left."""

CORNERS_MOST = 64
PLACED_MOST = 500

Shape = Annotated[tuple[Point, ...], Field(min_length=1, max_length=CORNERS_MOST)]


class Places(Model):
    """What lies where on one plan.

    An area is one point, or the corners of a polygon that does not cross itself.
    """

    areas: dict[Name, Shape] = Field(default_factory=dict, max_length=PLACED_MOST)
    cameras: dict[Name, Point] = Field(default_factory=dict, max_length=PLACED_MOST)
    sensors: dict[Name, Point] = Field(default_factory=dict, max_length=PLACED_MOST)

    @field_validator("areas")
    @classmethod
    def _simple(cls, value: dict[str, tuple[Point, ...]]) -> dict[str, tuple[Point, ...]]:
        for name, corners in value.items():
            if len(corners) == 2:  # noqa: PLR2004 - neither a point nor a polygon
                raise ValueError(f"area {name} has two points: give one, or three or more")
            if len(corners) > 1 and not is_simple(corners):
                raise ValueError(f"area {name} crosses itself or has no size: move its corners")
        return value


class PlanInfo(Model):
    """One plan without its picture."""

    plan_id: str
    name: str
    media_type: str
    width_px: int
    height_px: int
    sha256: str
    places: Places
    changed_at: UtcTime
    changed_by: str
