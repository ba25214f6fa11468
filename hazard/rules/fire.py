"""Flames or smoke seen in several of the last pictures.

One picture proves little: the packaged detector saw fire in 4 of 120 pictures without any, and
smoke in 7. Hence `frames` of the last `window` pictures must show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from hazard.errors import ConfigError
from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect, silent_after_s
from hazard.rules.counting import Scene, arrive, blind
from hazard.rules.finding import Content, Events, Finding, Stamp, Subject, off, on, resumed
from hazard.rules.presence import BLIND
from hazard.site.models import Site
from hazard.site.rules import FireSmokeRule
from hazard.types import CameraReport, CameraState, Measured, Observation, Reading


@dataclass(frozen=True, slots=True)
class FireSmoke:
    """One finding per camera while `frames` of its last `window` pictures show the label."""

    rule_id: str
    config: FireSmokeRule
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
        return self._look(arrived, item)

    def _look(self, scene: Scene, seen: Observation) -> tuple[Scene, Events]:
        shown = tuple(track for track in seen.tracks if track.label == self.config.label)
        best = max((track.confidence for track in shown), default=0.0)
        strong = bool(shown) and best >= self.config.min_confidence
        window = (*scene.window, strong)[-self.config.window :]
        scene = replace(scene, window=window)
        stamp = Stamp.of(seen)
        count = sum(window)
        if strong and count >= self.config.frames:
            measured = Measured(
                name="frames_of_window",
                value=count,
                unit="1",
                threshold=self.config.frames,
                source=seen.camera_id,
            )
            content = Content(best, measured=(measured,), sources=(seen.camera_id,), boxes=shown)
            finding, events = on(scene.finding, self.subject, stamp, content)
        elif shown or seen.camera_state is not CameraState.OK:
            finding, events = replace(scene.finding, off_since_s=None), ()
        else:
            finding, events = off(scene.finding, stamp, self.config.clear_after_s)
        return replace(scene, finding=finding), events


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if its camera is unknown, or more frames are wanted than the window holds.
    """
    settings = expect(config, FireSmokeRule, rule_id)
    camera = camera_of(site, rule_id, settings.camera)
    if settings.frames > settings.window:
        raise ConfigError(
            f"rules.{rule_id}.frames: {settings.frames} of the last {settings.window} pictures can "
            f"never be: set frames to {settings.window} or less, or widen window"
        )
    subject = Subject(rule_id, settings.hazard, camera.area, settings.camera)
    return FireSmoke(rule_id, settings, subject, silent_after_s(camera))
