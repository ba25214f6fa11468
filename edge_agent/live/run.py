"""All live checks of a site, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.live.brokers import check_broker
from edge_agent.live.cameras import check_camera
from edge_agent.live.database import check_database
from edge_agent.live.places import (
    check_data_folder,
    check_ports,
    check_recordings,
    check_weights,
)
from edge_agent.live.result import Check, ok
from hazard.site.models import Site
from hazard.site.sources import MqttSensorSource


def live_checks(
    site: Site,
    *,
    data_dir: Path,
    models_dir: Path,
    camera_s: float = 10.0,
    reading_s: float = 10.0,
) -> Iterator[Check]:
    """Try everything that the site names; each check ends within its limit."""
    for name, camera in site.cameras.items():
        yield check_camera(name, camera, limit_s=camera_s)
    for name, broker in site.mqtt.brokers.items():
        carried = {
            sensor_name: sensor
            for sensor_name, sensor in site.sensors.items()
            if isinstance(sensor.source, MqttSensorSource) and sensor.source.broker == name
        }
        yield from check_broker(name, broker, carried, reading_s=reading_s)
    if site.mqtt.embedded:
        yield ok("broker plant", "is the packaged one: it starts with the agent")
    yield from check_recordings(site)
    yield from check_weights(site, models_dir)
    if site.store.replica_url is not None:
        yield check_database(site.store.replica_url)
    yield from check_ports(site)
    yield check_data_folder(site, data_dir)
