"""The period that a reader asks about, and figures that are not counted twice."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Query

from dashboard.i18n import N_
from hazard.alarms.shifts import moment
from hazard.catalogue import catalogue
from hazard.figures import PlantFigures
from hazard.site.models import Site
from hazard.store.figures import Figures

PERIODS = {
    "24h": (N_("Last 24 hours"), timedelta(hours=24)),
    "7d": (N_("Last 7 days"), timedelta(days=7)),
    "30d": (N_("Last 30 days"), timedelta(days=30)),
    "90d": (N_("Last 90 days"), timedelta(days=90)),
    "365d": (N_("Last 365 days"), timedelta(days=365)),
}
LONGEST = timedelta(days=367)
KEPT = 16
"""Answers that are remembered."""
COSTLY_S = 0.5
"""What took longer to count may be this many times as old as it took (`WORTH`)."""
WORTH = 20
AT_MOST_S = 300.0


class Asked(NamedTuple):
    """What a reader wants to know: the period, and one area or one hazard kind, or None."""

    began_at: datetime
    ended_at: datetime
    area: str | None
    hazard: str | None
    query: str


@dataclass(frozen=True, slots=True)
class PeriodQuery:
    """The query string of every page, file and answer with figures.

    Attributes:
        from_day, to_day: days of the site's calendar, both inclusive; instead of `period`.
    """

    period: Annotated[str, Query(max_length=8, description="24h, 7d, 30d, 90d or 365d")] = "30d"
    from_day: Annotated[
        str, Query(alias="from", max_length=10, description="first day, YYYY-MM-DD, of the site")
    ] = ""
    to_day: Annotated[str, Query(alias="to", max_length=10, description="last day, inclusive")] = ""
    area: Annotated[str, Query(max_length=64, description="an area of the site file")] = ""
    hazard: Annotated[str, Query(max_length=64, description="a kind of the catalogue")] = ""

    def asked(self, site: Site, now: datetime) -> Asked:
        """The period and the filter.

        Raises:
            HTTPException: 422, naming what is wrong and what is known.
        """
        began_at, ended_at = self._span(site, now)
        area, hazard = self.area or None, self.hazard or None
        if area is not None and area not in site.areas:
            raise HTTPException(422, f"area {area!r} is not known: {', '.join(site.areas)}")
        if hazard is not None and hazard not in catalogue():
            raise HTTPException(422, f"hazard {hazard!r} is not known: {', '.join(catalogue())}")
        values = {
            "period": "" if self.from_day or self.to_day else self.period,
            "from": self.from_day,
            "to": self.to_day,
            "area": self.area,
            "hazard": self.hazard,
        }
        query = "&".join(f"{name}={value}" for name, value in values.items() if value)
        return Asked(began_at, ended_at, area, hazard, query)

    def _span(self, site: Site, now: datetime) -> tuple[datetime, datetime]:
        if not self.from_day and not self.to_day:
            if self.period not in PERIODS:
                raise HTTPException(
                    422, f"period {self.period!r} is not known: {', '.join(PERIODS)}"
                )
            return now - PERIODS[self.period][1], now
        zone = ZoneInfo(site.site.timezone)
        first, last = _day("from", self.from_day), _day("to", self.to_day)
        began_at = moment(first, clock_time(0), zone)
        ended_at = min(now, moment(last + timedelta(days=1), clock_time(0), zone))
        if ended_at <= began_at:
            raise HTTPException(422, f"from {first} is not before the end of {last}, or lies ahead")
        if ended_at - began_at > LONGEST:
            raise HTTPException(422, f"from {first} to {last} is more than {LONGEST.days} days")
        return began_at, ended_at


def _day(name: str, value: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 9999:  # noqa: PLR2004 - the calendar that zones know
        raise HTTPException(422, f"{name} {value!r} is no day: want YYYY-MM-DD")
    return day


@dataclass(frozen=True, slots=True)
class _Kept:
    found: PlantFigures
    at_s: float
    cost_s: float


class FiguresCache:
    """Counts once for all who ask the same, one question after the other.

    An answer is given again while nothing was stored since; one that was costly is given again for
    a time in proportion, so that a page which is loaded over and over cannot keep the box busy.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def figures(self, store: Figures, site: Site, asked: Asked) -> PlantFigures:
        """The figures. Blocks: call it from a worker thread, as plain routes are.

        Raises:
            SQLAlchemyError: if the database cannot be read.
        """
        span_s = round((asked.ended_at - asked.began_at).total_seconds())
        key = (
            span_s,
            asked.area,
            asked.hazard,
            asked.ended_at.date(),
            hash(site.model_dump_json()),
        )
        with self._lock:
            kept = self._kept.get(key)
            now_s = time.monotonic()
            if kept is not None and self._good(kept, now_s, store, asked):
                self._kept.move_to_end(key)
                return kept.found
            found = store.of(
                site, asked.began_at, asked.ended_at, area=asked.area, hazard=asked.hazard
            )
            self._kept[key] = _Kept(found, now_s, time.monotonic() - now_s)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    def _good(self, kept: _Kept, now_s: float, store: Figures, asked: Asked) -> bool:
        behind_s = (asked.ended_at - kept.found.ended_at).total_seconds()
        age_s = max(now_s - kept.at_s, behind_s)
        if behind_s < 0 or age_s > AT_MOST_S:
            return False
        if kept.cost_s > COSTLY_S and age_s < WORTH * kept.cost_s:
            return True
        return kept.found.sequence == store.newest_sequence()
