"""What the builders of rules look up in the site file."""

from __future__ import annotations

import math
from typing import TypeVar

from hazard.errors import ConfigError
from hazard.site.models import Camera, Line, Sensor, Site, Zone
from hazard.site.rules import StaleRule
from hazard.site.sources import FolderSource
from hazard.types import Model, Quality, Reading

ConfigT = TypeVar("ConfigT", bound=Model)

SILENT_AFTER_S = 5.0
"""A camera without a picture for this long sees nothing; longer where it is slower by design."""

DEFAULT_STALE_AFTER_S = 10.0
"""A sensor without a good reading for this long is stale, where no stale rule says otherwise."""


def expect(config: object, model: type[ConfigT], rule_id: str) -> ConfigT:
    """`config` as `model`.

    Raises:
        ConfigError: if a rule's configuration is of another kind than its implementation.
    """
    if not isinstance(config, model):
        raise ConfigError(
            f"rules.{rule_id}: got a {type(config).__name__}, want a {model.__name__}: "
            "the entry point of this kind in hazard.rules leads to another kind's module"
        )
    return config


def camera_of(site: Site, rule_id: str, camera_id: str) -> Camera:
    """The camera that a rule names.

    Raises:
        ConfigError: if there is none of that name.
    """
    camera = site.cameras.get(camera_id)
    if camera is None:
        known = ", ".join(sorted(site.cameras)) or "none"
        raise ConfigError(f"rules.{rule_id}.camera: no camera {camera_id!r}: known are {known}")
    return camera


def zone_of(camera: Camera, rule_id: str, zone: str) -> Zone:
    """The zone that a rule names.

    Raises:
        ConfigError: if its camera has none of that name.
    """
    if zone not in camera.zones:
        known = ", ".join(sorted(camera.zones)) or "none"
        raise ConfigError(f"rules.{rule_id}: its camera has no zone {zone!r}: known are {known}")
    return camera.zones[zone]


def line_of(camera: Camera, rule_id: str, line: str) -> Line:
    """The line that a rule names.

    Raises:
        ConfigError: if its camera has none of that name.
    """
    if line not in camera.lines:
        known = ", ".join(sorted(camera.lines)) or "none"
        raise ConfigError(f"rules.{rule_id}: its camera has no line {line!r}: known are {known}")
    return camera.lines[line]


def sensor_of(site: Site, rule_id: str, sensor_id: str) -> Sensor:
    """The sensor that a rule names.

    Raises:
        ConfigError: if there is none of that name.
    """
    sensor = site.sensors.get(sensor_id)
    if sensor is None:
        known = ", ".join(sorted(site.sensors)) or "none"
        raise ConfigError(f"rules.{rule_id}.sensor: no sensor {sensor_id!r}: known are {known}")
    return sensor


def silent_after_s(camera: Camera) -> float:
    """Seconds without a picture after which a camera sees nothing: three of its own intervals."""
    interval = 1.0 / camera.fps_budget
    if isinstance(camera.source, FolderSource):
        interval = max(interval, camera.source.interval_s)
    return max(SILENT_AFTER_S, 3.0 * interval)


def stale_after_s(site: Site, sensor_id: str) -> float:
    """When a sensor is stale: the shortest time that a stale rule of the site gives it."""
    times = [
        rule.after_s
        for rule in site.rules.values()
        if isinstance(rule, StaleRule) and (not rule.sensors or sensor_id in rule.sensors)
    ]
    return min(times, default=DEFAULT_STALE_AFTER_S)


def usable_value(reading: Reading, unit: str) -> float | None:
    """The reading's value where a rule may look at it at all: a number, in the sensor's unit.

    Bad readings and those in another unit give None: they neither raise nor clear.
    """
    if reading.quality is Quality.BAD or reading.unit != unit or reading.value is None:
        return None
    return reading.value if math.isfinite(reading.value) else None


def confidence_of(reading: Reading) -> float:
    """1.0 for a good reading, 0.5 for an uncertain one."""
    return 1.0 if reading.quality is Quality.GOOD else 0.5
