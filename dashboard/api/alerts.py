"""The alarm list in the API: with its filters and orders, saved views, acknowledging many."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboard.access import Permission, PersonOf, needs
from dashboard.alarm_list import sounding
from dashboard.alarm_query import ListQuery
from dashboard.api.models import Problem
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.bulk import AT_ONCE, BulkForm, Outcome, acknowledge, outcomes_of
from dashboard.given import GivenTime, no_longer_than
from dashboard.security import require_csrf
from dashboard.services import ServicesOf, language_of
from hazard.errors import StoreError
from hazard.store.queries import Counted
from hazard.store.saved_views import SavedView, ViewRefused
from hazard.store.since import Changes
from hazard.types import AlertMessage, UtcTime

router = APIRouter(prefix="/api/v1", responses=ERRORS)
ViewName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), no_longer_than(64)
]
AlertName = Annotated[str, StringConstraints(max_length=64)]
ViewId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class AlertList(BaseModel):
    """One page of alarms.

    Attributes:
        counted: how many there are, or that there are more; null where words are looked for.
        searched_to: the search for words stopped there; `next_page` goes on.
    """

    alerts: tuple[AlertMessage, ...]
    counted: Counted | None
    next_page: str | None = Field(description="give it as `page` for the next ones")
    searched_to: UtcTime | None


class Sounding(BaseModel):
    """Critical alarms that nobody has acknowledged: a sound is due while there are any."""

    alerts: tuple[str, ...]


class Outcomes(BaseModel):
    """How the requests of one batch stand."""

    batch: uuid.UUID
    outcomes: tuple[Outcome, ...]


class ViewForm(BaseModel):
    """A view to keep: the list's own parameters under a name."""

    model_config = ConfigDict(extra="forbid")

    name: ViewName
    query: ListQuery = Field(default_factory=ListQuery)
    shared: bool = False
    first: bool = Field(default=False, description="the list opens with it")


@router.get(
    "/alerts",
    tags=["alarms"],
    dependencies=[needs(Permission.VIEW)],
    responses={422: {"model": Problem, "description": "a filter or the page is wrong"}},
)
def list_alerts(
    services: ServicesOf,
    query: Annotated[ListQuery, Query()],
    page: Annotated[str | None, Query(max_length=600)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AlertList:
    """Alarms by filter and words, in any order; `show=all` for those that are over too."""
    where = query.where(services.site.site.timezone)
    queries = services.backend.queries
    try:
        found = queries.list_alerts(where, query.ordered, page=page, limit=limit)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error
    return AlertList(
        alerts=found.alerts,
        counted=queries.counted(where),
        next_page=found.next_page,
        searched_to=found.searched_to,
    )


@router.get("/sounding", tags=["alarms"], dependencies=[needs(Permission.VIEW)])
def get_sounding(services: ServicesOf) -> Sounding:
    """What a sound is due for, newest first, at most 100."""
    return Sounding(alerts=sounding(services)[:AT_ONCE])


@router.get("/changes", tags=["alarms"], dependencies=[needs(Permission.VIEW)])
def get_changes(
    services: ServicesOf, person: PersonOf, since: GivenTime | None = None
) -> Changes | None:
    """What was raised, escalated and cleared since a time, or since the person left."""
    moment = since or services.backend.people.presence.left_at(person.account_id)
    return None if moment is None else services.backend.queries.changes_since(moment)


@router.post(
    "/acknowledgements",
    tags=["actions"],
    status_code=202,
    dependencies=[needs(Permission.ACT), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def acknowledge_many(
    request: Request, services: ServicesOf, person: PersonOf, form: BulkForm
) -> Outcomes:
    """Ask the agent core to acknowledge alarms; each has an outcome of its own."""
    language = language_of(request, services.site)
    return Outcomes(batch=form.batch, outcomes=tuple(acknowledge(services, person, form, language)))


@router.get("/acknowledgements/{batch}", tags=["actions"], dependencies=[needs(Permission.VIEW)])
def get_acknowledgements(
    request: Request,
    services: ServicesOf,
    batch: uuid.UUID,
    alert: Annotated[list[AlertName], Query(min_length=1, max_length=AT_ONCE)],
) -> Outcomes:
    """How the requests of a batch stand, for these alarms."""
    language = language_of(request, services.site)
    return Outcomes(batch=batch, outcomes=tuple(outcomes_of(services, batch, alert, language)))


@router.get("/views", tags=["views"], dependencies=[needs(Permission.VIEW)])
def get_views(services: ServicesOf, person: PersonOf) -> list[SavedView]:
    """The person's own views, and those that others share."""
    return list(services.backend.people.views.of(person.account_id))


@router.post(
    "/views",
    tags=["views"],
    status_code=201,
    dependencies=[needs(Permission.VIEW), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def save_view(services: ServicesOf, person: PersonOf, form: ViewForm) -> SavedView:
    """Keep a view."""
    views = services.backend.people.views
    try:
        made = views.save(
            person.account_id, form.name, form.query.kept(), services.now(), shared=form.shared
        )
        if form.first:
            views.change(person.account_id, made.view_id, first=True)
    except ViewRefused as error:
        raise HTTPException(409, str(error)) from error
    return made.model_copy(update={"first": form.first})


@router.put(
    "/views/{view_id}",
    tags=["views"],
    status_code=204,
    dependencies=[needs(Permission.VIEW), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def change_view(services: ServicesOf, person: PersonOf, view_id: ViewId, form: ViewForm) -> None:
    """Change an own view."""
    try:
        services.backend.people.views.change(
            person.account_id,
            view_id,
            name=form.name,
            shared=form.shared,
            first=form.first,
            query=form.query.kept(),
        )
    except ViewRefused as error:
        raise HTTPException(409, str(error)) from error


@router.delete(
    "/views/{view_id}",
    tags=["views"],
    status_code=204,
    dependencies=[needs(Permission.VIEW), Depends(require_csrf)],
    responses={**ERRORS, 403: {"model": Problem, "description": "the CSRF token is wrong"}},
)
def delete_view(services: ServicesOf, person: PersonOf, view_id: ViewId) -> None:
    """Forget an own view."""
    try:
        services.backend.people.views.delete(person.account_id, view_id)
    except ViewRefused as error:
        raise HTTPException(404, str(error)) from error
