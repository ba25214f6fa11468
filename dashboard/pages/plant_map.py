"""The floor plans: handing them in, placing areas, cameras and sensors, taking them away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, Person, PersonOf, needs, refuse_beyond
from dashboard.plan_form import BadPlace, areas_touched, fields_of, places_of
from dashboard.plan_pictures import FILE_MAX, BadPicture, plan_picture
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf
from hazard.errors import Conflict
from hazard.store.plans import NoSuchPlan, TooManyPlans

router = APIRouter(include_in_schema=False)
EDITS = [Depends(require_csrf), needs(Permission.EDIT_SITE)]
WHOLE = [Depends(require_csrf), needs(Permission.EDIT_SITE, everywhere=True)]
"""A picture shows the whole plant: it is not one area's to change."""
PlanName = Annotated[str, Form(min_length=1, max_length=120)]
Expected = Annotated[datetime, Form(description="when the plan was last changed, as it was shown")]


@router.get("/map", dependencies=[needs(Permission.EDIT_SITE)])
def plans_page(request: Request, services: ServicesOf, plan: str = "") -> Response:
    """All plans, and one of them to place things on."""
    return _page(request, services, plan)


@router.get("/map/plans/{plan_id}/picture", dependencies=[needs(Permission.VIEW)])
def picture(request: Request, services: ServicesOf, plan_id: str) -> Response:
    """A plan's picture; its address names its hash, so that browsers may keep it."""
    found = services.backend.plans.picture(plan_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such plan")
    data, media_type, sha256 = found
    tag = f'"{sha256[:32]}"'
    headers = {"etag": tag, "cache-control": "private, max-age=86400"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


@router.post("/map/plans", dependencies=WHOLE)
def hand_in(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    file: UploadFile,
    *,
    name: PlanName = "",
    plan: Annotated[str, Form(max_length=64)] = "",
    expected: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Keep a new plan, or put another picture under one (`plan`)."""
    data = file.file.read(FILE_MAX + 1)
    try:
        kept = plan_picture(data)
    except BadPicture as error:
        return _page(request, services, plan, problem=str(error), status=422)
    plans, now = services.backend.plans, services.now()
    with _told():
        if plan:
            plans.replace(plan, kept, _time(expected), person.name, now)
        else:
            plan = plans.add(name.strip() or "Plan", kept, person.name, now)
    return RedirectResponse(f"/map?plan={plan}", status_code=303)


@router.post("/map/plans/{plan_id}/places", dependencies=EDITS)
async def place(request: Request, services: ServicesOf, person: PersonOf, plan_id: str) -> Response:
    """Say what lies where; whose role holds in some areas places what belongs to those."""
    form = await request.form()
    return await run_in_threadpool(_place, request, services, person, plan_id, dict(form))


@router.post("/map/plans/{plan_id}/remove", dependencies=WHOLE)
def remove(services: ServicesOf, person: PersonOf, plan_id: str, expected: Expected) -> Response:
    """Take a plan away."""
    with _told():
        services.backend.plans.remove(plan_id[:64], expected, person.name, services.now())
    return RedirectResponse("/map", status_code=303)


def _place(
    request: Request, services: Services, person: Person, plan_id: str, form: dict[str, Any]
) -> Response:
    with _told():
        plan = services.backend.plans.get(plan_id[:64])
    try:
        if person.areas:
            touched = areas_touched(form, plan, services.site)
            refuse_beyond(person, Permission.EDIT_SITE, touched or person.areas)
        places = places_of(form, services.site, plan, person.areas)
    except BadPlace as error:
        return _page(request, services, plan_id, problem=str(error), status=422, typed=form)
    expected = _time(str(form.get("expected", "")))
    with _told():
        services.backend.plans.place(plan.plan_id, places, expected, person.name, services.now())
    return RedirectResponse(f"/map?plan={plan_id}&saved=1", status_code=303)


@contextmanager
def _told() -> Iterator[None]:
    """A conflict and a missing plan as answers that say so."""
    try:
        yield
    except (Conflict, TooManyPlans) as error:
        raise HTTPException(409, str(error)) from error
    except NoSuchPlan as error:
        raise HTTPException(404, str(error)) from error


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError as error:
        raise HTTPException(422, "expected: no time: load the page again") from error
    if at.tzinfo is None:
        raise HTTPException(422, "expected: a time without zone: load the page again")
    return at


def _page(
    request: Request,
    services: Services,
    plan_id: str,
    *,
    problem: str = "",
    status: int = 200,
    typed: dict[str, Any] | None = None,
) -> Response:
    plans = services.backend.plans.all()
    chosen = next((each for each in plans if each.plan_id == plan_id), plans[0] if plans else None)
    return services.page(
        request,
        "map.html",
        status=status,
        plans=plans,
        plan=chosen,
        values=fields_of(chosen) | (typed or {}),
        problem=problem,
        saved="saved" in request.query_params,
    )
