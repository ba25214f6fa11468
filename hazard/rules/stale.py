"""A sensor has sent nothing good for too long: its area is not watched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import expect, sensor_of, usable_value
from hazard.rules.finding import (
    CLOCK_RESTART_S,
    Content,
    Events,
    Finding,
    Stamp,
    Subject,
    off,
    on,
    resumed,
)
from hazard.site.models import Sensor, Site
from hazard.site.rules import StaleRule
from hazard.types import Measured, Quality, Reading


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when one sensor has been silent (its last good reading, or the first tick)."""

    since_s: float | None = None
    finding: Finding = field(default_factory=Finding)


State = tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class Stale:
    """One finding per sensor without a good reading for `after_s`, or without any since start.

    Uncertain and bad readings do not end the silence; one good reading does.
    """

    judges_silence: ClassVar[bool] = True
    """What it finds cannot be found again in stored readings."""

    rule_id: str
    config: StaleRule
    sensors: tuple[tuple[str, Sensor], ...]

    def initial(self) -> State:
        """No sensor heard of yet."""
        return tuple(Silence() for _ in self.sensors)

    def resume(self, events: Events) -> State:
        """No sensor heard of yet, with the findings that stood before a restart."""
        mine = {event.subject: event for event in resumed(self.rule_id, events)}
        return tuple(Silence(finding=Finding(event=mine.get(name))) for name, _ in self.sensors)

    def step(self, state: object, item: RuleInput) -> tuple[State, Events]:
        """The next state and what was found or cleared."""
        silences = cast("State", state)
        if not isinstance(item, (Reading, Tick)) or not Stamp.of(item).usable:
            return silences, ()
        following: list[Silence] = []
        events: Events = ()
        for (name, sensor), before in zip(self.sensors, silences, strict=True):
            after, found = self._next(before, name, sensor, item)
            following.append(after)
            events += found
        return tuple(following), events

    def _next(
        self, silence: Silence, name: str, sensor: Sensor, item: Reading | Tick
    ) -> tuple[Silence, Events]:
        if isinstance(item, Tick):
            return self._wait(silence, name, sensor, item)
        if item.sensor_id == name and _good(item, sensor):
            return _heard(silence, item)
        return silence, ()

    def _wait(
        self, silence: Silence, name: str, sensor: Sensor, tick: Tick
    ) -> tuple[Silence, Events]:
        now = tick.at_monotonic_s
        if silence.since_s is None or now < silence.since_s - CLOCK_RESTART_S:
            return replace(silence, since_s=now), ()
        quiet_s = now - silence.since_s
        if quiet_s <= self.config.after_s:
            return silence, ()
        measured = Measured(
            name="silence",
            value=round(quiet_s, 2),
            unit="s",
            threshold=self.config.after_s,
            source=name,
        )
        subject = Subject(self.rule_id, self.config.hazard, sensor.area, name)
        content = Content(1.0, measured=(measured,), sources=(name,))
        finding, events = on(silence.finding, subject, Stamp.of(tick), content)
        return replace(silence, finding=finding), events


def _good(reading: Reading, sensor: Sensor) -> bool:
    return reading.quality is Quality.GOOD and usable_value(reading, sensor.unit) is not None


def _heard(silence: Silence, reading: Reading) -> tuple[Silence, Events]:
    finding, events = off(silence.finding, Stamp.of(reading), 0.0)
    return Silence(since_s=reading.received_monotonic_s, finding=finding), events


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if a sensor is unknown.
    """
    settings = expect(config, StaleRule, rule_id)
    names = settings.sensors or tuple(site.sensors)
    sensors = tuple((name, sensor_of(site, rule_id, name)) for name in dict.fromkeys(names))
    return Stale(rule_id, settings, sensors)
