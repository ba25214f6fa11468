"""Output layouts: the same boxes come out of each, and nonsense is an error, never silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hazard.errors import WeightsError
from models.detection.decode import Decoder
from models.detection.letterbox import place
from models.detection.nms import suppress
from models.manifest import Layout

LABELS = ("person", "car", "truck")
PLACEMENT = place(200, 100, (400, 400), None)  # twice the size, 100 px of grey above and below
BOX = (40.0, 20.0, 80.0, 60.0)  # in the picture
CENTRE = (120.0, 180.0, 80.0, 80.0)  # the same on the canvas: centre and size
CORNERS = (80.0, 140.0, 160.0, 220.0)


def _decoder(layout: Layout, confidence: float = 0.5) -> Decoder:
    return Decoder(layout=layout, labels=LABELS, confidence=confidence, iou=0.5)


def _rows(*scores: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array([[*CENTRE, *row] for row in scores], np.float32)


def _outputs(layout: Layout) -> list[NDArray[Any]]:
    """One car with confidence 0.9, and one box below the threshold."""
    match layout:
        case Layout.YOLOV8:
            return [_rows((0.1, 0.9, 0.2), (0.3, 0.1, 0.1)).T]
        case Layout.YOLOV5:
            rows = [[*CENTRE, 0.9, 0.1, 1.0, 0.2], [*CENTRE, 0.6, 0.7, 0.1, 0.1]]
            return [np.array(rows, np.float32)]
        case Layout.END_TO_END:
            return [np.array([[*CORNERS, 0.9, 1.0], [*CORNERS, 0.3, 0.0]], np.float32)]
        case Layout.DETR:
            scores = np.array([[0.1, 0.9, 0.2], [0.3, 0.1, 0.1]], np.float32)
            return [np.array([CENTRE, CENTRE], np.float32) / 400, scores]


@pytest.mark.parametrize("layout", list(Layout))
def test_each_layout_gives_the_box_in_pixels_of_the_picture(layout: Layout) -> None:
    (found,) = _decoder(layout).decode(_outputs(layout), PLACEMENT)
    assert found.label == "car"
    assert found.class_id == 1
    assert found.confidence == pytest.approx(0.9)
    assert found.xyxy == pytest.approx(BOX, abs=1e-3)


@pytest.mark.parametrize("layout", list(Layout))
def test_nothing_above_the_threshold_is_an_empty_list(layout: Layout) -> None:
    assert _decoder(layout, 0.95).decode(_outputs(layout), PLACEMENT) == []


@pytest.mark.parametrize("layout", list(Layout))
def test_a_value_that_is_not_a_number_is_an_error(layout: Layout) -> None:
    outputs = _outputs(layout)
    broken = [np.full_like(output, np.nan) for output in outputs]
    with pytest.raises(WeightsError):
        _decoder(layout).decode(broken, PLACEMENT)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_tensor_of_another_shape_is_an_error_that_shows_it(layout: Layout) -> None:
    with pytest.raises(WeightsError, match="shape"):
        _decoder(layout).decode([np.zeros((11, 7), np.float32)], PLACEMENT)


def test_no_output_at_all_is_an_error() -> None:
    with pytest.raises(WeightsError, match="no output"):
        _decoder(Layout.YOLOV8).decode([], PLACEMENT)


def test_scores_above_one_say_that_the_layout_does_not_fit() -> None:
    with pytest.raises(WeightsError, match=r"highest score is 7\.0"):
        _decoder(Layout.YOLOV8).decode([_rows((7.0, 0.1, 0.1)).T], PLACEMENT)


def test_a_class_without_a_label_is_an_error() -> None:
    rows = np.array([[*CORNERS, 0.9, 3.0]], np.float32)
    with pytest.raises(WeightsError, match="class 3"):
        _decoder(Layout.END_TO_END).decode([rows], PLACEMENT)


def test_detr_outputs_come_in_either_order_and_as_logits() -> None:
    boxes, scores = _outputs(Layout.DETR)
    logits = np.log(scores / (1 - scores))
    (found,) = _decoder(Layout.DETR).decode([logits, boxes], PLACEMENT)
    assert found.confidence == pytest.approx(0.9)


def test_detr_with_a_column_for_no_object_takes_the_softmax() -> None:
    boxes, _ = _outputs(Layout.DETR)
    logits = np.array([[0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 9.0]], np.float32)
    (found,) = _decoder(Layout.DETR).decode([boxes, logits], PLACEMENT)
    assert found.confidence == pytest.approx(np.exp(5) / (np.exp(5) + 3))


def test_doubles_of_one_class_go_and_another_class_at_the_same_place_stays() -> None:
    rows = _rows((0.9, 0.1, 0.1), (0.8, 0.1, 0.1), (0.1, 0.7, 0.1))
    found = _decoder(Layout.YOLOV8).decode([rows.T], PLACEMENT)
    assert [(d.label, round(d.confidence, 1)) for d in found] == [("person", 0.9), ("car", 0.7)]


def test_end_to_end_layouts_are_not_suppressed_again() -> None:
    rows = np.array([[*CORNERS, 0.9, 1.0], [*CORNERS, 0.8, 1.0]], np.float32)
    assert len(_decoder(Layout.END_TO_END).decode([rows], PLACEMENT)) == 2


def test_a_box_that_lies_in_the_grey_border_alone_is_dropped() -> None:
    rows = np.array([[10.0, 10.0, 90.0, 90.0, 0.9, 0.0]], np.float32)
    assert _decoder(Layout.END_TO_END).decode([rows], PLACEMENT) == []


_coordinate = st.floats(0, 100, width=32)
_box = st.tuples(_coordinate, _coordinate, st.floats(0, 50, width=32), st.floats(0, 50, width=32))
_item = st.tuples(_box, st.floats(0, 1, width=32), st.integers(0, 2))


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return float(width * height / union)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(_item, max_size=30), st.floats(0.1, 0.9))
def test_suppression_keeps_a_box_exactly_if_no_stronger_kept_one_of_its_class_covers_it(
    items: list[tuple[tuple[float, float, float, float], float, int]], iou: float
) -> None:
    boxes = np.array([[x, y, x + w, y + h] for (x, y, w, h), _, _ in items], np.float32)
    boxes = boxes.reshape(-1, 4)
    scores = np.array([score for _, score, _ in items], np.float32)
    classes = np.array([kind for _, _, kind in items], np.intp)
    wide = boxes.astype(np.float64)
    expected: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        rivals = [k for k in expected if classes[k] == classes[index]]
        overlaps = [_overlap(wide[k], wide[index]) for k in rivals]
        if any(abs(value - iou) < 1e-9 for value in overlaps):
            return  # on the edge, rounding decides
        if all(value <= iou for value in overlaps):
            expected.append(index)
    assert suppress(boxes, scores, classes, iou).tolist() == expected
