"""Sensor sources: where readings come from, one module per protocol.

A protocol is found by its entry point in the group `hazard.sensors`: its name is the `kind` of a
sensor's source in the site file, its value a function
`build(site, sensors) -> list[SensorSource]` that gets all sensors of that kind at once, so that
they can share a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from hazard.errors import ConfigError
from hazard.ports import SensorSource
from hazard.site.models import Sensor, Site

GROUP = "hazard.sensors"

Builder = Callable[[Site, Mapping[str, Sensor]], list[SensorSource]]


def build_sensor_sources(site: Site) -> list[SensorSource]:
    """All sources of the site's sensors, none of them started.

    Two builds of the same configuration give sources that compare equal, so that a reload need
    restart only those that changed.

    Raises:
        ConfigError: if a kind has no implementation, or a source names what does not exist.
    """
    by_kind: dict[str, dict[str, Sensor]] = {}
    for name, sensor in site.sensors.items():
        by_kind.setdefault(sensor.source.kind, {})[name] = sensor
    found = {point.name: point for point in entry_points(group=GROUP)}
    sources: list[SensorSource] = []
    for kind, sensors in by_kind.items():
        if kind not in found:
            known = ", ".join(sorted(found)) or "none"
            raise ConfigError(
                f"sensors.{next(iter(sensors))}.source.kind: no implementation of {kind!r}: "
                f"installed are {known}; install the package that brings it"
            )
        build: Builder = found[kind].load()
        sources += build(site, sensors)
    return sources
