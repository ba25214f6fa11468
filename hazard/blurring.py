"""People in stored pictures made unrecognisable, before anybody sees them.

A person is covered by a mosaic of a few large tiles, averaged from the picture, over the box that
was seen and a margin around it: the box may be of a moment before or after. Where nobody can say
where people are, the whole picture is covered. What is returned is drawn
anew: nothing of the file's metadata (EXIF, thumbnails) goes with it. Pure; made for a thread.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from hazard.errors import StoreError
from hazard.types import Box

MARGIN = 0.2
"""Of a box's width and height, added on each side."""
TILES = 7
"""Tiles along the longer side of a person: too few for a face or a gait."""
WHOLE_TILES = 40
"""Tiles along the longer side of a picture that is covered as a whole."""
LEAST_TILE_PX = 8
MOST_PIXELS = 50_000_000
QUALITY = 88


def blurred(jpeg: bytes, people: Sequence[Box] | None) -> bytes:
    """The picture as JPEG with every box of `people` covered; wholly covered if that is None.

    Raises:
        StoreError: if it is no JPEG or PNG picture, or too large to be one of a camera.
    """
    picture = _opened(jpeg)
    if people is None:
        _cover(picture, (0, 0, picture.width, picture.height), WHOLE_TILES)
    for box in people or ():
        _cover(picture, _with_margin(box, picture.size), TILES)
    return _encoded(picture)


def without_metadata(jpeg: bytes) -> bytes:
    """The picture as it is, drawn anew without the file's metadata.

    Raises:
        StoreError: as `blurred`.
    """
    return _encoded(_opened(jpeg))


def _opened(jpeg: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise StoreError(
                    f"the picture has {opened.width}x{opened.height} pixels: no camera's picture"
                )
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise StoreError(f"the picture cannot be read ({error}): it is damaged") from error


def _with_margin(box: Box, size: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    wide, high = (right - left) * MARGIN, (bottom - top) * MARGIN
    return (
        max(0, math.floor(left - wide)),
        max(0, math.floor(top - high)),
        min(size[0], math.ceil(right + wide)),
        min(size[1], math.ceil(bottom + high)),
    )


def _cover(picture: Image.Image, area: Box, tiles: int) -> None:
    left, top, right, bottom = area
    wide, high = right - left, bottom - top
    if wide <= 0 or high <= 0:
        return
    tile = max(LEAST_TILE_PX, math.ceil(max(wide, high) / tiles))
    small = (max(1, math.ceil(wide / tile)), max(1, math.ceil(high / tile)))
    mosaic = picture.crop(area).resize(small, Image.Resampling.BOX)
    picture.paste(mosaic.resize((wide, high), Image.Resampling.NEAREST), (left, top))


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
