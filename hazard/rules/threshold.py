"""A sensor is above (or below) one of its levels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import (
    confidence_of,
    expect,
    sensor_of,
    stale_after_s,
    usable_value,
)
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
from hazard.site.rules import ThresholdRule
from hazard.types import Measured, Quality, Reading

HOLD_AFTER_BAD_S = 3.0
"""One bad payload (a transmitter that calibrates itself) is no loss of evidence; three seconds of
nothing else are."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The state of one sensor against its levels.

    Attributes:
        last_s: when the last reading came, monotonic.
        good_s: when the last one came that was good, or uncertain and beyond a level.
        level: index of the level that the event names, -1 without one.
        lower_since_s: since when good readings have been under that level, but not under all.
        lower_best: the worst level that those readings reached.
        pending: content that waits for the on-delay.
        finding: what stands.
    """

    last_s: float = -math.inf
    good_s: float = -math.inf
    level: int = -1
    lower_since_s: float | None = None
    lower_best: int = -1
    pending: tuple[Stamp, Content] | None = None
    finding: Finding = field(default_factory=Finding)


@dataclass(frozen=True, slots=True)
class Threshold:
    """One finding while the sensor is beyond its first level, said again at each change of level.

    Up at once; down after `off_delay_s` of good readings under (level - deadband).
    """

    rule_id: str
    config: ThresholdRule
    sensor: Sensor
    subject: Subject
    stale_after_s: float

    def initial(self) -> Reached:
        """Nothing read yet."""
        return Reached()

    def resume(self, events: Events) -> Reached:
        """Nothing read yet, with the finding that stood before a restart."""
        mine = resumed(self.rule_id, events)
        if not mine:
            return Reached()
        names = [level.name for level in self.config.levels]
        level = names.index(mine[-1].level) if mine[-1].level in names else 0
        return Reached(level=level, finding=Finding(event=mine[-1]))

    def step(self, state: object, item: RuleInput) -> tuple[Reached, Events]:
        """The next state and what was found, held or cleared."""
        reached = cast("Reached", state)
        if isinstance(item, Tick):
            return self._wait(reached, item)
        if not isinstance(item, Reading) or item.sensor_id != self.config.sensor:
            return reached, ()
        now = item.received_monotonic_s
        if not Stamp.of(item).usable or reached.last_s - CLOCK_RESTART_S < now < reached.last_s:
            return reached, ()
        if now < reached.last_s:
            reached = Reached(level=reached.level, finding=reached.finding.forget_times())
        if now - reached.good_s > self.stale_after_s:
            reached = replace(
                reached, lower_since_s=None, finding=replace(reached.finding, off_since_s=None)
            )
        reached = replace(reached, last_s=now)
        value = usable_value(item, self.sensor.unit)
        if value is None:
            return self._unread(reached, Stamp.of(item))
        return self._compare(reached, item, value)

    def _unread(self, reached: Reached, stamp: Stamp) -> tuple[Reached, Events]:
        """A bad reading clears nothing; it holds only when no good one came for a while."""
        if stamp.monotonic_s - reached.good_s > HOLD_AFTER_BAD_S:
            return self._hold(reached, stamp)
        waiting = replace(reached.finding, off_since_s=None)
        return replace(reached, finding=waiting, lower_since_s=None, lower_best=-1), ()

    def _compare(self, reached: Reached, item: Reading, value: float) -> tuple[Reached, Events]:
        plain = self._level_of(value, 0.0)
        kept = min(self._level_of(value, self.config.deadband), reached.level)
        level = max(plain, kept)
        stamp = Stamp.of(item)
        good = item.quality is Quality.GOOD
        if good or level >= 0:
            reached = replace(reached, good_s=stamp.monotonic_s)
        if level < 0:
            return self._under(reached, stamp, good=good)
        if level < reached.level:
            reached, level = self._step_down(reached, stamp.monotonic_s, level, good=good)
        else:
            reached = replace(reached, lower_since_s=None, lower_best=-1)
        content = self._content(item, value, level)
        finding, events = on(
            reached.finding,
            self.subject,
            stamp,
            content,
            self.config.on_delay_s,
            changed=level != reached.level,
        )
        pending = (stamp, content) if finding.event is None else None
        raised = finding.event is not None
        return (
            replace(reached, finding=finding, level=level if raised else -1, pending=pending),
            events,
        )

    def _under(self, reached: Reached, stamp: Stamp, *, good: bool) -> tuple[Reached, Events]:
        reached = replace(reached, pending=None, lower_since_s=None, lower_best=-1)
        if not good:
            finding, events = hold(replace(reached.finding, on_since=None), stamp)
        else:
            finding, events = off(reached.finding, stamp, self.config.off_delay_s)
        level = reached.level if finding.event is not None else -1
        return replace(reached, finding=finding, level=level), events

    def _step_down(
        self, reached: Reached, now: float, level: int, *, good: bool
    ) -> tuple[Reached, int]:
        """The level to name: a lower one only after `off_delay_s` of good readings under it."""
        if not good:
            return replace(reached, lower_since_s=None, lower_best=-1), reached.level
        since = now if reached.lower_since_s is None else reached.lower_since_s
        best = max(level, reached.lower_best)
        if now - since < self.config.off_delay_s:
            return replace(reached, lower_since_s=since, lower_best=best), reached.level
        return replace(reached, lower_since_s=None, lower_best=-1), best

    def _wait(self, reached: Reached, tick: Tick) -> tuple[Reached, Events]:
        now = tick.at_monotonic_s
        if reached.pending is not None and now - reached.last_s <= self.stale_after_s:
            stamp, content = reached.pending
            start = reached.finding.on_since
            if start is not None and now - start.monotonic_s >= self.config.on_delay_s:
                finding, events = on(reached.finding, self.subject, stamp, content)
                level = [entry.name for entry in self.config.levels].index(content.level)
                return replace(reached, finding=finding, level=level, pending=None), events
        if reached.finding.event is not None and now - reached.good_s > self.stale_after_s:
            return self._hold(reached, Stamp.of(tick))
        return reached, ()

    def _hold(self, reached: Reached, stamp: Stamp) -> tuple[Reached, Events]:
        finding, events = hold(reached.finding, stamp)
        return replace(reached, finding=finding, lower_since_s=None, lower_best=-1), events

    def _level_of(self, value: float, deadband: float) -> int:
        """Index of the worst level that `value` is at or beyond, less the deadband; -1 if none."""
        sign = 1.0 if self.config.direction == "above" else -1.0
        return sum(sign * (value - level.at) >= -deadband for level in self.config.levels) - 1

    def _content(self, item: Reading, value: float, level: int) -> Content:
        reached = self.config.levels[level]
        measured = Measured(
            name=self.sensor.quantity,
            value=value,
            unit=self.sensor.unit,
            threshold=reached.at,
            source=item.sensor_id,
        )
        return Content(
            confidence_of(item),
            measured=(measured,),
            level=reached.name[:32],
            sources=(item.sensor_id,),
        )


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its sensor is unknown.
    """
    settings = expect(config, ThresholdRule, rule_id)
    sensor = sensor_of(site, rule_id, settings.sensor)
    subject = Subject(rule_id, settings.hazard, sensor.area, settings.sensor)
    return Threshold(rule_id, settings, sensor, subject, stale_after_s(site, settings.sensor))
