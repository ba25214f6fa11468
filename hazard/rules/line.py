"""Somebody or something crosses a line, in the direction that the rule looks for.

A crossing is over when it is seen, so the finding is about the place: it stands while somebody has
just crossed, and clears when a healthy camera has seen for `clear_after_s` that nobody did again.
Whoever crosses again meanwhile renews their finding, which counts their crossings. It is held when
the camera sees nothing.

Numbers of tracks may change on the way (see `following`), but only within `LOST_AFTER_S`, and
sightings without a number do not count: a wrong guess would be a crossing that nobody made. On 80 s
of a busy path, 3 s of patience told 23 crossings, half a second 16, as no patience at all did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect, line_of, silent_after_s
from hazard.rules.crossing import Pixels, Way, begin, go
from hazard.rules.finding import (
    CLOCK_RESTART_S,
    Content,
    Events,
    Stamp,
    Subject,
    open_event,
    renew,
    resumed,
)
from hazard.rules.following import foot_px, height_px, match
from hazard.rules.presence import BLIND, LOST_AFTER_S, MAX_PEOPLE
from hazard.site.models import Site
from hazard.site.rules import LineRule
from hazard.types import (
    CameraReport,
    CameraState,
    Condition,
    HazardEvent,
    Measured,
    Observation,
    Reading,
    Track,
    is_person,
)


@dataclass(frozen=True, slots=True)
class Walker:
    """One that is followed. Times are monotonic seconds of capture; pixels of the picture."""

    track_id: int | None
    name: str
    seen_s: float
    foot_px: Pixels
    height_px: float
    way: Way


@dataclass(frozen=True, slots=True)
class Crossed:
    """A finding that stands, and when its subject last crossed (monotonic)."""

    event: HazardEvent
    at_s: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that one rule follows, what stands, and since when the camera has seen well."""

    last_s: float = -math.inf
    good_since_s: float | None = None
    walkers: tuple[Walker, ...] = ()
    standing: tuple[Crossed, ...] = ()


