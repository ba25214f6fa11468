"""Figures over a period: what happened, how the alarms perform, what the model is worth."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, Person, PersonOf, needs, refuse_beyond
from dashboard.charts import drawing
from dashboard.figures import PERIODS, Asked, PeriodQuery
from dashboard.pages.reports import reports_context
from dashboard.services import Services, ServicesOf, language_of
from hazard.catalogue import catalogue
from hazard.figures import PlantFigures
from hazard.reports.parts import plain_rows, show
from hazard.reports.sections import kind_name, sections
from hazard.reports.weeks import monday_of
from hazard.reports.words import say
from hazard.site.models import Site

router = APIRouter(include_in_schema=False)
PeriodOf = Annotated[PeriodQuery, Depends()]


@router.get("/analytics", dependencies=[needs(Permission.VIEW)])
def analytics(
    request: Request,
    services: ServicesOf,
    period: PeriodOf,
    person: PersonOf,
    asked: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """All sections of the period; `asked` is the request for a report that was just handed in."""
    site = services.site
    span = period.asked(site, services.now())
    found = services.figures.figures(services.backend.figures, site, span)
    status = services.backend.queries.request_state(asked) if asked else None
    language = language_of(request, site)
    parts = sections(found, site, language)
    return services.page(
        request,
        "analytics.html",
        found=found,
        sections=parts,
        drawings={each.key: drawing(each.chart, language) for each in parts if each.chart},
        span=span,
        may_export=person.may_in(Permission.EXPORT, (span.area,) if span.area else ()),
        asked=None if status is None else (status, *services.request_text(status, language)),
        period=period,
        periods=PERIODS,
        kinds={name: kind_name(name, language) for name in catalogue()},
        report_day=_first_report(found, site, services.now()),
        show=show,
        moment=partial(services.speeches[language].clock, zone=site.site.timezone),
        say=say,
        to_alarms=_to_alarms,
        **reports_context(services, language, span.query),
    )


def _first_report(found: PlantFigures, site: Site, now: datetime) -> str:
    """A day of the present week while nothing of an earlier one was recorded, else empty."""
    zone = ZoneInfo(site.site.timezone)
    today, since = now.astimezone(zone).date(), found.recorded_since
    if since is None or since.astimezone(zone).date() < monday_of(today):
        return ""
    return today.isoformat()


@router.get("/analytics/{table}.csv", dependencies=[needs(Permission.EXPORT)])
def table_file(
    request: Request, services: ServicesOf, person: PersonOf, table: str, period: PeriodOf
) -> Response:
    """One section's table as CSV (RFC 4180, UTF-8), in the reader's language."""
    return table_answer(services, person, language_of(request, services.site), table, period)


def table_answer(
    services: Services, person: Person, language: str, table: str, period: PeriodQuery
) -> Response:
    """The table of this section as a file.

    Raises:
        HTTPException: 403 where it counts alarms of areas in which the person's role does not
            hold, 404, naming the tables that there are, where this is none.
    """
    asked = period.asked(services.site, services.now())
    refuse_beyond(person, Permission.EXPORT, (asked.area,) if asked.area else ())
    found = services.figures.figures(services.backend.figures, services.site, asked)
    known = {each.key: each for each in sections(found, services.site, language)}
    if table not in known:
        raise HTTPException(404, f"there is no table {table[:64]!r}: known are {', '.join(known)}")
    text = io.StringIO()
    csv.writer(text).writerows(plain_rows(known[table].table))
    name = f"{services.site.site.id}-{table}-{found.began_at:%Y%m%d}-{found.ended_at:%Y%m%d}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _to_alarms(about: tuple[str, str], span: Asked) -> str:
    """The list of the alarms that a row counts: of its kind and area, of the page's period."""
    hazard, area = about
    values = {
        "show": "all",
        "hazard": hazard or span.hazard or "",
        "area": area or span.area or "",
        "since": span.began_at.isoformat(timespec="seconds"),
        "until": span.ended_at.isoformat(timespec="seconds"),
    }
    return f"/alarms?{urlencode({name: value for name, value in values.items() if value})}"
