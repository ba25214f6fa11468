"""The list of alarms, the journal, one alarm, and what people ask of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.actions import ActionForm, submit
from dashboard.detail import detail
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from dashboard.views import alarm_view, area_views
from hazard.errors import StoreError
from hazard.store.queries import AlertFilter
from hazard.types import RequestState, Severity

router = APIRouter(include_in_schema=False)
JOURNAL_PAGE = 50
AlertId = Annotated[str, "an alert's id; unknown ones give 404"]


@router.get("/", dependencies=[needs(Permission.VIEW)])
def overview(request: Request, services: ServicesOf) -> Response:
    """Areas and alarms."""
    return services.page(request, "overview.html", **_overview(request, services))


@router.get("/fragments/overview", dependencies=[needs(Permission.VIEW)])
def overview_fragment(request: Request, services: ServicesOf) -> Response:
    """The part of the overview that changes."""
    context = _overview(request, services)
    return services.render(request, "fragments/overview.html", **context, **services.strip())


@router.get("/fragments/strip", dependencies=[needs(Permission.VIEW)])
def strip_fragment(request: Request, services: ServicesOf) -> Response:
    """The strip on top of each page."""
    return services.render(request, "fragments/strip.html", **services.strip())


def _overview(request: Request, services: Services) -> dict[str, Any]:
    alarms, more = services.alarms(language_of(request, services.site))
    counts = services.backend.queries.active_counts_by_area()
    return {
        "alarms": [alarm for alarm in alarms if not alarm.suppressed],
        "suppressed": [alarm for alarm in alarms if alarm.suppressed],
        "more": more,
        "areas": area_views(services.site, counts, services.health()),
    }


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


@router.get("/alerts/{alert_id}", dependencies=[needs(Permission.VIEW)])
def alert(
    request: Request,
    services: ServicesOf,
    alert_id: AlertId,
    asked: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """One alarm with everything that is known about it."""
    context = _alert(request, services, alert_id)
    return services.page(request, "alert.html", **context, asked=_request(services, asked))


@router.get("/fragments/alerts/{alert_id}", dependencies=[needs(Permission.VIEW)])
def alert_fragment(request: Request, services: ServicesOf, alert_id: AlertId) -> Response:
    """The part of an alarm's page that changes."""
    context = _alert(request, services, alert_id)
    return services.render(request, "fragments/alert.html", **context)


@router.get("/fragments/alerts/{alert_id}/actions", dependencies=[needs(Permission.VIEW)])
def actions_fragment(request: Request, services: ServicesOf, alert_id: AlertId) -> Response:
    """The forms that fit the alarm's state now."""
    context = _alert(request, services, alert_id)
    return services.render(request, "fragments/actions.html", **context)


@router.get("/fragments/requests/{request_id}", dependencies=[needs(Permission.VIEW)])
def request_fragment(request: Request, services: ServicesOf, request_id: str) -> Response:
    """How a request stands."""
    asked = _request(services, request_id)
    if asked is None:
        raise HTTPException(404, "there is no such request")
    return services.render(request, "fragments/request.html", asked=asked)


@router.post(
    "/alerts/{alert_id}/actions", dependencies=[needs(Permission.ACT), Depends(require_csrf)]
)
def act(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    form: Annotated[ActionForm, Form()],
) -> Response:
    """Hand in a request; the page then shows what becomes of it."""
    try:
        status = submit(services, alert_id, person, form)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if request.headers.get("x-fragment"):
        asked = (status, *services.request_text(status))
        return services.render(request, "fragments/request.html", asked=asked)
    target = f"/alerts/{status.request.alert_id}?asked={status.request.request_id}"
    return RedirectResponse(target, status_code=303)


def _request(services: Services, request_id: str) -> tuple[object, str, str] | None:
    status = services.backend.queries.request_state(request_id) if request_id else None
    return None if status is None else (status, *services.request_text(status))


def _alert(request: Request, services: Services, alert_id: str) -> dict[str, Any]:
    found = services.backend.queries.get_alert(alert_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    waiting = [
        status
        for status in found.requests
        if status.state is RequestState.PENDING
        and services.now() - status.request.requested_at < timedelta(days=1)
    ]
    language = language_of(request, services.site)
    return {**detail(services, found, language), "waiting": waiting[-3:]}
