"""Times of the week in the plant's own time zone: which shift is on, which window is open.

Start and end are points of the local clock. On the night on which the clock is put back, an hour
that comes twice counts the first time; on the one on which it is put forward, a time that does not
exist is the moment at which the clock jumps over it. So shifts that follow each other always do: no
minute belongs to two of them, or to none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hazard.site.alarms import WEEK, Weekly

_DAY = timedelta(days=1)


class Occurrence(NamedTuple):
    """One time that a weekly time comes round, aware UTC; the end is not part of it."""

    starts_at: datetime
    ends_at: datetime


def shift_at(shifts: Mapping[str, Weekly], timezone: str, at: datetime) -> str | None:
    """The shift that is on: the first of the site file that fits; None: no shift is."""
    return next((name for name, times in shifts.items() if within(times, timezone, at)), None)


def within(weekly: Weekly, timezone: str, at: datetime) -> bool:
    """Whether the time falls into the weekly one."""
    return occurrence(weekly, timezone, at) is not None


def occurrence(weekly: Weekly, timezone: str, at: datetime) -> Occurrence | None:
    """The occurrence of the weekly time that the aware time `at` falls into, or None.

    `timezone` is an IANA name, as the site file has it.
    """
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    for day in (today, today - _DAY):
        if WEEK[day.weekday()] not in weekly.days:
            continue
        found = on_day(day, weekly, zone)
        if found.starts_at <= at < found.ends_at:
            return found
    return None


def on_day(day: date, weekly: Weekly, zone: ZoneInfo) -> Occurrence:
    """The occurrence that starts on this day of the local calendar, whatever its `days` say."""
    start, end = time.fromisoformat(weekly.start), time.fromisoformat(weekly.end)
    last = day if end > start else day + _DAY
    return Occurrence(moment(day, start, zone), moment(last, end, zone))


def moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The aware UTC time at which the local clock shows this; see above for the two odd nights."""
    local = datetime.combine(day, clock, tzinfo=zone)
    at = local.astimezone(UTC)
    exists = at.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    return at if exists else _jump(local.replace(fold=1).astimezone(UTC), at, zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the zone's clock is put forward, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
