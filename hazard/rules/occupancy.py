"""Whether people are in an area: what its cameras say together.

True as soon as one camera has seen a person lately. False only when every camera of the area is
healthy and has watched long enough without seeing anybody. All else is None, unknown, which
counts as occupied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hazard.rules.finding import CLOCK_RESTART_S
from hazard.rules.presence import BLIND
from hazard.types import CameraReport, CameraState, Observation, Track

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Eye:
    """What one camera knows about people.

    Attributes:
        camera_id: the camera.
        silent_after_s: without a picture for this long it sees nothing.
        last_s: capture time of its last picture, monotonic.
        watching_since_s: since when it has been healthy without a break; None while it is not.
        seen_s: when it last saw a person, monotonic.
        people: the people of that picture.
    """

    camera_id: str
    silent_after_s: float
    last_s: float = -math.inf
    watching_since_s: float | None = None
    seen_s: float = -math.inf
    people: tuple[Track, ...] = ()


def look(eye: Eye, seen: Observation, min_confidence: float) -> Eye:
    """The eye after a picture; late and unusable ones change nothing."""
    now = seen.captured_monotonic_s
    if not math.isfinite(now) or eye.last_s - CLOCK_RESTART_S < now <= eye.last_s:
        return eye
    if now <= eye.last_s:
        eye = Eye(eye.camera_id, eye.silent_after_s)
    if seen.camera_state in BLIND:
        return replace(eye, last_s=now, watching_since_s=None)
    people = tuple(
        track
        for track in seen.tracks
        if track.label == PERSON and track.confidence >= min_confidence
    )
    unbroken = eye.watching_since_s is not None and now - eye.last_s <= eye.silent_after_s
    since = eye.watching_since_s if unbroken else now
    eye = replace(
        eye, last_s=now, watching_since_s=since if seen.camera_state is CameraState.OK else None
    )
    return replace(eye, seen_s=now, people=people) if people else eye


def report(eye: Eye, said: CameraReport) -> Eye:
    """The eye after a health report: whatever is not OK sees nothing."""
    return eye if said.state is CameraState.OK else replace(eye, watching_since_s=None)


def occupied(eyes: tuple[Eye, ...], now: float, seen_within_s: float) -> bool | None:
    """True, False, or None where nobody can tell."""
    if any(now - eye.seen_s <= seen_within_s for eye in eyes):
        return True
    if not eyes:
        return None
    for eye in eyes:
        since = eye.watching_since_s
        if since is None or now - eye.last_s > eye.silent_after_s or now - since < seen_within_s:
            return None
    return False
