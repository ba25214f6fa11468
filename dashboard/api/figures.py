"""Figures over a period, as JSON and as tables."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.api.models import Problem
from dashboard.api.routes import ERRORS
from dashboard.figures import PeriodQuery
from dashboard.pages.analytics import table_answer
from dashboard.pages.reports import pdf_answer
from dashboard.services import ServicesOf, language_of
from hazard.figures import PlantFigures
from hazard.store.reports import Report

router = APIRouter(
    prefix="/api/v1",
    responses={**ERRORS, 422: {"model": Problem, "description": "the period or filter is wrong"}},
)
PeriodOf = Annotated[PeriodQuery, Depends()]


@router.get("/figures", dependencies=[needs(Permission.VIEW)], tags=["figures"])
def get_figures(services: ServicesOf, period: PeriodOf) -> PlantFigures:
    """Everything about a period: incidents, alarm load, responses, near misses, decisions."""
    site = services.site
    asked = period.asked(site, services.now())
    return services.figures.figures(services.backend.figures, site, asked)


@router.get(
    "/figures/{table}.csv",
    dependencies=[needs(Permission.EXPORT)],
    tags=["figures"],
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def get_table(
    request: Request, services: ServicesOf, person: PersonOf, table: str, period: PeriodOf
) -> Response:
    """One table of the page as CSV; an unknown name is answered with those that there are.

    Whose role holds in some areas names one of them as `area`.
    """
    return table_answer(services, person, language_of(request, services.site), table, period)


@router.get("/reports", dependencies=[needs(Permission.VIEW)], tags=["reports"])
def list_reports(
    services: ServicesOf, limit: Annotated[int, Query(ge=1, le=500)] = 60
) -> list[Report]:
    """Reports of weeks, newest first; a job of kind `weekly_report` makes another."""
    return services.backend.reports.recent(limit=limit)


@router.get(
    "/reports/{report_id}.pdf",
    dependencies=[needs(Permission.EXPORT, everywhere=True)],
    tags=["reports"],
    response_class=Response,
    responses={200: {"content": {"application/pdf": {"schema": {"type": "string"}}}}},
)
def get_report(services: ServicesOf, report_id: Annotated[str, Path(max_length=64)]) -> Response:
    """One report as a PDF file."""
    return pdf_answer(services, report_id)
