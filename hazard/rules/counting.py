"""One finding about a whole picture: shared by crowding and fire.

A run of pictures says yes, no, or neither; blind and silent cameras hold what stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from hazard.rules.finding import CLOCK_RESTART_S, Events, Finding, Stamp, hold
from hazard.types import Observation


@dataclass(frozen=True, slots=True)
class Scene:
    """The state of a rule about one camera's whole picture.

    Attributes:
        last_s: capture time of the last picture, monotonic.
        finding: what stands.
        window: for the last pictures, whether each showed it (fire and smoke).
        peak: the largest figure that has been reported (crowding).
    """

    last_s: float = -math.inf
    finding: Finding = field(default_factory=Finding)
    window: tuple[bool, ...] = ()
    peak: int = 0


def arrive(scene: Scene, seen: Observation, silent_after_s: float) -> Scene | None:
    """The scene as the picture arrives, or None if it is late, twice or has no usable time.

    After a silence the run of good evidence starts anew.
    """
    now = seen.captured_monotonic_s
    if not Stamp.of(seen).usable or scene.last_s - CLOCK_RESTART_S < now <= scene.last_s:
        return None
    finding, window = scene.finding, scene.window
    if now <= scene.last_s:
        finding, window = finding.forget_times(), ()
    elif now - scene.last_s > silent_after_s:
        finding, window = replace(finding, off_since_s=None), ()
    return replace(scene, last_s=now, finding=finding, window=window)


def blind(scene: Scene, stamp: Stamp) -> tuple[Scene, Events]:
    """The camera sees nothing any more: hold what stands, forget the last pictures."""
    finding, events = hold(scene.finding, stamp)
    if finding.event is None:
        finding = Finding()
    return replace(scene, finding=finding, window=()), events
