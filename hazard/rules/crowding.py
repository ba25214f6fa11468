"""More people than allowed in a zone, or in the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect, silent_after_s, zone_of
from hazard.rules.counting import Scene, arrive, blind
from hazard.rules.finding import Content, Events, Finding, Stamp, Subject, off, on, resumed
from hazard.rules.presence import BLIND, LOST_AFTER_S
from hazard.site.models import Site
from hazard.site.rules import CrowdingRule
from hazard.types import CameraReport, CameraState, Measured, Observation, Reading

GROWTH = 1.5
"""A crowd that has grown by half again is said again: it is a different situation."""


@dataclass(frozen=True, slots=True)
class Crowding:
    """One finding while more than `people` are seen, after `dwell_s` of it."""

    rule_id: str
    config: CrowdingRule
    subject: Subject
    silent_after_s: float

    def initial(self) -> Scene:
        """Nothing seen yet."""
        return Scene()

    def resume(self, events: Events) -> Scene:
        """Nothing seen yet, with the finding that stood before a restart."""
        mine = resumed(self.rule_id, events)
        return Scene(finding=Finding(event=mine[-1] if mine else None))

    def step(self, state: object, item: RuleInput) -> tuple[Scene, Events]:
        """The next state and what was found, held or cleared."""
        scene = cast("Scene", state)
        if isinstance(item, Tick):
            quiet = item.at_monotonic_s - scene.last_s > self.silent_after_s
            return blind(scene, Stamp.of(item)) if quiet else (scene, ())
        if isinstance(item, Reading) or item.camera_id != self.config.camera:
            return scene, ()
        if isinstance(item, CameraReport):
            seeing = item.state in (CameraState.OK, CameraState.STARTING)
            return (scene, ()) if seeing else blind(scene, Stamp.of(item))
        arrived = arrive(scene, item, self.silent_after_s)
        if arrived is None:
            return scene, ()
        if item.camera_state in BLIND:
            return blind(arrived, Stamp.of(item))
        return self._count(arrived, item)

    def _count(self, scene: Scene, seen: Observation) -> tuple[Scene, Events]:
        crowd = tuple(
            track
            for track in seen.tracks
            if track.label in self.config.labels
            and track.confidence >= self.config.min_confidence
            and (self.config.zone is None or self.config.zone in track.zones)
        )
        stamp = Stamp.of(seen)
        if len(crowd) <= self.config.people:
            if seen.camera_state is not CameraState.OK:
                return replace(scene, finding=replace(scene.finding, off_since_s=None)), ()
            finding, events = off(
                scene.finding, stamp, self.config.clear_after_s, gap_s=LOST_AFTER_S
            )
            return replace(scene, finding=finding), events
        content = Content(
            sum(track.confidence for track in crowd) / len(crowd),
            measured=(
                Measured(
                    name="people",
                    value=len(crowd),
                    unit="1",
                    threshold=self.config.people,
                    source=seen.camera_id,
                ),
            ),
            occupied=True,
            sources=(seen.camera_id,),
            boxes=crowd,
        )
        grown = len(crowd) >= GROWTH * scene.peak
        finding, events = on(
            scene.finding, self.subject, stamp, content, self.config.dwell_s, changed=grown
        )
        return replace(scene, finding=finding, peak=len(crowd) if events else scene.peak), events


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its camera or zone is unknown.
    """
    settings = expect(config, CrowdingRule, rule_id)
    camera = camera_of(site, rule_id, settings.camera)
    if settings.zone is not None:
        zone_of(camera, rule_id, settings.zone)
    place = f"{settings.camera}/{settings.zone}" if settings.zone else settings.camera
    subject = Subject(rule_id, settings.hazard, camera.area, place)
    return Crowding(rule_id, settings, subject, silent_after_s(camera))
