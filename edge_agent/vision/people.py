"""Where people may be in a picture, for their privacy: more than what counts as seen.

An alarm wants few false boxes; a picture that is stored wants nobody left out. So everything counts
here that a detector takes for a person, however unsure it is, and what it was surer of in the
frames just before: whom it misses in one frame is covered where they were a moment ago.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hazard.types import Box, Detection, is_person

SURE: Final = 0.2
"""Boxes of the frames before count from this confidence on. Measured on PETS09-S2L1 with NanoDet
(471 people, margin of the blur 0.2): with the alarm's boxes of the frame alone, 96 % of the people
and their heads are covered, with all from 0.05 on 99.4 %, with the half second before at this
confidence every head and 99.8 % of the people, over a fifth of the picture."""

AROUND_S: Final = 0.5
"""How far before or after a picture other frames tell of the people in it."""

MOST: Final = 128
"""Boxes of one picture; with more of them nobody can say where people are."""


class Sighting(NamedTuple):
    """A person that a detector may have seen: pixels of the picture, and how sure it was."""

    box: Box
    confidence: float


def sightings(detections: Iterable[Detection]) -> tuple[Sighting, ...]:
    """Every detection that may be a person, rounded outwards to pixels."""
    return tuple(
        Sighting(_outwards(one.xyxy), one.confidence) for one in detections if is_person(one.label)
    )


def places(now: Sequence[Sighting], around: Iterable[Sequence[Sighting]]) -> tuple[Box, ...] | None:
    """The boxes to cover in a picture: all of its own, and the surer ones of the frames around it.

    Boxes that lie on each other for the most part become one. None if there are too many: then the
    whole picture is to be covered.
    """
    boxes = [sighting.box for sighting in now]
    boxes += [one.box for frame in around for one in frame if one.confidence >= SURE]
    joined: list[Box] = []
    for box in sorted(set(boxes), key=lambda box: (-_area(box), box)):
        home = next((i for i, other in enumerate(joined) if _mostly_within(box, other)), None)
        if home is None:
            joined.append(box)
        else:
            joined[home] = _around(box, joined[home])
    return tuple(joined) if len(joined) <= MOST else None


def _outwards(xyxy: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = xyxy
    return (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _mostly_within(small: Box, large: Box) -> bool:
    wide = min(small[2], large[2]) - max(small[0], large[0])
    high = min(small[3], large[3]) - max(small[1], large[1])
    return wide > 0 and high > 0 and 2 * wide * high >= _area(small)


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
