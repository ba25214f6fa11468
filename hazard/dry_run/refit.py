"""Stored tracks and readings as a site file would see them: its zones, its ground, its limits.

What is stored holds the zones of the site file of that time. Both sides of a dry run see the same
picture with their own polygons drawn on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hazard.geometry import contains, to_ground
from hazard.site.models import Camera, Sensor, Site
from hazard.types import Observation, Quality, Reading, Track

Matrix = tuple[tuple[float, float, float], ...]


class Refit:
    """Makes inputs of one site file out of stored ones.

    Args:
        site: whose zones, calibrations, areas and limits count.
        recorded: under which the readings were judged: the site file as it is.
        zero: the time at which the inputs' monotonic clock is 0.
    """

    def __init__(self, site: Site, recorded: Site, zero: datetime) -> None:
        self._site, self._recorded, self._zero = site, recorded, zero
        self._matrices: dict[str, Matrix] = {
            name: camera.calibration.matrix()
            for name, camera in site.cameras.items()
            if camera.calibration is not None
        }

    def observation(self, seen: Observation) -> Observation | None:
        """As the site's camera would have reported it; None if the site has no such camera."""
        camera = self._site.cameras.get(seen.camera_id)
        if camera is None:
            return None
        at_s = (seen.captured_at - self._zero).total_seconds()
        matrix = self._matrices.get(seen.camera_id)
        return seen.model_copy(
            update={
                "area": camera.area,
                "captured_monotonic_s": at_s,
                "detected_at": seen.captured_at,
                "detected_monotonic_s": at_s,
                "tracks": tuple(_tracks(camera, matrix, seen.tracks)),
            }
        )

    def reading(self, read: Reading) -> Reading | None:
        """As the site's sensor would have given it; None if the site has no such sensor."""
        sensor = self._site.sensors.get(read.sensor_id)
        if sensor is None:
            return None
        recorded = self._recorded.sensors.get(read.sensor_id)
        quality = read.quality
        if _outside(sensor, read.value):
            quality = Quality.BAD
        elif recorded is not None and _outside(recorded, read.value):
            quality = Quality.GOOD
        return read.model_copy(
            update={
                "area": sensor.area,
                "quantity": sensor.quantity,
                "unit": sensor.unit,
                "quality": quality,
                "received_at": read.measured_at,
                "received_monotonic_s": (read.measured_at - self._zero).total_seconds(),
            }
        )


def _tracks(camera: Camera, matrix: Matrix | None, tracks: tuple[Track, ...]) -> Iterator[Track]:
    for track in tracks:
        if track.confidence < camera.min_confidence:
            continue
        yield track.model_copy(
            update={
                "zones": tuple(
                    name
                    for name, zone in camera.zones.items()
                    if contains(zone.polygon, track.foot)
                ),
                "ground_m": None if matrix is None else to_ground(matrix, track.foot),
            }
        )


def _outside(sensor: Sensor, value: float | None) -> bool:
    if value is None:
        return False
    below = sensor.minimum is not None and value < sensor.minimum
    return below or (sensor.maximum is not None and value > sensor.maximum)
