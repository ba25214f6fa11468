"""Which week a report is about, when it is due, and how the week is called."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date

from hazard.alarms.shifts import moment
from hazard.reports.parts import calendar
from hazard.reports.words import say
from hazard.site.keeping import WeeklyReport

WEEK = timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def monday_of(day: date) -> date:
    """The first day of the week of this day."""
    return day - timedelta(days=day.weekday())


def last_whole_week(now: datetime, timezone: str) -> date:
    """The Monday of the last week that is over, by the site's calendar."""
    return monday_of(now.astimezone(ZoneInfo(timezone)).date()) - WEEK


def end_of_week(monday: date, timezone: str) -> datetime:
    """The time at which the week of that Monday is over at the site."""
    return moment(monday + WEEK, time(), ZoneInfo(timezone))


def due_since(config: WeeklyReport, timezone: str, now: datetime) -> datetime:
    """When the report was to be made last: the newest such time of the week that has come.

    On the nights on which the clock is changed it is made once, as `hazard.alarms.shifts` says.
    """
    zone = ZoneInfo(timezone)
    at = time.fromisoformat(config.at)
    day = now.astimezone(zone).date() + timedelta(days=1)
    while True:
        if WEEKDAYS[day.weekday()] == config.day and (due := moment(day, at, zone)) <= now:
            return due
        day -= timedelta(days=1)


def period(monday: date, language: str) -> str:
    """The week from its first to its last day, in words."""
    days = (monday, monday + timedelta(days=6))
    first, last = (format_date(day, format="long", locale=calendar(language)) for day in days)
    return say("period", language, from_=first, to=last)
