"""The list of alarms and the journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.services import ServicesOf, language_of
from dashboard.views import alarm_view
from hazard.errors import StoreError
from hazard.store.queries import AlertFilter
from hazard.types import Severity

router = APIRouter(include_in_schema=False)
JOURNAL_PAGE = 50


@router.get("/journal", dependencies=[needs(Permission.VIEW)])
def journal(
    request: Request,
    services: ServicesOf,
    page: Annotated[str | None, Query(max_length=400)] = None,
    area: Annotated[str, Query(max_length=64)] = "",
    severity: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    """All alerts, newest first."""
    site, now = services.site, services.now()
    least = Severity(severity) if severity in tuple(Severity) else None
    where = AlertFilter(areas=(area,) if area in site.areas else (), min_severity=least)
    try:
        found = services.backend.queries.list_alerts(where, page=page, limit=JOURNAL_PAGE)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error
    language = language_of(request, site)
    return services.page(
        request,
        "journal.html",
        alarms=[alarm_view(message, site, now, language) for message in found.alerts],
        next_page=found.next_page,
        first=page is None,
        area=area if area in site.areas else "",
        severity=least.value if least else "",
    )
