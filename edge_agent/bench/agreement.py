"""Whether two contenders saw the same: boxes of the same frames, paired by overlap."""

from __future__ import annotations

from typing import Any

SURE = 0.05
"""Boxes this close to the threshold may fall on either side of it by rounding."""
SAME_IOU = 0.7
PERSON = 0

Box = tuple[float, float, float, float]


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    inside = width * height
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return inside / (area - inside)


def agreement(ours: list[Any], theirs: list[Any], threshold: float) -> dict[str, float]:
    """Share of the people that either saw for sure and that the other saw too.

    Args:
        ours: [[frame, [[class, confidence, left, top, right, bottom], ...]], ...].
        theirs: the same of the other contender.
        threshold: confidence at which both report.
    """
    by_frame = dict(theirs)
    sure = matched = frames = 0
    for frame, boxes in ours:
        if frame not in by_frame:
            continue
        frames += 1
        for left, right in ((boxes, by_frame[frame]), (by_frame[frame], boxes)):
            for item in left:
                if item[0] != PERSON or item[1] < threshold + SURE:
                    continue
                sure += 1
                matched += any(
                    other[0] == PERSON and iou(tuple(item[2:]), tuple(other[2:])) >= SAME_IOU
                    for other in right
                )
    return {
        "frames": frames,
        "boxes": sure,
        "share": round(matched / sure, 4) if sure else 0.0,
    }
