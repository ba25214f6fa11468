"""A person stands in a restricted zone longer than allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect, silent_after_s, zone_of
from hazard.rules.finding import Content, Events, Stamp, resumed
from hazard.rules.presence import Crowd, Hit, Watch, adopt, hold_all, observe, silent
from hazard.site.models import Site
from hazard.site.rules import RestrictedZoneRule
from hazard.types import CameraReport, CameraState, Observation, Reading


@dataclass(frozen=True, slots=True)
class RestrictedZone:
    """One finding per person whose foot point has stayed in the zone for `dwell_s`."""

    rule_id: str
    config: RestrictedZoneRule
    watch: Watch

    def initial(self) -> Crowd:
        """Nobody seen yet."""
        return Crowd()

    def resume(self, events: Events) -> Crowd:
        """Nobody seen yet, with the findings that stood before a restart."""
        return adopt(resumed(self.rule_id, events))

    def step(self, state: object, item: RuleInput) -> tuple[Crowd, Events]:
        """The next state and what was found, held or cleared."""
        crowd = cast("Crowd", state)
        if isinstance(item, Tick):
            quiet = silent(crowd, item.at_monotonic_s, self.watch)
            return hold_all(crowd, Stamp.of(item)) if quiet else (crowd, ())
        if isinstance(item, Reading) or item.camera_id != self.config.camera:
            return crowd, ()
        if isinstance(item, CameraReport):
            seeing = item.state in (CameraState.OK, CameraState.STARTING)
            return (crowd, ()) if seeing else hold_all(crowd, Stamp.of(item))
        return self._look(crowd, item)

    def _look(self, crowd: Crowd, seen: Observation) -> tuple[Crowd, Events]:
        inside = [
            track
            for track in seen.tracks
            if track.label in self.config.labels and self.config.zone in track.zones
        ]
        hits = [
            Hit(
                track,
                Content(track.confidence, occupied=True, sources=(seen.camera_id,), boxes=(track,)),
                strong=track.confidence >= self.config.min_confidence,
            )
            for track in inside
        ]
        away = frozenset(
            track.track_id
            for track in seen.tracks
            if track.track_id is not None and self.config.zone not in track.zones
        )
        return observe(crowd, seen, hits, away, self.watch)


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its camera or zone is unknown.
    """
    settings = expect(config, RestrictedZoneRule, rule_id)
    camera = camera_of(site, rule_id, settings.camera)
    zone_of(camera, rule_id, settings.zone)
    watch = Watch(
        rule_id=rule_id,
        hazard=settings.hazard,
        area=camera.area,
        camera=settings.camera,
        place=f"{settings.camera}/{settings.zone}",
        dwell_s=settings.dwell_s,
        clear_after_s=settings.clear_after_s,
        silent_after_s=silent_after_s(camera),
    )
    return RestrictedZone(rule_id, settings, watch)
