"""Pictures for tests: small JPEGs in which a covered place can be told from a clear one."""

from __future__ import annotations

import io

from PIL import Image

WIDTH, HEIGHT = 320, 240


def stripes(*, exif: bool = False) -> bytes:
    """A JPEG of black and white stripes, 4 pixels wide: a mosaic makes them grey."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    for x in range(WIDTH):
        shade = 255 if x // 4 % 2 else 0
        picture.paste((shade, shade, shade), (x, 0, x + 1, HEIGHT))
    out = io.BytesIO()
    extra = {}
    if exif:
        marked = Image.Exif()
        marked[0x010F] = "SECRET-CAMERA"
        extra["exif"] = marked
    picture.save(out, "JPEG", quality=95, **extra)
    return out.getvalue()


def contrast(jpeg: bytes, area: tuple[int, int, int, int]) -> int:
    """How far the brightest and the darkest pixel of an area are apart: 255 in clear stripes."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        low, high = picture.convert("L").crop(area).getextrema()
    return int(high) - int(low)  # type: ignore[arg-type]  # one band: two numbers
