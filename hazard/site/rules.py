"""Configuration of hazard rules, one model per rule kind.

The implementation of kind K is found by the entry point `hazard.rules` of the same name.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hazard.types import Model, Name

MOST_S = 86400
"""Seconds that a rule waits, at most: a day."""
Wait = Annotated[float, Field(ge=0, le=MOST_S)]
Span = Annotated[float, Field(gt=0, le=MOST_S)]
SensorValue = Annotated[float, Field(ge=-1e12, le=1e12)]
"""A value in a sensor's unit."""
Band = Annotated[float, Field(ge=0, le=1e12)]


class RestrictedZoneRule(Model):
    """A person stands in a zone longer than allowed."""

    kind: Literal["restricted_zone"]
    hazard: Name = "person_in_restricted_zone"
    camera: Name
    zone: Name
    labels: tuple[str, ...] = ("person",)
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    dwell_s: Wait = Field(default=1.0, description="time in the zone before it counts")
    clear_after_s: Span = Field(
        default=3.0, description="zone seen empty by a healthy camera before it clears"
    )


class LineRule(Model):
    """Somebody or something crosses a line."""

    kind: Literal["line"]
    hazard: Name = "person_in_restricted_zone"
    camera: Name
    line: Name
    direction: Literal["either", "left", "right"] = Field(
        default="either",
        description="side to which it must be crossed, seen walking from its first point on",
    )
    labels: tuple[str, ...] = ("person",)
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    clear_after_s: Span = Field(
        default=10.0, description="seen uncrossed by a healthy camera before it clears"
    )


class VehicleProximityRule(Model):
    """A person is closer to a vehicle than allowed.

    On a calibrated camera the distance is between ground points in metres; without calibration
    `distance_m` is estimated from the person's height in the picture (1.7 m) and said so.
    """

    kind: Literal["vehicle_proximity"]
    hazard: Name = "person_near_vehicle"
    camera: Name
    person_labels: tuple[str, ...] = ("person",)
    vehicle_labels: tuple[str, ...] = ("car", "truck", "bus", "motorcycle", "train")
    vehicle_zone: Name | None = Field(
        default=None,
        description="zone in which a parked or working vehicle stands, when it is not detected",
    )
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    distance_m: float = Field(default=2.0, gt=0, le=1000)
    dwell_s: Wait = 0.5
    clear_after_s: Span = 3.0


class CrowdingRule(Model):
    """More people than allowed in a zone, or in the whole picture."""

    kind: Literal["crowding"]
    hazard: Name = "crowding"
    camera: Name
    zone: Name | None = None
    labels: tuple[str, ...] = ("person",)
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    people: int = Field(ge=1, le=100_000, description="raised when more than this many are seen")
    dwell_s: Wait = 2.0
    clear_after_s: Span = 5.0


class FireSmokeRule(Model):
    """Flames or smoke seen in several of the last frames."""

    kind: Literal["fire_smoke"]
    hazard: Name = Field(default="fire", description="fire or smoke")
    camera: Name
    label: str = Field(default="fire", description="label of the detector, e.g. fire or smoke")
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    frames: int = Field(
        default=4, ge=1, le=1000, description="frames of the window that must show it"
    )
    window: int = Field(default=8, ge=1, le=1000, description="number of last frames looked at")
    clear_after_s: Span = 10.0


class CameraHealthRule(Model):
    """A camera is dark, frozen or offline: its area is not watched."""

    kind: Literal["camera_health"]
    cameras: tuple[Name, ...] = Field(default=(), description="empty: all cameras")
    dark_after_s: Wait = 3.0
    frozen_after_s: Wait = 5.0
    offline_after_s: Wait = 5.0
    clear_after_s: Span = 3.0


class Level(Model):
    """One threshold of a sensor rule."""

    name: Name = Field(description="alarm, high, idlh…; the severity policy knows it by this name")
    at: SensorValue = Field(description="in the sensor's unit")


class ThresholdRule(Model):
    """A sensor is above (or below) one of its levels."""

    kind: Literal["threshold"]
    hazard: Name = Field(description="toxic_gas, flammable_gas, overtemperature…")
    sensor: Name
    direction: Literal["above", "below"] = "above"
    levels: tuple[Level, ...] = Field(min_length=1, description="from mild to worst")
    deadband: Band = Field(default=0.0, description="in the sensor's unit")
    on_delay_s: Wait = 0.0
    off_delay_s: Wait = 5.0

    @model_validator(mode="after")
    def _levels_in_order(self) -> Self:
        values = [level.at for level in self.levels]
        ordered = sorted(values, reverse=self.direction == "below")
        if values != ordered or len(set(values)) != len(values):
            raise ValueError(f"levels must go from mild to worst ({self.direction}), got {values}")
        return self


class RateRule(Model):
    """A sensor changes faster than allowed."""

    kind: Literal["rate"]
    hazard: Name
    sensor: Name
    above_per_min: float = Field(gt=0, le=1e12, description="in the sensor's unit per minute")
    window_s: Span = 10.0
    deadband_per_min: Band = 0.0
    on_delay_s: Wait = Field(default=0.0, description="seconds that it must rise so fast")
    off_delay_s: Wait = 5.0


class StaleRule(Model):
    """A sensor has sent nothing good for too long: its area is not watched."""

    kind: Literal["stale"]
    hazard: Name = "sensor_stale"
    sensors: tuple[Name, ...] = Field(default=(), description="empty: all sensors")
    after_s: float = Field(default=10.0, gt=0, le=604_800)


class ExposureRule(Model):
    """People are (or may be) where a gas is above its alarm level: fuses sensor and camera.

    Unknown occupancy (no camera, or none that sees) counts as occupied.
    """

    kind: Literal["exposure"]
    hazard: Name = "toxic_gas_exposure"
    sensor: Name
    at: SensorValue = Field(description="in the sensor's unit")
    deadband: Band = 0.0
    cameras: tuple[Name, ...] = Field(default=(), description="empty: all cameras of the area")
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    seen_within_s: Span = Field(default=10.0, description="how long a sighting counts")
    off_delay_s: Wait = 5.0


RuleConfig = Annotated[
    RestrictedZoneRule
    | LineRule
    | VehicleProximityRule
    | CrowdingRule
    | FireSmokeRule
    | CameraHealthRule
    | ThresholdRule
    | RateRule
    | StaleRule
    | ExposureRule,
    Field(discriminator="kind"),
]
