"""The register of suppressions over the API: what holds, is shelved, and was; grant and end."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import Field, JsonValue

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.api.models import ActionAnswer, Problem
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.api.routes import answer as action_answer
from dashboard.asking import Asked, ask
from dashboard.register import Register, Shelf, register, shelf
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from hazard.errors import StoreError
from hazard.store.orders import OrderPage
from hazard.store.queries import RequestStatus
from hazard.types import Model, Name, Verb

LONGEST_H = 720.0
"""Hours of the longest order that a site file can allow."""

router = APIRouter(
    prefix="/api/v1/suppressions",
    tags=["suppressions"],
    responses={**ERRORS, 403: {"model": Problem, "description": "the role does not allow it"}},
)


class GrantForm(Asked):
    """An order of a person: a work permit, or something out of service. It always ends."""

    cause: Literal["hot_work", "confined_space", "lock_out", "out_of_service"]
    hazard: Name
    area: Name
    zone: Name | None = Field(default=None, description="zone of a camera; null: the whole area")
    hours: float = Field(gt=0, le=LONGEST_H)
    reference: str = Field(default="", max_length=64, description="number of the paper permit")


class EndForm(Asked):
    """An order that ends before its time."""


class Shelvings(Model):
    """The newest requests to shelve or unshelve."""

    requests: tuple[RequestStatus, ...]


@router.get("", dependencies=[needs(Permission.VIEW)])
def get_register(request: Request, services: ServicesOf) -> Register:
    """Orders that hold now, and the windows and machine states of the site file."""
    return register(services, language_of(request, services.site))


@router.get("/shelf", dependencies=[needs(Permission.VIEW)])
def get_shelf(request: Request, services: ServicesOf) -> Shelf:
    """Alarms that are shelved, suppressed by design or out of service now."""
    return shelf(services, language_of(request, services.site))


@router.get("/history", dependencies=[needs(Permission.VIEW)])
def get_history(
    services: ServicesOf,
    page: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderPage:
    """All orders, the latest start first."""
    try:
        return services.backend.orders.history(page=page, limit=limit)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error


@router.get("/shelvings", dependencies=[needs(Permission.VIEW)])
def get_shelvings(
    services: ServicesOf, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Shelvings:
    """Who shelved and unshelved what, for how long and why; newest first."""
    return Shelvings(requests=services.backend.orders.shelvings(limit=limit))


@router.post(
    "",
    status_code=202,
    dependencies=[needs(Permission.SUPPRESS), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def grant(
    request: Request, services: ServicesOf, person: PersonOf, form: GrantForm
) -> ActionAnswer:
    """Grant a permit or take out of service; the outcome's value `order_id` names the order."""
    _theirs(person, form.area)
    arguments: dict[str, JsonValue] = {"hazard": form.hazard, "area": form.area, "zone": form.zone}
    verb = Verb.TAKE_OUT_OF_SERVICE
    if form.cause != "out_of_service":
        verb = Verb.GRANT_PERMIT
        arguments |= {"permit": form.cause, "reference": form.reference}
    status = ask(
        services,
        person,
        verb,
        arguments,
        request_id=form.request_id,
        comment=form.reason,
        duration_s=form.hours * 3600,
    )
    return action_answer(request, services, status)


@router.post(
    "/{order_id}/end",
    status_code=202,
    dependencies=[needs(Permission.SUPPRESS), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def end(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    form: EndForm,
    order_id: Annotated[str, Path(min_length=1, max_length=64)],
) -> ActionAnswer:
    """End an order of a person before its time."""
    order = _standing(services, order_id)
    _theirs(person, order)
    status = ask(
        services,
        person,
        Verb.END_SUPPRESSION,
        {"order_id": order_id},
        request_id=form.request_id,
        comment=form.reason,
    )
    return action_answer(request, services, status)


def _standing(services: Services, order_id: str) -> str:
    for order in services.backend.orders.standing(services.now()):
        if order.order_id == order_id and order.role is not None:
            return order.area
    raise HTTPException(404, "no such order of a person holds now: it has ended already")


def _theirs(person: Person, area: str) -> None:
    if not person.may(Permission.SUPPRESS, area):
        raise HTTPException(
            403, f"area {area} is not one of yours: ask somebody who is responsible there"
        )
