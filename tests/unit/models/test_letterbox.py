"""Letterbox: a box survives the way to the canvas and back, and odd pictures have an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hazard.errors import SourceError
from hazard.types import Frame
from models.detection.letterbox import GREY, CanvasPool, picture_of, place

_side = st.integers(1, 5000)


def _frame(image: NDArray[Any]) -> Frame:
    now = datetime.now(UTC)
    return Frame(camera_id="gate", sequence=0, image=image, captured_at=now, captured_monotonic_s=0)


@settings(deadline=None)  # the machine may be busy
@given(_side, _side, st.sampled_from([None, 32]), st.data())
def test_a_box_comes_back_where_it_was(
    width: int, height: int, stride: int | None, data: st.DataObject
) -> None:
    placement = place(width, height, (416, 416), stride)
    x = sorted(data.draw(st.tuples(st.floats(0, width), st.floats(0, width))))
    y = sorted(data.draw(st.tuples(st.floats(0, height), st.floats(0, height))))
    box = np.array([[x[0], y[0], x[1], y[1]]], np.float32)
    back = placement.to_picture(placement.to_canvas(box))
    assert np.allclose(back, box, atol=max(width, height) * 1e-4)


@settings(deadline=None)  # the machine may be busy
@given(_side, _side)
def test_the_canvas_is_a_multiple_of_the_stride_and_no_larger_than_the_square(
    width: int, height: int
) -> None:
    placement = place(width, height, (416, 416), 32)
    assert placement.canvas_width % 32 == placement.canvas_height % 32 == 0
    assert max(placement.canvas_width, placement.canvas_height) == 416
    assert placement.inner_width <= placement.canvas_width
    assert placement.inner_height <= placement.canvas_height


def test_a_wide_picture_needs_fewer_pixels() -> None:
    placement = place(1920, 1080, (416, 416), 32)
    assert (placement.canvas_width, placement.canvas_height) == (416, 256)


@pytest.mark.parametrize("shape", [(1, 1, 3), (6000, 8400, 3), (3, 5000, 3), (480, 640, 3)])
def test_pictures_of_one_pixel_and_of_fifty_megapixels_fit(shape: tuple[int, int, int]) -> None:
    image = np.full(shape, 200, np.uint8)
    placement = place(shape[1], shape[0], (416, 416), None)
    canvas = CanvasPool().draw(image, placement, 0)
    assert canvas.shape == (416, 416, 3)
    inside = canvas[
        placement.top : placement.top + placement.inner_height,
        placement.left : placement.left + placement.inner_width,
    ]
    assert (inside == 200).all()
    assert (canvas == GREY).sum() == canvas.size - inside.size


def test_a_canvas_is_used_again_and_slots_are_apart() -> None:
    pool, placement = CanvasPool(), place(64, 48, (64, 64), None)
    first = pool.draw(np.full((48, 64, 3), 1, np.uint8), placement, 0)
    second = pool.draw(np.full((48, 64, 3), 2, np.uint8), placement, 1)
    assert (first[8:56] == 1).all()
    assert pool.draw(np.full((48, 64, 3), 3, np.uint8), placement, 0) is first
    assert (second[8:56] == 2).all()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 4)])
def test_grey_pictures_and_an_alpha_channel_become_three_channels(shape: tuple[int, ...]) -> None:
    assert picture_of(_frame(np.full(shape, 9, np.uint8))).shape == (4, 6, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros((4, 6, 2), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((4, 6, 3), np.float32),
    ],
)
def test_what_is_no_picture_is_refused_with_the_cameras_name(image: NDArray[Any]) -> None:
    with pytest.raises(SourceError, match="camera gate"):
        picture_of(_frame(image))
