"""The form of what lies where on a plan: fields in percent of the picture, made into places."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from hazard.floor_plan import Places, Point
from hazard.site.models import Site

FIELD_MAX = 2000


class BadPlace(ValueError):  # noqa: N818 - named for what it says
    """A field does not say where something lies; the text names field, value and mend."""


def places_of(form: Mapping[str, object], site: Site) -> Places:
    """What the form says; empty fields place nothing.

    Raises:
        BadPlace: if a field is no number from 0 to 100, or an outline is none.
    """
    areas = {}
    for name in site.areas:
        text = _text(form, f"area.{name}")
        if text:
            areas[name] = _outline(name, text)
    cameras = {name: spot for name in site.cameras if (spot := _spot(form, "camera", name))}
    sensors = {name: spot for name in site.sensors if (spot := _spot(form, "sensor", name))}
    try:
        return Places(areas=areas, cameras=cameras, sensors=sensors)
    except ValidationError as error:
        raise BadPlace(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _spot(form: Mapping[str, object], kind: str, name: str) -> Point | None:
    across, down = _text(form, f"{kind}.{name}.x"), _text(form, f"{kind}.{name}.y")
    if not across and not down:
        return None
    if not across or not down:
        raise BadPlace(f"{kind} {name}: give both numbers, or neither")
    return _share(f"{kind} {name}, across", across), _share(f"{kind} {name}, down", down)


def _outline(name: str, text: str) -> tuple[Point, ...]:
    corners = []
    for pair in text.split():
        across, comma, down = pair.partition(",")
        if not comma:
            raise BadPlace(f"area {name}: {pair[:20]!r} is no corner: write across,down as 12.5,40")
        corners.append((_share(f"area {name}", across), _share(f"area {name}", down)))
    return tuple(corners)


def _share(where: str, text: str) -> float:
    try:
        percent = float(text.replace(",", "."))
    except ValueError as error:
        raise BadPlace(f"{where}: {text[:20]!r} is no number: write percent, 0 to 100") from error
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise BadPlace(f"{where}: {text[:20]} is not on the picture: write percent, 0 to 100")
    return round(percent / 100, 5)


def _text(form: Mapping[str, object], field: str) -> str:
    value = form.get(field, "")
    if not isinstance(value, str) or len(value) > FIELD_MAX:
        raise BadPlace(f"{field}: too long, at most {FIELD_MAX} signs")
    return value.strip()