@dataclass(frozen=True, slots=True)
class LineCrossing:
    """One finding per track that crosses the line to a side that the rule looks for.

    `points` are those of the line, relative: a line that is moved makes another rule.
    """

    rule_id: str
    config: LineRule
    area: str
    points: tuple[tuple[float, float], ...]
    silent_after_s: float

    def initial(self) -> Traffic:
        """Nobody seen yet."""
        return Traffic()

    def resume(self, events: Events) -> Traffic:
        """Nobody seen yet, with the findings that stood before a restart."""
        mine = resumed(self.rule_id, events)[-MAX_PEOPLE:]
        return Traffic(standing=tuple(Crossed(event, -math.inf) for event in mine))

    def step(self, state: object, item: RuleInput) -> tuple[Traffic, Events]:
        """The next state and what was found, held or cleared."""
        traffic = cast("Traffic", state)
        if isinstance(item, Tick):
            quiet = item.at_monotonic_s - traffic.last_s > self.silent_after_s
            return _hold(traffic, Stamp.of(item)) if quiet else (traffic, ())
        if isinstance(item, Reading) or item.camera_id != self.config.camera:
            return traffic, ()
        if isinstance(item, CameraReport):
            seeing = item.state in (CameraState.OK, CameraState.STARTING)
            return (traffic, ()) if seeing else _hold(traffic, Stamp.of(item))
        return self._look(traffic, item)

    def _look(self, traffic: Traffic, seen: Observation) -> tuple[Traffic, Events]:
        stamp = Stamp.of(seen)
        now = stamp.monotonic_s
        if not stamp.usable or traffic.last_s - CLOCK_RESTART_S < now <= traffic.last_s:
            return traffic, ()
        if now <= traffic.last_s:
            standing = tuple(replace(each, at_s=now) for each in traffic.standing)
            traffic = Traffic(standing=standing)
        if now - traffic.last_s > self.silent_after_s:
            traffic = replace(traffic, good_since_s=None)
        traffic = replace(traffic, last_s=now)
        if seen.camera_state in BLIND:
            return _hold(traffic, stamp)
        traffic, crossings = self._follow(traffic, seen, now)
        events: list[HazardEvent] = []
        for name, track, side in crossings:
            if self.config.direction in ("either", "right" if side > 0 else "left"):
                traffic, found = self._raise(traffic, name, track, side, stamp)
                events += found
        traffic, cleared = self._clear(traffic, stamp, seen.camera_state)
        return traffic, (*events, *cleared)

    def _follow(
        self, traffic: Traffic, seen: Observation, now: float
    ) -> tuple[Traffic, list[tuple[str, Track, int]]]:
        """Everybody at their new places, and who has crossed to which side by that."""
        size = (seen.width_px, seen.height_px)
        line = [_scaled(point, size) for point in self.points]
        tracks = [track for track in seen.tracks if self._counts(track)]
        known = [w for w in traffic.walkers if now - w.seen_s <= self.silent_after_s]
        matches = match(known, tracks, frozenset(), now, LOST_AFTER_S)
        crossings: list[tuple[str, Track, int]] = []
        for index, at in matches.items():
            walker, track = known[index], tracks[at]
            way, side = go(walker.way, _scaled(track.foot, size), height_px(track), line)
            known[index] = _seen(track, walker.name, now, way)
            if side:
                crossings.append((walker.name, track, side))
        taken = set(matches.values())
        known += [
            self._enter(track, now, begin(_scaled(track.foot, size), height_px(track), line))
            for at, track in enumerate(tracks)
            if at not in taken
        ]
        latest = sorted(known, key=lambda walker: walker.seen_s)[-MAX_PEOPLE:]
        return replace(traffic, walkers=tuple(latest)), crossings

    def _counts(self, track: Track) -> bool:
        sane = all(math.isfinite(value) for value in (*track.xyxy, *track.foot))
        sure = track.confidence >= self.config.min_confidence
        known = track.track_id is not None
        return known and sane and sure and track.label in self.config.labels

    def _enter(self, track: Track, now: float, way: Way) -> Walker:
        name = f"{self.config.camera}/{self.config.line}/track-{track.track_id}"
        return _seen(track, name, now, way)

    def _raise(
        self, traffic: Traffic, name: str, track: Track, side: int, stamp: Stamp
    ) -> tuple[Traffic, Events]:
        before = next((each for each in traffic.standing if each.event.subject == name), None)
        if before is None and len(traffic.standing) >= MAX_PEOPLE:
            return traffic, ()
        content = self._content(track, side, before.event.measured if before else ())
        if before is None:
            subject = Subject(self.rule_id, self.config.hazard, self.area, name)
            event = open_event(subject, stamp, stamp, content)
        else:
            event = renew(before.event, stamp, Condition.ACTIVE, content)
        others = tuple(each for each in traffic.standing if each is not before)
        crossed = Crossed(event, stamp.monotonic_s)
        return replace(traffic, standing=(*others, crossed)), (event,)

    def _content(self, track: Track, side: int, before: tuple[Measured, ...]) -> Content:
        camera = self.config.camera
        counts = {measured.name: measured.value for measured in before}
        name = "crossed_right" if side > 0 else "crossed_left"
        counts[name] = counts.get(name, 0) + 1
        return Content(
            track.confidence,
            measured=tuple(
                Measured(name=name, value=count, unit="1", source=camera)
                for name, count in sorted(counts.items())
            ),
            occupied=True if is_person(track.label) else None,
            sources=(camera,),
            boxes=(track,),
        )

    def _clear(self, traffic: Traffic, stamp: Stamp, state: CameraState) -> tuple[Traffic, Events]:
        if state is not CameraState.OK:
            return replace(traffic, good_since_s=None), ()
        now = stamp.monotonic_s
        since = now if traffic.good_since_s is None else traffic.good_since_s
        over = [
            each
            for each in traffic.standing
            if now - max(since, each.at_s) >= self.config.clear_after_s
        ]
        events = tuple(renew(each.event, stamp, Condition.CLEARED) for each in over)
        standing = tuple(each for each in traffic.standing if each not in over)
        return replace(traffic, good_since_s=since, standing=standing), events


def _scaled(point: tuple[float, float], size: tuple[int, int]) -> Pixels:
    return point[0] * size[0], point[1] * size[1]


def _seen(track: Track, name: str, now: float, way: Way) -> Walker:
    return Walker(track.track_id, name, now, foot_px(track), height_px(track), way)


def _hold(traffic: Traffic, stamp: Stamp) -> tuple[Traffic, Events]:
    """The camera sees nothing any more: hold what stands, begin the run of good pictures anew."""
    standing: list[Crossed] = []
    events: list[HazardEvent] = []
    for each in traffic.standing:
        held = each.event
        if held.condition is Condition.ACTIVE:
            held = renew(held, stamp, Condition.HELD)
            events.append(held)
        standing.append(replace(each, event=held))
    return replace(traffic, good_since_s=None, standing=tuple(standing)), tuple(events)


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its camera or line is unknown.
    """
    settings = expect(config, LineRule, rule_id)
    camera = camera_of(site, rule_id, settings.camera)
    line = line_of(camera, rule_id, settings.line)
    return LineCrossing(rule_id, settings, camera.area, line.points, silent_after_s(camera))
