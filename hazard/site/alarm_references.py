"""References of the alarm handling, the channels and the commands that lead nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hazard.site.models import Site

Keys = tuple[str | int, ...]
Reference = tuple[Keys, str]


def alarm_references(site: Site) -> Iterator[Reference]:
    """Each reference that leads nowhere: path of keys in the file, and what is wrong."""
    if site.site.area is not None:
        yield from _known(("site", "area"), "area", (site.site.area,), site.areas)
    alarms = site.alarms
    for name, position in alarms.positions.items():
        path: Keys = ("alarms", "positions", name, "areas")
        yield from _known(path, "area", position.areas, site.areas)
        yield from _watched_twice(site, name)
    for at, ladder in enumerate(alarms.escalation):
        path = ("alarms", "escalation", at)
        yield from _known((*path, "areas"), "area", ladder.areas, site.areas)
        yield from _known((*path, "shifts"), "shift", ladder.shifts, alarms.shifts)
        for step_at, step in enumerate(ladder.steps):
            told = (*path, "steps", step_at, "tell")
            yield from _known(told, "channel", step.tell, site.notify.channels)
    for name, user in alarms.users.items():
        path = ("alarms", "users", name, "areas")
        yield from _known(path, "area", user.areas, site.areas)
    for name, channel in site.notify.channels.items():
        path = ("notify", "channels", name)
        yield from _known((*path, "areas"), "area", channel.areas, site.areas)
        yield from _known((*path, "shifts"), "shift", channel.shifts, alarms.shifts)
    yield from _places(site)
    yield from _commands(site)


def _watched_twice(site: Site, name: str) -> Iterator[Reference]:
    """An alarm counts at one position: an area stands once, at one of them."""
    areas, seen = site.alarms.positions[name].areas, set[str]()
    elsewhere = {
        area: other
        for other, position in site.alarms.positions.items()
        if other != name
        for area in position.areas
    }
    for at, area in enumerate(areas):
        path: Keys = ("alarms", "positions", name, "areas", at)
        if area in seen:
            yield path, f"{area} stands twice: take one out"
        elif area in elsewhere and name > elsewhere[area]:
            yield path, f"{area} is watched by position {elsewhere[area]} already: take it out here"
        seen.add(area)


def _places(site: Site) -> Iterator[Reference]:
    for section, items in (
        ("maintenance", site.alarms.maintenance),
        ("machine_states", site.alarms.machine_states),
    ):
        for name, item in items.items():
            path: Keys = ("alarms", section, name)
            yield from _known((*path, "area"), "area", (item.area,), site.areas)
            zones = zones_of(site, item.area)
            if item.zone is not None:
                yield from _known((*path, "zone"), "zone", (item.zone,), zones)
    for name, state in site.alarms.machine_states.items():
        path = ("alarms", "machine_states", name, "sensor")
        yield from _known(path, "sensor", (state.sensor,), site.sensors)


def zones_of(site: Site, area: str) -> set[str]:
    """The zones of all cameras that look at the area."""
    return {
        zone for camera in site.cameras.values() if camera.area == area for zone in camera.zones
    }


def _commands(site: Site) -> Iterator[Reference]:
    # A signed token may speak for a person whom the dashboard of a replica knows.
    named = [name for name, broker in site.brokers().items() if broker.commands == "acl"]
    if named and not site.alarms.users:
        yield (
            ("alarms", "users"),
            f"broker {named[0]} takes commands, but nobody may send one: name users",
        )
    by_token = [name for name, broker in site.brokers().items() if broker.commands == "token"]
    if by_token and site.mqtt.token_secret is None:
        yield (
            ("mqtt", "token_secret"),
            f"broker {by_token[0]} takes commands by token, but no secret signs them: set one",
        )


def _known(
    path: Keys, what: str, values: Iterable[str], known: Collection[str]
) -> Iterator[Reference]:
    for value in values:
        if value not in known:
            names = ", ".join(sorted(known))
            yield path, f"no {what} {value!r}: known are {names or 'none'}"
