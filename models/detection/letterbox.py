"""A picture of any size into a network's input and boxes back again.

The picture keeps its aspect and stands in the middle of a grey canvas (114, as the YOLO family was
trained). Where the network takes any size, the canvas is only as large as the next multiple of the
stride: a 4:3 picture costs 77 % of the square, a 16:9 picture 62 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hazard.errors import SourceError
from hazard.types import Frame

GREY = 114
_CHANNELS, _CHANNELS_WITH_ALPHA = 3, 4
_POOL_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a picture of `width` x `height` pixels stands on its canvas; all in pixels."""

    width: int
    height: int
    canvas_width: int
    canvas_height: int
    left: int
    top: int
    inner_width: int
    inner_height: int

    def to_canvas(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [n, 4] of the picture in canvas pixels."""
        scale, shift = self._affine()
        return np.asarray(xyxy * scale + shift, np.float32)

    def to_picture(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [n, 4] of the canvas in picture pixels, clipped to the picture."""
        scale, shift = self._affine()
        boxes = (xyxy - shift) / scale
        limit = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.asarray(np.clip(boxes, 0, limit), np.float32)

    def _affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        x, y = self.inner_width / self.width, self.inner_height / self.height
        scale = np.array([x, y, x, y], np.float32)
        return scale, np.array([self.left, self.top, self.left, self.top], np.float32)


@lru_cache(maxsize=256)
def place(width: int, height: int, input_px: tuple[int, int], stride: int | None) -> Placement:
    """The placement of a picture; `stride` None: the canvas is exactly `input_px` (width, height).

    Raises:
        ValueError: if a side is not positive.
    """
    if min(width, height, *input_px) < 1:
        raise ValueError(f"picture {width}x{height}, input {input_px}: sides must be positive")
    scale = min(input_px[0] / width, input_px[1] / height)
    inner_width = min(input_px[0], max(1, round(width * scale)))
    inner_height = min(input_px[1], max(1, round(height * scale)))
    canvas_width, canvas_height = input_px
    if stride is not None:
        canvas_width = math.ceil(inner_width / stride) * stride
        canvas_height = math.ceil(inner_height / stride) * stride
    return Placement(
        width=width,
        height=height,
        canvas_width=canvas_width,
        canvas_height=canvas_height,
        left=(canvas_width - inner_width) // 2,
        top=(canvas_height - inner_height) // 2,
        inner_width=inner_width,
        inner_height=inner_height,
    )


def picture_of(frame: Frame) -> NDArray[np.uint8]:
    """The frame's picture as BGR; grey is widened, an alpha channel dropped.

    Raises:
        SourceError: if it is empty, is not uint8, or has another shape, naming the camera.
    """
    image: NDArray[Any] = frame.image
    if image.dtype != np.uint8:
        raise SourceError(f"camera {frame.camera_id}: picture is {image.dtype}, want uint8 BGR")
    if image.ndim == 2:  # noqa: PLR2004 - height and width only
        image = image[:, :, np.newaxis]
    if image.ndim != _CHANNELS or image.size == 0:
        raise SourceError(
            f"camera {frame.camera_id}: picture has shape {frame.image.shape}, want (height, "
            "width, 3), none of them 0; check the camera's stream"
        )
    channels = image.shape[2]
    if channels == 1:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_GRAY2BGR), np.uint8)
    if channels == _CHANNELS_WITH_ALPHA:
        image = image[:, :, :_CHANNELS]
    elif channels != _CHANNELS:
        raise SourceError(f"camera {frame.camera_id}: picture has {channels} channels, want 3")
    return image


class CanvasPool:
    """Canvases that are used again: the grey border is painted once."""

    def __init__(self) -> None:
        self._canvases: dict[tuple[Placement, int], NDArray[np.uint8]] = {}

    def draw(self, image: NDArray[np.uint8], placement: Placement, slot: int) -> NDArray[np.uint8]:
        """`image` on the canvas number `slot`, uint8 BGR (height, width, 3).

        It is valid until the next call with the same placement and slot.
        """
        key = (placement, slot)
        canvas = self._canvases.get(key)
        if canvas is None:
            if len(self._canvases) >= _POOL_LIMIT:
                self._canvases.clear()
            shape = (placement.canvas_height, placement.canvas_width, _CHANNELS)
            canvas = self._canvases[key] = np.full(shape, GREY, np.uint8)
        size = (placement.inner_width, placement.inner_height)
        window = canvas[
            placement.top : placement.top + size[1], placement.left : placement.left + size[0]
        ]
        drawn = cv2.resize(image, size, dst=window, interpolation=cv2.INTER_LINEAR)
        if drawn.ctypes.data != window.ctypes.data:
            window[:] = drawn  # this build of OpenCV does not write into a window of an array
        return canvas
