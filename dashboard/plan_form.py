"""The form of what lies where on a plan: fields in percent of the picture, made into places."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import ValidationError

from hazard.floor_plan import Places, PlanInfo, Point
from hazard.site.models import Site

FIELD_MAX = 2000


class BadPlace(ValueError):  # noqa: N818 - named for what it says
    """A field does not say where something lies; the text names field, value and mend."""


def fields_of(plan: PlanInfo | None) -> dict[str, str]:
    """The fields of the form as they stand; those of what lies nowhere are missing."""
    if plan is None:
        return {}
    values = {}
    for name, corners in plan.places.areas.items():
        values[f"area.{name}"] = " ".join(f"{_percent(x)},{_percent(y)}" for x, y in corners)
    for kind, spots in (("camera", plan.places.cameras), ("sensor", plan.places.sensors)):
        for name, (x, y) in spots.items():
            values[f"{kind}.{name}.x"], values[f"{kind}.{name}.y"] = _percent(x), _percent(y)
    return values


def areas_touched(form: Mapping[str, object], plan: PlanInfo, site: Site) -> tuple[str, ...]:
    """The areas of what the form says to lie elsewhere than now; a field that it lacks says naught.

    Raises:
        BadPlace: if a field is too long.
    """
    now = fields_of(plan)
    moved = {
        area
        for field, area in _fields(site)
        if field in form and _text(form, field) != now.get(field, "")
    }
    return tuple(sorted(moved))


def places_of(
    form: Mapping[str, object], site: Site, plan: PlanInfo, areas: Collection[str] = ()
) -> Places:
    """What the form says; empty fields place nothing.

    `areas`: only what belongs to these is taken from the form, all else stays as the plan has it;
    none: everything is.

    Raises:
        BadPlace: if a field is no number from 0 to 100, or an outline is none.
    """

    def asked(area: str) -> bool:
        return not areas or area in areas

    outlines, cameras, sensors = _kept(plan.places, site, areas) if areas else ({}, {}, {})
    for name in filter(asked, site.areas):
        text = _text(form, f"area.{name}")
        if text:
            outlines[name] = _outline(name, text)
    for kind, spots in (("camera", cameras), ("sensor", sensors)):
        for name, area in _areas(site, kind).items():
            if asked(area) and (spot := _spot(form, kind, name)):
                spots[name] = spot
    try:
        return Places(areas=outlines, cameras=cameras, sensors=sensors)
    except ValidationError as error:
        raise BadPlace(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _kept(
    places: Places, site: Site, areas: Collection[str]
) -> tuple[dict[str, tuple[Point, ...]], dict[str, Point], dict[str, Point]]:
    """What does not belong to these areas, where it lies."""
    cameras, sensors = _areas(site, "camera"), _areas(site, "sensor")
    return (
        {name: corners for name, corners in places.areas.items() if name not in areas},
        {name: spot for name, spot in places.cameras.items() if cameras.get(name) not in areas},
        {name: spot for name, spot in places.sensors.items() if sensors.get(name) not in areas},
    )


def _areas(site: Site, kind: str) -> dict[str, str]:
    """The area of every camera or sensor."""
    if kind == "camera":
        return {name: camera.area for name, camera in site.cameras.items()}
    return {name: sensor.area for name, sensor in site.sensors.items()}


def _fields(site: Site) -> Iterator[tuple[str, str]]:
    """Every field of the form, with the area that it belongs to."""
    for name in site.areas:
        yield f"area.{name}", name
    for kind in ("camera", "sensor"):
        for name, area in _areas(site, kind).items():
            yield f"{kind}.{name}.x", area
            yield f"{kind}.{name}.y", area


def _percent(share: float) -> str:
    return f"{share * 100:.2f}".rstrip("0").rstrip(".")


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
