"""What a change of the site file reaches: areas, and fields that give rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hazard.site.alarms import MachineState
from hazard.site.diff import SiteDiff
from hazard.site.models import Site
from hazard.types import Role

_PLACED = ("cameras", "sensors")
_QUIET = ("maintenance", "machine_states")
"""Entries of `alarms` that each name an area."""
_RESERVED: Mapping[tuple[str, str], frozenset[Role]] = {
    ("alarms", "users"): frozenset({Role.ADMINISTRATOR}),
    ("mqtt", "token_secret"): frozenset({Role.ADMINISTRATOR}),
    ("privacy", "blur_people"): frozenset({Role.ADMINISTRATOR, Role.SAFETY_OFFICER}),
}
"""What gives rights: nobody takes by the site file what their role does not give them."""


def reserved_of_change(diff: SiteDiff) -> dict[str, frozenset[Role]]:
    """What the change has of the fields that not everybody who may edit the site may change."""
    return {
        f"{change.section}.{change.name}": roles
        for change in diff.changes
        if (roles := _RESERVED.get((change.section, change.name))) is not None
    }


def areas_of_change(old: Site, new: Site, diff: SiteDiff) -> frozenset[str] | None:
    """The areas that the change concerns; None: the whole plant, or more than can be told."""
    areas: set[str] = set()
    for change in diff.changes:
        if change.section == "alarms" and change.name in _QUIET:
            found = list(_quieted(old, new, change.name))
        else:
            found = [*_areas(old, change.section, change.name)]
            found += _areas(new, change.section, change.name)
        if not found or None in found:
            return None
        areas.update(area for area in found if area is not None)
    return frozenset(areas)


def _areas(site: Site, section: str, name: str) -> Iterator[str | None]:
    """The areas of one entry of one of the two sites; nothing where the site has it not."""
    if section == "areas" and name in site.areas:
        yield name
    elif section in _PLACED and name in getattr(site, section):
        yield getattr(site, section)[name].area
    elif section == "rules" and name in site.rules:
        watched: list[str | None] = list(_watched(site, name))
        yield from watched or [None]


def _quieted(old: Site, new: Site, name: str) -> Iterator[str | None]:
    """The areas of the maintenance windows or machine states that differ between the two."""
    for site, other in ((old, new), (new, old)):
        there = getattr(other.alarms, name)
        for key, entry in getattr(site.alarms, name).items():
            if there.get(key) != entry:
                yield entry.area
                if isinstance(entry, MachineState) and entry.sensor in site.sensors:
                    yield site.sensors[entry.sensor].area


def _watched(site: Site, rule_id: str) -> Iterator[str]:
    """The areas of the cameras and sensors that a rule names; nothing where it watches all."""
    rule = site.rules[rule_id]
    for one, many, known in (
        ("camera", "cameras", site.cameras),
        ("sensor", "sensors", site.sensors),
    ):
        named = [getattr(rule, one, None), *getattr(rule, many, ())]
        yield from (known[each].area for each in named if each in known)
