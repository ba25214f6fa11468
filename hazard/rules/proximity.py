"""A person is closer to a vehicle than allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hazard.geometry import RelativePoint
from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect, silent_after_s, zone_of
from hazard.rules.distance import Distance, Matrix, to_polygon, to_vehicle
from hazard.rules.finding import Content, Events, Stamp, resumed
from hazard.rules.presence import Crowd, Hit, Watch, adopt, hold_all, observe, silent
from hazard.site.models import Site
from hazard.site.rules import VehicleProximityRule
from hazard.types import CameraReport, CameraState, Measured, Observation, Reading, Track


@dataclass(frozen=True, slots=True)
class VehicleProximity:
    """One finding per person who stays within `distance_m` of a vehicle for `dwell_s`.

    A vehicle is a detection, or the zone in which one stands (`vehicle_zone`).
    """

    rule_id: str
    config: VehicleProximityRule
    watch: Watch
    matrix: Matrix | None
    vehicle_polygon: tuple[RelativePoint, ...] | None

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
        vehicles = [t for t in seen.tracks if t.label in self.config.vehicle_labels]
        hits: list[Hit] = []
        away: set[int] = set()
        for person in seen.tracks:
            if person.label not in self.config.person_labels:
                continue
            nearest = self._nearest(person, vehicles, seen)
            if nearest is None:
                continue
            distance, vehicle = nearest
            if distance.metres <= self.config.distance_m:
                hits.append(self._hit(person, vehicle, distance))
            elif person.track_id is not None:
                away.add(person.track_id)
        return observe(crowd, seen, hits, frozenset(away), self.watch)

    def _nearest(
        self, person: Track, vehicles: list[Track], seen: Observation
    ) -> tuple[Distance, Track | None] | None:
        found: list[tuple[Distance, Track | None]] = []
        if self.vehicle_polygon is not None:
            parked = to_polygon(person, self.vehicle_polygon, seen, self.matrix)
            found += [(parked, None)] if parked else []
        for vehicle in vehicles:
            distance = to_vehicle(person, vehicle, seen, self.matrix)
            found += [(distance, vehicle)] if distance else []
        return min(found, key=lambda pair: pair[0].metres, default=None)

    def _hit(self, person: Track, vehicle: Track | None, distance: Distance) -> Hit:
        measured = Measured(
            name="distance_estimated" if distance.estimated else "distance",
            value=round(distance.metres, 2),
            unit="m",
            threshold=self.config.distance_m,
            source=self.config.camera,
        )
        seen = (person,) if vehicle is None else (person, vehicle)
        confidence = min(track.confidence for track in seen)
        content = Content(
            confidence,
            measured=(measured,),
            occupied=True,
            sources=(self.config.camera,),
            boxes=seen,
        )
        return Hit(person, content, strong=confidence >= self.config.min_confidence)


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its camera or its vehicle zone is unknown.
    """
    settings = expect(config, VehicleProximityRule, rule_id)
    camera = camera_of(site, rule_id, settings.camera)
    zone = zone_of(camera, rule_id, settings.vehicle_zone) if settings.vehicle_zone else None
    watch = Watch(
        rule_id=rule_id,
        hazard=settings.hazard,
        area=camera.area,
        camera=settings.camera,
        place=settings.camera,
        dwell_s=settings.dwell_s,
        clear_after_s=settings.clear_after_s,
        silent_after_s=silent_after_s(camera),
    )
    matrix = camera.calibration.matrix() if camera.calibration else None
    return VehicleProximity(rule_id, settings, watch, matrix, zone.polygon if zone else None)
