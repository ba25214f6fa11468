"""A period cut into slots: within one, neither the local day nor the shift changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hazard.alarms.shifts import moment, on_day, shift_at
from hazard.site.alarms import WEEK, Weekly
from hazard.site.models import Site

DEFAULT_SHIFTS: Mapping[str, Weekly] = {
    "early": Weekly(start="06:00", end="14:00"),
    "late": Weekly(start="14:00", end="22:00"),
    "night": Weekly(start="22:00", end="06:00"),
}
"""What is assumed where the site file names no shifts."""

NO_SHIFT = ""
"""Name of the time at which no shift of the site file is on."""

_DAY = timedelta(days=1)


class Slot(NamedTuple):
    """From `starts_at` on, up to but not `ends_at`: one local day, one shift."""

    starts_at: datetime
    ends_at: datetime
    day: date
    shift: str

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.ends_at - self.starts_at) / timedelta(hours=1)


def shifts_of(site: Site) -> Mapping[str, Weekly]:
    """The site's shifts, or those that are assumed."""
    return site.alarms.shifts or DEFAULT_SHIFTS


def slots(
    shifts: Mapping[str, Weekly], timezone: str, began_at: datetime, ended_at: datetime
) -> tuple[Slot, ...]:
    """The slots of a period, in order and without gaps. `timezone` is an IANA name."""
    zone = ZoneInfo(timezone)
    first, last = (at.astimezone(zone).date() for at in (began_at, ended_at))
    edges = {began_at, ended_at}
    day = first - _DAY
    while day <= last + _DAY:
        edges.add(moment(day, time(0), zone))
        for weekly in shifts.values():
            if WEEK[day.weekday()] in weekly.days:
                edges.update(on_day(day, weekly, zone))
        day += _DAY
    ordered = sorted(edge for edge in edges if began_at <= edge <= ended_at)
    return tuple(
        Slot(
            start, end, start.astimezone(zone).date(), shift_at(shifts, timezone, start) or NO_SHIFT
        )
        for start, end in pairwise(ordered)
    )
