"""Non-maximum suppression: of boxes of one class that overlap, the most confident stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_CANDIDATES = 1000
"""Boxes looked at: the most confident ones. Beyond it a picture is noise."""


def suppress(
    xyxy: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.intp],
    iou: float,
) -> NDArray[np.intp]:
    """Indexes of the boxes that stand, most confident first; equal scores keep their order.

    A box goes if its overlap (intersection over union) with a standing one of its class is above
    `iou`. A box without area overlaps nothing.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    boxes, kinds = xyxy[order].astype(np.float64), classes[order]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for index in range(len(order)):
        if not alive[index]:
            continue
        kept.append(index)
        rest = slice(index + 1, None)
        low = np.maximum(boxes[index, :2], boxes[rest, :2])
        high = np.minimum(boxes[index, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = areas[index] + areas[rest] - shared
        alive[rest] &= (kinds[rest] != kinds[index]) | (shared <= iou * union)
    return np.asarray(order[kept], np.intp)
