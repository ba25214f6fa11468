"""The pictures that the pages show, for programs: evidence, cameras now, floor plans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import FileResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.api.models import Problem
from dashboard.api.routes import ERRORS
from dashboard.pages import evidence, live, plant_map
from dashboard.services import ServicesOf

FILE = {"schema": {"type": "string", "format": "binary"}}
JPEG: dict[int | str, dict[str, object]] = {200: {"content": {"image/jpeg": FILE}}}
CHANGED: dict[int | str, dict[str, object]] = {
    410: {"model": Problem, "description": "the file on disk is not what was stored"}
}
SAME: dict[int | str, dict[str, object]] = {
    304: {"description": "it is still the one that `If-None-Match` names"}
}
router = APIRouter(
    prefix="/api/v1", tags=["pictures"], responses=ERRORS, dependencies=[needs(Permission.VIEW)]
)
EvidenceId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Ticket = Annotated[
    str, Query(max_length=100, description="part of the address that asking for a clear view gives")
]


@router.get("/evidence/{evidence_id}.jpg", response_class=Response, responses={**JPEG, **CHANGED})
def get_snapshot(
    services: ServicesOf, person: PersonOf, evidence_id: EvidenceId, clear: Ticket = ""
) -> Response:
    """A stored picture, people in it covered unless a clear view was asked for."""
    return evidence.picture(services, person, evidence_id, clear)


@router.get(
    "/evidence/{evidence_id}.mp4",
    response_class=FileResponse,
    responses={200: {"content": {"video/mp4": FILE}}, **CHANGED},
)
def get_clip(
    services: ServicesOf, person: PersonOf, evidence_id: EvidenceId, clear: Ticket = ""
) -> Response:
    """A stored clip; where people are blurred it takes a clear view."""
    return evidence.clip(services, person, evidence_id, clear)


@router.get("/cameras/{camera_id}/picture.jpg", response_class=Response, responses={**JPEG, **SAME})
def get_camera_picture(
    request: Request, services: ServicesOf, camera_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """The latest annotated picture of a camera; how old it is stands at the camera."""
    return live.picture(request, services, camera_id)


@router.get(
    "/plans/{plan_id}/picture",
    response_class=Response,
    responses={200: {"content": {"image/png": FILE, "image/jpeg": FILE}}, **SAME},
)
def get_plan_picture(
    request: Request, services: ServicesOf, plan_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """The picture of a floor plan."""
    return plant_map.picture(request, services, plan_id)
