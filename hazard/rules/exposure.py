"""People are, or may be, where a gas is above its alarm level: a sensor and cameras together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import cast

from hazard.ports import Rule, RuleInput
from hazard.rules.common import (
    camera_of,
    confidence_of,
    expect,
    sensor_of,
    silent_after_s,
    stale_after_s,
    usable_value,
)
from hazard.rules.finding import Content, Events, Finding, Stamp, Subject, hold, off, on, resumed
from hazard.rules.occupancy import Eye, look, occupied, report
from hazard.site.models import Sensor, Site
from hazard.site.rules import ExposureRule
from hazard.types import CameraReport, Measured, Observation, Quality, Reading


@dataclass(frozen=True, slots=True)
class Situation:
    """The state of one gas and the people near it.

    Attributes:
        eyes: what each camera of the area knows.
        high: whether the gas is above its level; None where it is not known.
        heard_s: when the sensor last said something usable, monotonic.
        reading: that reading.
        finding: what stands.
    """

    eyes: tuple[Eye, ...]
    high: bool | None = None
    heard_s: float = -math.inf
    reading: Reading | None = None
    finding: Finding = field(default_factory=Finding)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One finding while the gas is at `at` or above and the area is not known to be empty."""

    rule_id: str
    config: ExposureRule
    sensor: Sensor
    subject: Subject
    eyes: tuple[Eye, ...]
    stale_after_s: float

    def initial(self) -> Situation:
        """Nothing read, nobody seen."""
        return Situation(self.eyes)

    def resume(self, events: Events) -> Situation:
        """Nothing read, nobody seen, with the finding that stood before a restart."""
        mine = resumed(self.rule_id, events)
        return Situation(self.eyes, finding=Finding(event=mine[-1] if mine else None))

    def step(self, state: object, item: RuleInput) -> tuple[Situation, Events]:
        """The next state and what was found, held or cleared."""
        situation = cast("Situation", state)
        stamp = Stamp.of(item)
        if not stamp.usable:
            return situation, ()
        if isinstance(item, Reading):
            if item.sensor_id != self.config.sensor:
                return situation, ()
            situation = self._read(situation, item)
        elif isinstance(item, Observation | CameraReport):
            if all(item.camera_id != eye.camera_id for eye in situation.eyes):
                return situation, ()
            situation = self._see(situation, item)
        return self._judge(situation, item, stamp)

    def _read(self, situation: Situation, reading: Reading) -> Situation:
        value = usable_value(reading, self.sensor.unit)
        if value is None:
            return replace(situation, high=None)
        finding = situation.finding
        if reading.received_monotonic_s < situation.heard_s:
            finding = finding.forget_times()
        good = reading.quality is Quality.GOOD
        if value >= self.config.at:
            high: bool | None = True
        elif value < self.config.at - self.config.deadband:
            high = False if good else None
        else:
            high = bool(situation.high) or finding.event is not None
        return replace(
            situation,
            high=high,
            heard_s=reading.received_monotonic_s,
            reading=reading,
            finding=finding,
        )

    def _see(self, situation: Situation, item: Observation | CameraReport) -> Situation:
        eyes = tuple(
            self._update(eye, item) if eye.camera_id == item.camera_id else eye
            for eye in situation.eyes
        )
        return replace(situation, eyes=eyes)

    def _update(self, eye: Eye, item: Observation | CameraReport) -> Eye:
        if isinstance(item, Observation):
            return look(eye, item, self.config.min_confidence)
        return report(eye, item)

    def _judge(
        self, situation: Situation, item: RuleInput, stamp: Stamp
    ) -> tuple[Situation, Events]:
        now = stamp.monotonic_s
        finding = situation.finding
        known = situation.high is not None and now - situation.heard_s <= self.stale_after_s
        reading = situation.reading
        if not known or reading is None:
            if finding.event is None:
                return situation, ()
            finding, events = hold(finding, stamp)
            return replace(situation, finding=finding), events
        there = occupied(situation.eyes, now, self.config.seen_within_s)
        if situation.high and there is not False:
            content = self._content(situation, reading, now, there=there)
            event = finding.event
            changed = event is not None and (
                event.occupied is not there or not set(content.sources) <= set(event.sources)
            )
            finding, events = on(finding, self.subject, stamp, content, changed=changed)
        elif isinstance(item, Reading) or (situation.high and isinstance(item, Observation)):
            finding, events = off(finding, stamp, self.config.off_delay_s)
        else:
            return situation, ()
        return replace(situation, finding=finding), events

    def _content(
        self, situation: Situation, reading: Reading, now: float, *, there: bool | None
    ) -> Content:
        near = [eye for eye in situation.eyes if now - eye.seen_s <= self.config.seen_within_s]
        people = tuple(track for eye in near for track in eye.people)
        gas = Measured(
            name=self.sensor.quantity,
            value=reading.value if reading.value is not None else self.config.at,
            unit=self.sensor.unit,
            threshold=self.config.at,
            source=self.config.sensor,
        )
        count = tuple(
            Measured(name="people", value=len(eye.people), unit="1", source=eye.camera_id)
            for eye in near
        )
        sure = max((track.confidence for track in people), default=0.5)
        return Content(
            confidence=min(confidence_of(reading), sure),
            measured=(gas, *count),
            occupied=there,
            sources=(self.config.sensor, *(eye.camera_id for eye in near)),
            boxes=people,
        )


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its sensor or a camera is unknown.
    """
    settings = expect(config, ExposureRule, rule_id)
    sensor = sensor_of(site, rule_id, settings.sensor)
    names = settings.cameras or tuple(
        name for name, camera in site.cameras.items() if camera.area == sensor.area
    )
    eyes = tuple(
        Eye(name, silent_after_s(camera_of(site, rule_id, name))) for name in dict.fromkeys(names)
    )
    subject = Subject(rule_id, settings.hazard, sensor.area, settings.sensor)
    stale = stale_after_s(site, settings.sensor)
    return Exposure(rule_id, settings, sensor, subject, eyes, stale)
