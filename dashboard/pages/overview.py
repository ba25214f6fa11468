"""The overview: the whole plant at one glance, and the strip on top of each page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.overview import overview
from dashboard.plant_map import map_context
from dashboard.services import ServicesOf, language_of

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])


PlanId = Annotated[str, Query(max_length=64)]
Show = Annotated[str, Query(max_length=8)]


@router.get("/")
def overview_page(
    request: Request, services: ServicesOf, plan: PlanId = "", show: Show = "now"
) -> Response:
    """Map, areas, states, the most pressing alarms, nodes."""
    context = overview(services, language_of(request, services.site))
    context |= map_context(services, plan, show)
    return services.page(request, "overview.html", **context)


@router.get("/fragments/map")
def map_fragment(
    request: Request, services: ServicesOf, plan: PlanId = "", show: Show = "now"
) -> Response:
    """The plant map as it is now, or with the incidents of a period."""
    return services.render(request, "fragments/map.html", **map_context(services, plan, show))


@router.get("/fragments/overview")
def overview_fragment(request: Request, services: ServicesOf) -> Response:
    """The parts of the overview that change, each swapped into its place by id."""
    context = overview(services, language_of(request, services.site))
    return services.render(request, "fragments/overview.html", **context)


@router.get("/fragments/strip")
def strip_fragment(request: Request, services: ServicesOf) -> Response:
    """The strip on top of each page."""
    return services.render(request, "fragments/strip.html", **services.strip())
