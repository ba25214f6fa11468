"""A sensor rises faster than allowed.

The rate is the slope of a straight line laid through the readings of the last `window_s` by least
squares, at their own times of measurement, so that irregular sampling and bursts of delivery do
not bend it. It needs three readings that span half the window: two readings a moment apart have
no rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import confidence_of, expect, sensor_of, stale_after_s, usable_value
from hazard.rules.finding import (
    CLOCK_RESTART_S,
    Content,
    Events,
    Finding,
    Stamp,
    Subject,
    hold,
    off,
    on,
    resumed,
)
from hazard.site.models import Sensor, Site
from hazard.site.rules import RateRule
from hazard.types import Measured, Quality, Reading

MAX_SAMPLES = 256
"""Readings kept; of a faster sensor every second one is dropped once the window is full."""

MIN_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """A reading in the window: seconds of its own clock, value, whether it was good."""

    time_s: float
    value: float
    good: bool


@dataclass(frozen=True, slots=True)
class Slope:
    """The state of one sensor: its window, when it last said something usable, what stands."""

    samples: tuple[Sample, ...] = ()
    heard_s: float = -math.inf
    finding: Finding = field(default_factory=Finding)


@dataclass(frozen=True, slots=True)
class Rate:
    """One finding while the sensor rises by more than `above_per_min`, after `on_delay_s` of it."""

    rule_id: str
    config: RateRule
    sensor: Sensor
    subject: Subject
    stale_after_s: float

    def initial(self) -> Slope:
        """Nothing read yet."""
        return Slope()

    def resume(self, events: Events) -> Slope:
        """Nothing read yet, with the finding that stood before a restart."""
        mine = resumed(self.rule_id, events)
        return Slope(finding=Finding(event=mine[-1] if mine else None))

    def step(self, state: object, item: RuleInput) -> tuple[Slope, Events]:
        """The next state and what was found, held or cleared."""
        slope = cast("Slope", state)
        if isinstance(item, Tick):
            if item.at_monotonic_s - slope.heard_s > self.stale_after_s:
                return self._hold(slope, Stamp.of(item))
            return slope, ()
        if not isinstance(item, Reading) or item.sensor_id != self.config.sensor:
            return slope, ()
        return self._read(slope, item)

    def _read(self, slope: Slope, item: Reading) -> tuple[Slope, Events]:
        stamp = Stamp.of(item)
        if not stamp.usable:
            return slope, ()
        value = usable_value(item, self.sensor.unit)
        if value is None:
            return self._hold(slope, stamp)
        sample = Sample(item.measured_at.timestamp(), value, item.quality is Quality.GOOD)
        samples = _slide(slope.samples, sample, self.config.window_s)
        if samples is None:
            return slope, ()
        if stamp.monotonic_s < slope.heard_s - CLOCK_RESTART_S:
            slope = replace(slope, finding=slope.finding.forget_times())
        slope = replace(slope, samples=samples, heard_s=stamp.monotonic_s)
        return self._compare(slope, item, stamp)

    def _compare(self, slope: Slope, item: Reading, stamp: Stamp) -> tuple[Slope, Events]:
        per_min = rate_per_min(slope.samples, self.config.window_s)
        if per_min is None:
            return slope, ()
        good = all(sample.good for sample in slope.samples)
        limit = self.config.above_per_min
        if per_min > limit:
            finding, events = on(
                slope.finding,
                self.subject,
                stamp,
                self._content(item, per_min),
                self.config.on_delay_s,
            )
        elif per_min >= limit - self.config.deadband_per_min:
            finding, events = replace(slope.finding, off_since_s=None), ()
        elif good:
            finding, events = off(slope.finding, stamp, self.config.off_delay_s)
        else:
            finding, events = hold(slope.finding, stamp)
        if per_min <= limit:
            finding = replace(finding, on_since=None)
        return replace(slope, finding=finding), events

    def _hold(self, slope: Slope, stamp: Stamp) -> tuple[Slope, Events]:
        finding, events = hold(replace(slope.finding, on_since=None), stamp)
        return replace(slope, samples=(), finding=finding), events

    def _content(self, item: Reading, per_min: float) -> Content:
        unit = f"{self.sensor.unit}/min"[:16]
        source = item.sensor_id
        rate = Measured(
            name=f"{self.sensor.quantity[:59]}_rate",
            value=round(per_min, 3),
            unit=unit,
            threshold=self.config.above_per_min,
            source=source,
        )
        now = Measured(
            name=self.sensor.quantity,
            value=item.value if item.value is not None else 0.0,
            unit=self.sensor.unit,
            source=source,
        )
        return Content(confidence_of(item), measured=(rate, now), sources=(source,))


def _slide(samples: tuple[Sample, ...], new: Sample, window_s: float) -> tuple[Sample, ...] | None:
    """The window with the new sample; None where that is older than the last one.

    A clock that jumps back by more than the window starts the window anew.
    """
    if samples and new.time_s <= samples[-1].time_s:
        return (new,) if new.time_s < samples[-1].time_s - window_s else None
    kept = tuple(sample for sample in samples if sample.time_s >= new.time_s - window_s)
    if len(kept) >= MAX_SAMPLES:
        kept = kept[::2]
    return (*kept, new)


def rate_per_min(samples: tuple[Sample, ...], window_s: float) -> float | None:
    """Slope of the least-squares line in units per minute, or None with too few samples."""
    if len(samples) < MIN_SAMPLES or samples[-1].time_s - samples[0].time_s < window_s / 2:
        return None
    count = len(samples)
    origin = samples[0].time_s
    mean_t = sum(s.time_s - origin for s in samples) / count
    mean_v = sum(s.value / count for s in samples)
    spread = sum((s.time_s - origin - mean_t) ** 2 for s in samples)
    shared = sum((s.time_s - origin - mean_t) * (s.value - mean_v) for s in samples)
    slope = 60.0 * shared / spread
    return slope if math.isfinite(slope) else None


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its sensor is unknown.
    """
    settings = expect(config, RateRule, rule_id)
    sensor = sensor_of(site, rule_id, settings.sensor)
    subject = Subject(rule_id, settings.hazard, sensor.area, settings.sensor)
    wait_s = max(stale_after_s(site, settings.sensor), settings.window_s)
    return Rate(rule_id, settings, sensor, subject, wait_s)
