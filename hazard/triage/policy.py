"""The deterministic policy: floor and default of an incident, at once and always the same.

Every event that is active or held has a floor, the highest of what the catalogue and the site say
of its kind, its threshold level and its occupancy. The incident has the highest of its events.
Then the rules over several events: gas where people are or may be, and two hazards at once. The
site may raise what the catalogue says and never lower it. Pure: no clock, no I/O.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from hazard.catalogue import HazardKind
from hazard.site.models import KindPolicy, Policy
from hazard.triage.render import readable_unit, suspicious, unit
from hazard.types import Condition, HazardEvent, Incident, Severity, Verdict

POLICY_VERSION = 2
"""Grows when the rules of this module change; part of the policy's hash."""

IDLH_PPM: Mapping[str, float] = MappingProxyType(
    {"h2s": 100.0, "co": 1200.0, "nh3": 300.0, "so2": 100.0, "cl2": 10.0, "hcn": 50.0}
)
"""Immediately dangerous to life or health, ppm (NIOSH, IDLH values): critical whoever is there."""

IDLH_LEVEL = "idlh"
_LEVEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""As `hazard.types.Name`, which the levels of a site file are."""

TOXIC = frozenset({"toxic_gas", "toxic_gas_exposure"})
FLAMMABLE = frozenset({"flammable_gas"})
FIRE = frozenset({"fire", "smoke"})
HEAT = frozenset({"overtemperature", "rapid_temperature_rise"})
PEOPLE = frozenset({"person_in_restricted_zone", "person_near_vehicle", "crowding"})
BLIND = frozenset({"camera_dark", "camera_frozen", "camera_offline"})
WATCH = BLIND | {"sensor_stale"}
"""Kinds that say that nobody watches: they make occupancy unknown and are no second hazard."""

_FAMILIES = (TOXIC, FLAMMABLE, FIRE, HEAT)


class _Row(NamedTuple):
    """A floor and the words of the row that set it."""

    floor: Severity
    why: str


def assess(incident: Incident, site_policy: Policy, catalogue: Mapping[str, HazardKind]) -> Verdict:
    """Floor and default of `incident`, with the row that set the floor.

    Active and held events count; of an incident whose events are all cleared, all of them do, so
    that its record keeps its severity. A kind that the catalogue does not know is `high`: what
    nobody has rated is not harmless.
    """
    standing = [e for e in incident.events if e.condition is not Condition.CLEARED]
    events = standing or list(incident.events)
    rows: list[_Row] = []
    default = Severity.INFO
    for event in events:
        kind = catalogue.get(event.hazard)
        site = site_policy.kinds.get(event.hazard, KindPolicy())
        best = _worst(_rows(event, kind, site))
        rows.append(best)
        default = max(default, best.floor, *_defaults(kind, site))
    rows.extend(_joint_rows(events))
    floor, why = _worst(rows)
    default = max(default, floor)
    if _families(events) > 1 and default < Severity.CRITICAL:
        default = Severity.from_rank(default.rank + 1)
        why += "; default one level up: two hazards at once"
    if default > Severity.INFO and floor < Severity.LOW:
        floor, why = Severity.LOW, f"{why}; a raised alarm is at least low"
    return Verdict(
        floor=floor, default=default, why=why[:500], policy_hash=policy_hash(site_policy, catalogue)
    )


def policy_hash(site_policy: Policy, catalogue: Mapping[str, HazardKind]) -> str:
    """sha256 over everything that a verdict depends on: catalogue, site and rules' version."""
    severities = {
        name: kind.model_dump(mode="json", include=_RATED) for name, kind in catalogue.items()
    }
    basis = {
        "version": POLICY_VERSION,
        "catalogue": severities,
        "site": {name: kind.model_dump(mode="json") for name, kind in site_policy.kinds.items()},
    }
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


_RATED = {"floor", "default", "levels", "occupied_floor"}


def _worst(rows: Iterable[_Row]) -> _Row:
    """The row with the highest floor; of equal ones the first."""
    return max(rows, key=lambda row: row.floor.rank)


