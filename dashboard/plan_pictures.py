"""A floor plan that somebody hands in: checked, made small enough, and encoded anew.

What is kept is never the file that came: whatever else it carried (position, comments, a second
file behind the picture) stays behind.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from hazard.store.plans import PlanPicture

FILE_MAX = 8 * 1024 * 1024
"""Bytes of a picture that are taken."""
PIXELS_MAX = 60_000_000
"""Pixels of a picture that is unpacked: some 180 MB."""
SIDE_MAX = 4096
"""Longer sides are made smaller."""
SIDE_MIN = 100
FORMATS = ("PNG", "JPEG")


class BadPicture(ValueError):  # noqa: N818 - named for what it says
    """The file is no picture that can be a floor plan; the text says why and what to do."""


def plan_picture(data: bytes) -> PlanPicture:
    """The picture as it is kept: PNG, or JPEG where that is what came or PNG would be too long.

    Raises:
        BadPicture: if it is too long, no PNG or JPEG, broken, too small or too large.
    """
    if len(data) > FILE_MAX:
        raise BadPicture(
            f"picture: {len(data)} bytes, at most {FILE_MAX} are taken: save it smaller"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _encoded(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture("picture: it unpacks to too many pixels: save it smaller") from error
    except UnidentifiedImageError as error:
        raise BadPicture("picture: this is no PNG or JPEG: save the plan as one of them") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture("picture: the file is broken: save it again") from error


def _encoded(data: bytes) -> PlanPicture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > PIXELS_MAX:
            raise BadPicture(
                f"picture: {width} x {height} pixels, at most {PIXELS_MAX // 1_000_000} million "
                "are taken: save it smaller"
            )
        if min(width, height) < SIDE_MIN:
            raise BadPicture(
                f"picture: {width} x {height} pixels, want at least {SIDE_MIN} on each side"
            )
        was_jpeg = opened.format == "JPEG"
        picture = ImageOps.exif_transpose(opened) or opened
        picture.thumbnail((SIDE_MAX, SIDE_MAX))
        plain = _on_white(picture)
    if not was_jpeg:
        png = _saved(plain, "PNG", optimize=True)
        if len(png) <= FILE_MAX:
            return PlanPicture(png, "image/png", *plain.size)
    return PlanPicture(_saved(plain, "JPEG", quality=88), "image/jpeg", *plain.size)


def _on_white(picture: Image.Image) -> Image.Image:
    """Without transparency, as paper is."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(paper, clear).convert("RGB")
    return picture.convert("RGB")


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    kept = Image.new("RGB", picture.size)
    kept.paste(picture)
    file = io.BytesIO()
    kept.save(file, form, **options)
    return file.getvalue()
