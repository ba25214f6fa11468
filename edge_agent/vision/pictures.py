"""Sizes of pictures: read from the header before anything is decoded, and kept in bounds."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.vision.slots import MAX_PIXELS

MAX_DECODED_PIXELS = 33_177_600
"""Largest picture that is decoded (UHD-2, 7680x4320): about 100 MB. Larger ones are refused."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_STANDALONE = {0x01, 0xD8, *range(0xD0, 0xD8)}
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG from its header alone, or None if it is neither.

    PNG: ISO/IEC 15948 section 11.2.2 (IHDR). JPEG: ITU-T T.81 section B.2.2 (SOFn).
    """
    if data.startswith(_PNG) and len(data) >= 24:  # noqa: PLR2004 - end of IHDR's size
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    return _jpeg_size(data) if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker starts with it
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def bounded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, made smaller in proportion if it has more pixels than a slot holds."""
    height, width = image.shape[:2]
    if height * width <= MAX_PIXELS:
        return image
    scale = (MAX_PIXELS / (height * width)) ** 0.5
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    smaller: NDArray[np.uint8] = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8
    )
    return smaller