def _rows(event: HazardEvent, kind: HazardKind | None, site: KindPolicy) -> Iterator[_Row]:
    """Every row of the policy that applies to one event."""
    name, level = event.hazard, event.level
    if kind is None:
        yield _Row(Severity.HIGH, f"{name}: not in the catalogue, counts as high")
    else:
        yield _Row(kind.floor, f"{name}: floor {kind.floor}")
        yield from _level_rows(name, level, kind)
        if kind.occupied_floor is not None and event.occupied is not False:
            people = "people seen" if event.occupied else "occupancy unknown counts as occupied"
            yield _Row(kind.occupied_floor, f"{name}: {people}, floor {kind.occupied_floor}")
    if site.floor is not None:
        yield _Row(site.floor, f"{name}: site policy, floor {site.floor}")
    if level in site.levels:
        severity = site.levels[level]
        yield _Row(severity, f"{name} at level {level}: site policy, floor {severity}")
    yield from _idlh_rows(event)


def _level_rows(name: str, level: str, kind: HazardKind) -> Iterator[_Row]:
    if level in kind.levels:
        severity = kind.levels[level]
        yield _Row(severity, f"{name} at level {level}: floor {severity}")
    elif level and kind.levels:
        yield _Row(
            kind.default,
            f"{name} at level {level}: the catalogue has no such level, floor {kind.default}",
        )
        if not _LEVEL_NAME.fullmatch(level):
            # No site file can have such a level: what it was called is lost, so it was the worst.
            worst = max(kind.levels.values())
            yield _Row(worst, f"{name}: its level is no level's name, floor {worst}")


def _idlh_rows(event: HazardEvent) -> Iterator[_Row]:
    """IDLH by its level's name or by the value: critical, whoever is there.

    A toxic gas whose name is more than a name counts as the most toxic, and a unit that is no
    unit as ppm: text from outside must not hide a value.
    """
    if event.level == IDLH_LEVEL:
        yield _Row(Severity.CRITICAL, f"{event.hazard} at level idlh: critical whoever is there")
    for item in event.measured:
        name, limit = item.name.lower(), IDLH_PPM.get(item.name.lower())
        if limit is None and event.hazard in TOXIC and suspicious(item.name):
            name, limit = "a gas with an unreadable name", min(IDLH_PPM.values())
        in_ppm = unit(item.unit) == "ppm" or not readable_unit(item.unit)
        if limit is not None and in_ppm and item.value >= limit:
            yield _Row(
                Severity.CRITICAL,
                f"{event.hazard}: {name} {item.value:g} ppm is at or above IDLH "
                f"({limit:g} ppm), critical whoever is there",
            )


def _defaults(kind: HazardKind | None, site: KindPolicy) -> Iterator[Severity]:
    yield kind.default if kind is not None else Severity.HIGH
    if site.default is not None:
        yield site.default


def _joint_rows(events: list[HazardEvent]) -> Iterator[_Row]:
    """Rules over several events of one incident."""
    kinds = {event.hazard for event in events}
    people, blind = kinds & PEOPLE, kinds & BLIND
    exposed = people or blind
    who = "people" if people else "a blind camera (occupancy unknown counts as occupied)"
    if kinds & TOXIC and exposed:
        yield _Row(Severity.CRITICAL, f"toxic gas and {who} in one area: floor critical")
    if kinds & FLAMMABLE and exposed:
        yield _Row(Severity.HIGH, f"flammable gas and {who} in one area: floor high")
    if kinds & FLAMMABLE and kinds & FIRE:
        yield _Row(Severity.CRITICAL, "flammable gas and fire or smoke in one area: floor critical")


def _families(events: list[HazardEvent]) -> int:
    """How many different hazards stand at once; kinds of one cause count once, blind eyes not."""
    kinds = {event.hazard for event in events} - WATCH
    known = sum(1 for family in _FAMILIES if kinds & family)
    return known + len(kinds.difference(*_FAMILIES))
