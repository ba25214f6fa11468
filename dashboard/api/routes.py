"""The routes of the API: what the pages show, as JSON."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request

from dashboard.access import Permission, needs
from dashboard.api.models import (
    ActionAnswer,
    AreaAnswer,
    CameraAnswer,
    HealthAnswer,
    Problem,
    StageAnswer,
)
from dashboard.keeping import kept
from dashboard.previews import camera_views
from dashboard.services import Services, ServicesOf, language_of
from dashboard.views import area_views
from hazard.store.queries import RequestStatus

ERRORS: dict[int | str, dict[str, object]] = {
    401: {"model": Problem, "description": "not logged in"},
    403: {"model": Problem, "description": "role, areas, or a token's scopes do not allow it"},
    404: {"model": Problem, "description": "there is no such thing"},
    503: {"model": Problem, "description": "the store cannot be used"},
}
WRITE_ERRORS: dict[int | str, dict[str, object]] = {
    **ERRORS,
    403: {"model": Problem, "description": "not allowed, or the CSRF token is missing or wrong"},
    409: {"model": Problem, "description": "the request id is taken"},
    411: {"model": Problem, "description": "Content-Length is missing"},
    413: {"model": Problem, "description": "the body is too long"},
}
router = APIRouter(prefix="/api/v1", responses=ERRORS)


@router.get("/actions/{request_id}", tags=["actions"], dependencies=[needs(Permission.VIEW)])
def get_action(request: Request, services: ServicesOf, request_id: str) -> ActionAnswer:
    """How a request stands."""
    status = services.backend.queries.request_state(request_id[:64])
    if status is None:
        raise HTTPException(404, "there is no such request")
    return answer(request, services, status)


@router.get("/health", tags=["plant"], dependencies=[needs(Permission.VIEW)])
def get_health(services: ServicesOf) -> HealthAnswer:
    """Every stage's health."""
    view = services.health()
    return HealthAnswer(
        at=view.at,
        worst=view.worst,
        silent=view.silent,
        stages=tuple(
            StageAnswer(
                stage=stage.stage,
                health=stage.health,
                reason=stage.reason,
                age_s=stage.age_s,
                figures=dict(stage.figures),
            )
            for stage in view.stages
        ),
        kept=() if services.backend.of_replica else kept(services.site.retention),
        people_covered=services.site.privacy.blur_people,
    )


@router.get("/cameras", tags=["plant"], dependencies=[needs(Permission.VIEW)])
def get_cameras(services: ServicesOf) -> list[CameraAnswer]:
    """Every camera of the site."""
    folder, now = services.settings.previews, services.now()
    return [
        CameraAnswer(
            camera_id=view.camera_id,
            area=view.area,
            health=view.stage.health,
            sign=view.sign.upper(),
            reason=view.sign_detail,
            fps=view.fps,
            budget_fps=view.budget_fps,
            picture_age_s=view.age_s,
            picture=f"/api/v1/cameras/{view.camera_id}/picture.jpg",
        )
        for view in camera_views(services.site, services.own_health(), folder, now)
    ]


@router.get("/areas", tags=["plant"], dependencies=[needs(Permission.VIEW)])
def get_areas(services: ServicesOf) -> list[AreaAnswer]:
    """Every area with its worst alarm, and whether it is watched."""
    counts = services.backend.queries.active_counts_by_area()
    views = area_views(services.site, counts, services.health())
    return [
        AreaAnswer(
            area=view.area,
            name=view.name,
            status=view.status,
            worst=view.worst,
            alarms=view.alarms,
            unacknowledged=view.unacknowledged,
            unwatched=tuple(f"{name}: {state.value}" for name, state in view.unwatched),
        )
        for view in views
    ]


def answer(request: Request, services: Services, status: RequestStatus) -> ActionAnswer:
    """How a request stands, as the API says it in the language that is asked for."""
    word, text = services.request_text(status, language_of(request, services.site))
    return ActionAnswer(
        status=status, state=status.state, answered=word not in ("pending", "unanswered"), text=text
    )
