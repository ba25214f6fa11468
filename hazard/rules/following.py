"""Which of those that a rule follows each sighting is: by number, else the nearest just lost one.

Trackers change numbers. A number that appears soon, and within walking distance (one body height,
and one more per second: 1.7 m/s, ISO 13855 uses 1.6), of where somebody was just lost is taken to
be that one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from hazard.types import Track


class Followed(Protocol):
    """One that a rule follows, as last seen; times are monotonic seconds, pixels of the picture."""

    @property
    def track_id(self) -> int | None:
        """The tracker's number of it."""
        ...

    @property
    def seen_s(self) -> float:
        """When it was last seen; minus infinity: before a restart, nobody knows where."""
        ...

    @property
    def foot_px(self) -> tuple[float, float]:
        """Where it stood."""
        ...

    @property
    def height_px(self) -> float:
        """How high its box was."""
        ...


def foot_px(track: Track) -> tuple[float, float]:
    """The bottom centre of the box in pixels; may lie beyond the picture's edge."""
    return (track.xyxy[0] + track.xyxy[2]) / 2, track.xyxy[3]


def height_px(track: Track) -> float:
    """The height of the box in pixels."""
    return track.xyxy[3] - track.xyxy[1]


def match(
    followed: Sequence[Followed],
    sightings: Sequence[Track],
    away_ids: frozenset[int],
    now: float,
    within_s: float,
) -> dict[int, int]:
    """By index of the followed, the index of the sighting that is it.

    Args:
        followed: those that were followed so far.
        sightings: those that are seen now.
        away_ids: numbers that were positively seen elsewhere.
        now: time of the sightings, monotonic.
        within_s: how long somebody lost may come back with another number.
    """
    matches: dict[int, int] = {}
    numbers = {
        track.track_id: at for at, track in enumerate(sightings) if track.track_id is not None
    }
    for index, one in enumerate(followed):
        if one.track_id is not None and one.track_id in numbers:
            matches[index] = numbers.pop(one.track_id)
    used = set(matches.values())
    pairs = [
        (distance, index, at)
        for index, one in enumerate(followed)
        if index not in matches and one.track_id not in away_ids
        for at, track in enumerate(sightings)
        if at not in used and (distance := _walked(one, track, now, within_s)) is not None
    ]
    for _, index, at in sorted(pairs):
        if index not in matches and at not in used:
            matches[index] = at
            used.add(at)
    return matches


def _walked(one: Followed, track: Track, now: float, within_s: float) -> float | None:
    """Pixels from where it was lost to the sighting, or None if it cannot be it."""
    if one.seen_s == -math.inf:
        return math.inf
    gap_s = now - one.seen_s
    distance = math.dist(one.foot_px, foot_px(track))
    near = distance <= one.height_px * (1.0 + gap_s)
    return distance if near and gap_s <= within_s else None
