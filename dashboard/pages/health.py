"""Health of each stage of each node, and of the dashboard itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from dashboard.access import Permission, needs
from dashboard.health_page import health_page
from dashboard.keeping import KEPT_TEXT, kept
from dashboard.services import ServicesOf
from hazard.errors import StoreError

router = APIRouter(include_in_schema=False)


@router.get("/health", dependencies=[needs(Permission.VIEW)])
def health(request: Request, services: ServicesOf) -> Response:
    """Nodes, stages and figures."""
    return services.page(
        request,
        "health.html",
        kept=() if services.backend.of_replica else kept(services.site.retention),
        KEPT_TEXT=KEPT_TEXT,
        **health_page(services),
    )


@router.get("/fragments/health", dependencies=[needs(Permission.VIEW)])
def health_fragment(request: Request, services: ServicesOf) -> Response:
    """The part of the health page that changes."""
    return services.render(request, "fragments/health.html", **health_page(services))


@router.get("/livez")
def live() -> Response:
    """The process answers."""
    return JSONResponse({"status": "live"})


@router.get("/readyz")
def ready(services: ServicesOf) -> Response:
    """The database can be read; says nothing about the plant."""
    try:
        services.backend.situation.stage_health()
    except (SQLAlchemyError, StoreError):
        return JSONResponse({"status": "the database cannot be read"}, status_code=503)
    return JSONResponse({"status": "ready"})
