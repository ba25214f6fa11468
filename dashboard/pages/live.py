"""The camera wall and one camera: stills of at most two a second, and how each camera is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.i18n import N_
from dashboard.one_camera import one_camera
from dashboard.previews import CameraView, camera_views, read_preview
from dashboard.services import Services, ServicesOf, language_of

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])
CameraId = Annotated[str, Path(max_length=64)]


@router.get("/live")
def wall(request: Request, services: ServicesOf, *, wall: bool = False) -> Response:
    """All cameras; with `wall` nothing but pictures and alarms, for a big screen."""
    return services.page(request, "live.html", cameras=_views(services), bare=wall)


@router.get("/fragments/live")
def wall_fragment(request: Request, services: ServicesOf) -> Response:
    """How each camera is; swapped into its place by id."""
    return services.render(request, "fragments/live.html", cameras=_views(services))


@router.get("/live/{camera_id}")
def camera(request: Request, services: ServicesOf, camera_id: CameraId) -> Response:
    """One camera with its zones, rules and last alarms."""
    _known(services, camera_id)
    context = one_camera(services, camera_id, language_of(request, services.site))
    return services.page(request, "camera.html", **context)


@router.get("/fragments/live/{camera_id}")
def camera_fragment(request: Request, services: ServicesOf, camera_id: CameraId) -> Response:
    """The parts of a camera's page that change."""
    _known(services, camera_id)
    context = one_camera(services, camera_id, language_of(request, services.site))
    return services.render(request, "fragments/camera_now.html", **context)


@router.get("/live/{camera_id}/picture.jpg")
def picture(request: Request, services: ServicesOf, camera_id: CameraId) -> Response:
    """The camera's latest annotated picture; 304 while there is no newer one."""
    _known(services, camera_id)
    found = read_preview(services.settings.previews, camera_id)
    if found is None:
        raise HTTPException(404, "this camera has written no picture yet")
    data, tag = found
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


def _known(services: Services, camera_id: str) -> None:
    if camera_id not in services.site.cameras:
        raise HTTPException(404, N_("there is no such camera in the site file"))


def _views(services: Services) -> list[CameraView]:
    folder = services.settings.previews
    return camera_views(services.site, services.own_health(), folder, services.now())
