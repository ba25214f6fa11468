"""The camera wall: stills of at most two a second, and how each camera is."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.previews import camera_views, read_preview
from dashboard.services import Services, ServicesOf

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])


@router.get("/cameras")
def cameras(request: Request, services: ServicesOf) -> Response:
    """All cameras."""
    return services.page(request, "cameras.html", cameras=_views(services))


@router.get("/fragments/cameras")
def cameras_fragment(request: Request, services: ServicesOf) -> Response:
    """How each camera is; swapped into its place by id."""
    return services.render(request, "fragments/cameras.html", cameras=_views(services))


@router.get("/cameras/{camera_id}/preview.jpg")
def preview(services: ServicesOf, camera_id: str) -> Response:
    """The camera's latest annotated picture."""
    if camera_id not in services.site.cameras:
        raise HTTPException(404, "there is no such camera in the site file")
    data = read_preview(services.settings.previews, camera_id)
    if data is None:
        raise HTTPException(404, "this camera has written no picture yet")
    return Response(data, media_type="image/jpeg")


def _views(services: Services) -> list[object]:
    folder = services.settings.previews
    return list(camera_views(services.site, services.health(), folder, services.now()))
