"""The report of a week: what happened, against the week before, as a PDF in one language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from hazard.alarms.shifts import moment
from hazard.figures import PlantFigures
from hazard.performance import PRIORITIES
from hazard.reports.parts import Column, Section, Table, Value, calendar
from hazard.reports.pdf import Paper
from hazard.reports.sections import sections
from hazard.reports.weeks import period
from hazard.reports.words import say, word
from hazard.site.models import Site
from hazard.types import Severity

MONTH_DAYS = 30
"""The alarm system is judged over as long as the standards ask for."""
TREND_WEEKS = 12
"""Near misses are looked at over so many weeks."""
Count = Callable[[datetime, datetime], PlantFigures]


@dataclass(frozen=True, slots=True)
class Weekly:
    """What the report is made of.

    Attributes:
        monday: first day of the week.
        week, before: figures of the week, so far where it is not over, and of the one before.
        month: of the 30 days that end with the week, for the alarm system.
        quarter: of 12 weeks, for near misses.
        whole: whether the week is over; nothing is counted beyond the time at which it was read.
    """

    monday: date
    week: PlantFigures
    before: PlantFigures
    month: PlantFigures
    quarter: PlantFigures
    whole: bool


def read_weekly(count: Count, site: Site, monday: date, now: datetime) -> Weekly:
    """Count everything up to `now`; `count` gives the figures from one time to another.

    Raises:
        ValueError: if the day is no Monday, or still to come.
    """
    if monday.weekday() != 0:
        raise ValueError(f"{monday} is no Monday: a week is named by its Monday")
    zone = ZoneInfo(site.site.timezone)

    def midnight(days: int) -> datetime:
        return moment(monday + timedelta(days=days), time(0), zone)

    if midnight(0) >= now:
        raise ValueError(f"the week of {monday} has not begun: name a day that was")
    end = min(midnight(7), now)
    return Weekly(
        monday=monday,
        week=count(midnight(0), end),
        before=count(midnight(-7), midnight(0)),
        month=count(midnight(7 - MONTH_DAYS), end),
        quarter=count(midnight(7 - 7 * TREND_WEEKS), end),
        whole=midnight(7) <= now,
    )


def weekly_pdf(weekly: Weekly, site: Site, language: str, made_at: datetime) -> bytes:
    """The report as a PDF file (A4, fonts embedded)."""
    zone = ZoneInfo(site.site.timezone)
    paper = Paper(
        language,
        title=f"{say('report', language)} · {site.site.name} · {weekly.monday}",
        foot=say("disclaimer", language),
        made_at=made_at,
    )
    at = _time(made_at, zone, language)
    lines = [site.site.name, period(weekly.monday, language)]
    lines.append(say("made", language, at=at, node=site.site.node))
    if not weekly.whole:
        lines.append(say("so_far", language, at=_time(weekly.week.ended_at, zone, language)))
    first = weekly.week.recorded_since
    if first is None:
        lines.append(say("empty", language))
    elif first > weekly.week.began_at:
        lines.append(say("since", language, at=_time(first, zone, language)))
    paper.head(say("report", language), lines)
    paper.section(_summary(weekly, language))
    parts = {part.key: part for part in sections(weekly.week, site, language)}
    month = sections(weekly.month, site, language)
    for key in ("days", "kinds", "areas", "shifts"):
        paper.section(parts[key])
    trend = {part.key: part for part in sections(weekly.quarter, site, language)}
    paper.section(trend["near_misses"])
    for key in ("responses", "decisions", "causes"):
        paper.section(parts[key])
    for part in month:
        if part.key.startswith(("performance-", "actors-", "nuisances-")):
            paper.section(part)
    return bytes(paper.output())


def _summary(weekly: Weekly, language: str) -> Section:
    """This week against the one before, by severity."""

    def row(name: str, severity: Severity | None) -> tuple[Value, ...]:
        now, before = (
            found.alarms if severity is None else found.by_severity[severity]
            for found in (weekly.week, weekly.before)
        )
        return name, now, before, f"{now - before:+d}" if now != before else "0"

    titles = ("severity", "this_week", "week_before", "change")
    kinds = ("text", "number", "number", "number")
    return Section(
        "summary",
        say("summary", language),
        (),
        Table(
            tuple(
                Column(say(title, language), "text" if kind == "text" else "number")
                for title, kind in zip(titles, kinds, strict=True)
            ),
            (
                row(say("all", language), None),
                *(
                    row(word("severity", each.value, language), each)
                    for each in reversed(PRIORITIES)
                ),
            ),
        ),
    )


def _time(at: datetime, zone: ZoneInfo, language: str) -> str:
    return str(format_datetime(at, format="short", tzinfo=zone, locale=calendar(language)))
