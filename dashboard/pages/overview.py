"""The overview: the whole plant at one glance, and the strip on top of each page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.overview import overview
from dashboard.services import ServicesOf, language_of

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])


@router.get("/")
def overview_page(request: Request, services: ServicesOf) -> Response:
    """Areas, states, the most pressing alarms, nodes."""
    context = overview(services, language_of(request, services.site))
    return services.page(request, "overview.html", **context)


@router.get("/fragments/overview")
def overview_fragment(request: Request, services: ServicesOf) -> Response:
    """The parts of the overview that change, each swapped into its place by id."""
    context = overview(services, language_of(request, services.site))
    return services.render(request, "fragments/overview.html", **context)


@router.get("/fragments/strip")
def strip_fragment(request: Request, services: ServicesOf) -> Response:
    """The strip on top of each page."""
    return services.render(request, "fragments/strip.html", **services.strip())
