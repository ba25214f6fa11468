"""The sensors' readings around an incident, with the limits of the site's rules."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from pydantic import Field

from hazard.site.models import Site
from hazard.site.rules import ExposureRule, ThresholdRule
from hazard.store.queries import Queries, ReadingPoint
from hazard.types import AlertMessage, Model, Quality, UtcTime

BEFORE = timedelta(seconds=90)
AFTER = timedelta(seconds=90)
SPAN_MAX = timedelta(minutes=15)
"""From BEFORE the first finding to AFTER the last, at most this long."""
SENSORS = 4
POINTS = 2000


class Limit(Model):
    """A threshold, in the sensor's unit."""

    name: str
    at: float


class Reading(Model):
    """One reading; a value that is no number is left out of drawings."""

    at: UtcTime
    value: float | None
    quality: Quality


class Series(Model):
    """One sensor around the incident."""

    sensor_id: str
    quantity: str
    unit: str
    since: UtcTime
    until: UtcTime
    raised_at: UtcTime
    limits: tuple[Limit, ...] = Field(description="of the site's rules as they are now")
    readings: tuple[Reading, ...] = Field(description="oldest first, at most two a second")

    @property
    def doubtful(self) -> int:
        """Readings of uncertain or bad quality."""
        return sum(reading.quality is not Quality.GOOD for reading in self.readings)

    @property
    def highest(self) -> float | None:
        """The highest value, None without any."""
        return max(self._values(), default=None)

    @property
    def last(self) -> float | None:
        """The newest value, None without any."""
        return next(iter(self._values()[::-1]), None)

    @property
    def sampled(self) -> tuple[Reading, ...]:
        """At most 40 of them, evenly, for a table: the highest is among them."""
        step = max(1, math.ceil(len(self.readings) / 40))
        kept = set(range(0, len(self.readings), step)) | {len(self.readings) - 1}
        top = self.highest
        kept |= {at for at, reading in enumerate(self.readings) if reading.value == top}
        return tuple(self.readings[at] for at in sorted(kept)[:80])

    def _values(self) -> list[float]:
        values = (reading.value for reading in self.readings)
        return [value for value in values if value is not None and math.isfinite(value)]


def series_around(
    queries: Queries, site: Site, message: AlertMessage, now: datetime
) -> tuple[Series, ...]:
    """What the incident's sensors measured around it; sensors without readings are left out."""
    events = message.events
    if not events:
        return ()
    sensors = list(dict.fromkeys(s for e in events for s in e.sources if s in site.sensors))
    since = min(event.started_at for event in events) - BEFORE
    until = max(event.ended_at or event.updated_at for event in events) + AFTER
    until = min(until, since + SPAN_MAX, max(now, since + timedelta(seconds=30)))
    found = []
    for sensor in sensors[:SENSORS]:
        points = queries.readings_around([sensor], since, until, limit=POINTS)
        if points:
            limits = tuple(_limits(site, message, sensor))
            found.append(_series(sensor, points, limits, message, (since, until)))
    return tuple(found)


def _series(
    sensor: str,
    points: tuple[ReadingPoint, ...],
    limits: tuple[Limit, ...],
    message: AlertMessage,
    span: tuple[datetime, datetime],
) -> Series:
    newest = points[-1]
    return Series(
        sensor_id=sensor,
        quantity=newest.quantity,
        unit=newest.unit,
        since=span[0],
        until=span[1],
        raised_at=message.times.raised,
        limits=limits,
        readings=tuple(
            Reading(
                at=point.measured_at,
                value=point.value
                if point.value is not None and math.isfinite(point.value)
                else None,
                quality=point.quality,
            )
            for point in points
        ),
    )


def _limits(site: Site, message: AlertMessage, sensor: str) -> list[Limit]:
    levels: dict[float, str] = {}
    for rule in site.rules.values():
        if isinstance(rule, ThresholdRule) and rule.sensor == sensor:
            levels.update({level.at: level.name for level in rule.levels})
        elif isinstance(rule, ExposureRule) and rule.sensor == sensor:
            levels.setdefault(rule.at, "exposure")
    for event in message.events:
        for measured in event.measured:
            same_unit = measured.source == sensor and measured.unit == site.sensors[sensor].unit
            if same_unit and measured.threshold is not None and not levels:
                levels[measured.threshold] = event.level or "limit"
    return [Limit(name=name, at=at) for at, name in sorted(levels.items())][:8]
