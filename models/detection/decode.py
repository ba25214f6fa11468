"""What a network says, in the layouts that are in use, as detections.

Layouts are those of `models.manifest.Layout`. A tensor of an unexpected shape, a value that is not
a number, and a score above 1 are errors: a detector that is silent because it is broken must not
look like an empty plant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hazard.errors import WeightsError
from hazard.types import Detection
from models.detection.letterbox import Placement
from models.detection.nms import suppress
from models.manifest import Layout

MAX_DETECTIONS = 300
_SCORE_SLACK = 1e-3
_END_TO_END_COLUMNS = 6

Tensor = NDArray[Any]


class Candidates(NamedTuple):
    """Boxes [n, 4] in canvas pixels, scores [n], class indexes [n]."""

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]


class Decoder:
    """Turns one network's outputs into detections.

    Args:
        layout: how the output tensors are laid out.
        labels: class names, by index.
        confidence: boxes below it are left out.
        iou: overlap above which NMS drops the weaker box (not for end-to-end layouts).
    """

    def __init__(
        self, *, layout: Layout, labels: tuple[str, ...], confidence: float, iou: float
    ) -> None:
        self.labels = labels
        self.confidence = confidence
        self._iou = iou
        self._read = _READERS[layout]
        self._suppresses = layout in {Layout.YOLOV5, Layout.YOLOV8}

    def decode(self, outputs: Sequence[Tensor], placement: Placement) -> list[Detection]:
        """Detections of one picture, most confident first, at most `MAX_DETECTIONS`.

        `outputs` are the network's tensors for that picture, without the batch dimension.

        Raises:
            WeightsError: if the tensors are not what the layout says.
        """
        found = self._read(outputs, placement, len(self.labels), self.confidence)
        if not len(found.scores):
            return []
        if self._suppresses:
            chosen = suppress(*found, self._iou)[:MAX_DETECTIONS]
        else:
            chosen = np.argsort(-found.scores, kind="stable")[:MAX_DETECTIONS]
        boxes = placement.to_picture(found.xyxy[chosen]).tolist()
        scores = np.minimum(found.scores[chosen], 1.0).tolist()
        return [
            Detection(
                xyxy=(box[0], box[1], box[2], box[3]),
                confidence=score,
                class_id=index,
                label=self.labels[index],
            )
            for box, score, index in zip(boxes, scores, found.classes[chosen].tolist(), strict=True)
            if box[2] > box[0] and box[3] > box[1]
        ]


def _yolov5(
    outputs: Sequence[Tensor], _placement: Placement, classes: int, confidence: float
) -> Candidates:
    """[N, 5+C]: centre, size, objectness, class scores."""
    rows = _only(outputs, f"[N, {5 + classes}]")
    if rows.ndim != 2 or rows.shape[1] != 5 + classes:  # noqa: PLR2004
        raise _shape_fault(rows, f"[N, {5 + classes}]")
    near = _above(rows[:, 4], confidence)
    scores = rows[near, 5:] * rows[near, 4:5]
    best = scores.max(axis=1, initial=0.0)
    keep = _above(best, confidence)
    return _centred(rows[near[keep], :4], best[keep], scores[keep].argmax(axis=1))


def _yolov8(
    outputs: Sequence[Tensor], _placement: Placement, classes: int, confidence: float
) -> Candidates:
    """[4+C, N]: centre, size, class scores."""
    columns = _only(outputs, f"[{4 + classes}, N]")
    if columns.ndim != 2 or columns.shape[0] != 4 + classes:  # noqa: PLR2004
        raise _shape_fault(columns, f"[{4 + classes}, N]")
    best = columns[4:].max(axis=0)
    keep = _above(best, confidence)
    return _centred(columns[:4, keep].T, best[keep], columns[4:, keep].argmax(axis=0))


def _end_to_end(
    outputs: Sequence[Tensor], _placement: Placement, classes: int, confidence: float
) -> Candidates:
    """[N, 6]: corners, score, class; the network has suppressed doubles itself."""
    rows = _only(outputs, "[N, 6]")
    if rows.ndim != 2 or rows.shape[1] != _END_TO_END_COLUMNS:  # noqa: PLR2004
        raise _shape_fault(rows, "[N, 6]")
    kept = rows[_above(rows[:, 4], confidence)].astype(np.float32)
    _finite(kept)
    kinds = kept[:, 5].round().astype(np.intp)
    if len(kinds) and not (kinds.min() >= 0 and kinds.max() < classes):
        raise WeightsError(f"the network names class {kinds.max()}, the labels are {classes}")
    return Candidates(_ordered(kept[:, :4]), kept[:, 4], kinds)


def _detr(
    outputs: Sequence[Tensor], placement: Placement, classes: int, confidence: float
) -> Candidates:
    """Boxes [N, 4] (relative centre and size) and [N, C] scores or logits, in either order.

    One column more than classes is DETR's "no object": softmax over all, the last one dropped.
    """
    wanted = f"boxes [N, 4] and scores [N, {classes}] (or one more)"
    if len(outputs) != 2 or any(o.ndim != 2 for o in outputs):  # noqa: PLR2004
        raise WeightsError(f"outputs have shapes {[o.shape for o in outputs]}, want {wanted}")
    boxes, values = outputs
    if boxes.shape[1] != 4 or values.shape[1] not in {classes, classes + 1}:  # noqa: PLR2004
        boxes, values = values, boxes
    if boxes.shape[1] != 4 or values.shape[1] not in {classes, classes + 1}:  # noqa: PLR2004
        raise WeightsError(f"outputs have shapes {[o.shape for o in outputs]}, want {wanted}")
    scores = _probabilities(values.astype(np.float32), classes)
    best = scores.max(axis=1, initial=0.0)
    keep = _above(best, confidence)
    size = np.array([placement.canvas_width, placement.canvas_height] * 2, np.float32)
    return _centred(boxes[keep] * size, best[keep], scores[keep].argmax(axis=1))


_READERS: dict[Layout, Callable[[Sequence[Tensor], Placement, int, float], Candidates]] = {
    Layout.YOLOV5: _yolov5,
    Layout.YOLOV8: _yolov8,
    Layout.END_TO_END: _end_to_end,
    Layout.DETR: _detr,
}


def _probabilities(values: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    if values.shape[1] == classes + 1:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray((powers / powers.sum(axis=1, keepdims=True))[:, :classes], np.float32)
    if values.size and (values.min() < 0 or values.max() > 1):
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-values)), np.float32)
    return np.asarray(values, np.float32)


def _only(outputs: Sequence[Tensor], wanted: str) -> Tensor:
    """The main output: the first; networks with masks or auxiliary heads have more."""
    if not outputs:
        raise WeightsError(f"the network gave no output, want {wanted}")
    return outputs[0]


def _above(scores: Tensor, confidence: float) -> NDArray[np.intp]:
    """Indexes of scores at or above the threshold, after a look whether they are scores at all."""
    if scores.size:
        highest = float(scores.max())
        if not highest <= 1 + _SCORE_SLACK:  # also true for not-a-number
            raise WeightsError(
                f"the network's highest score is {highest}: want 0..1. The layout in the manifest "
                "does not fit the file, or the weights are damaged"
            )
    return np.flatnonzero(scores >= confidence)


def _centred(boxes: Tensor, scores: Tensor, classes: NDArray[np.intp]) -> Candidates:
    cxcywh = boxes.astype(np.float32)
    _finite(cxcywh)
    half = np.maximum(cxcywh[:, 2:], 0) / 2
    xyxy = np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], axis=1)
    return Candidates(xyxy, scores.astype(np.float32), classes)


def _ordered(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate(
        [np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])], axis=1
    )


def _finite(values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        raise WeightsError("the network gives boxes that are not numbers: fetch the weights again")


def _shape_fault(tensor: Tensor, wanted: str) -> WeightsError:
    return WeightsError(
        f"the network's output has shape {list(tensor.shape)}, want {wanted}: labels or layout in "
        "the manifest do not fit the file"
    )
