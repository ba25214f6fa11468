"""One incident: its page, the parts of it that change, and what people ask on it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.actions import ActionForm, arguments_of, submit
from dashboard.i18n import N_
from dashboard.incident.page import page
from dashboard.incident.replays import start_replay
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from hazard.store.queries import RequestStatus

router = APIRouter(include_in_schema=False)
AlertId = Annotated[str, "an alert's id; unknown ones give 404"]
FIELDS_MAX = 24


class Shown(BaseModel):
    """What the page shows beside the incident: the request, and the file, that were asked for."""

    asked: str = Field(default="", max_length=64)
    exported: str = Field(default="", max_length=64)


@router.get("/alerts/{alert_id}", dependencies=[needs(Permission.VIEW)])
def incident(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    shown: Annotated[Shown, Query()],
) -> Response:
    """One incident with everything that is known about it."""
    context = _context(request, services, person, alert_id)
    status = services.backend.queries.request_state(shown.asked) if shown.asked else None
    known = None if status is None else _outcome(request, services, status)
    return services.page(
        request,
        "incident.html",
        **context,
        asked=known,
        export=services.exports.of(shown.exported, person.account_id),
    )


@router.get("/fragments/alerts/{alert_id}", dependencies=[needs(Permission.VIEW)])
def incident_fragment(
    request: Request, services: ServicesOf, person: PersonOf, alert_id: AlertId
) -> Response:
    """The parts of an incident's page that change, each with an id of its own."""
    context = _context(request, services, person, alert_id)
    return services.render(request, "fragments/incident/parts.html", **context)


@router.get("/fragments/alerts/{alert_id}/actions", dependencies=[needs(Permission.VIEW)])
def actions_fragment(
    request: Request, services: ServicesOf, person: PersonOf, alert_id: AlertId
) -> Response:
    """The forms that fit the alarm's state and the person now."""
    context = _context(request, services, person, alert_id)
    return services.render(request, "fragments/incident/actions.html", **context)


@router.get("/fragments/requests/{request_id}", dependencies=[needs(Permission.VIEW)])
def request_fragment(request: Request, services: ServicesOf, request_id: str) -> Response:
    """How a request stands."""
    status = services.backend.queries.request_state(request_id[:64])
    if status is None:
        raise HTTPException(404, "there is no such request")
    asked = _outcome(request, services, status)
    return services.render(request, "fragments/request.html", asked=asked)


async def form_fields(request: Request) -> dict[str, str]:
    """The text fields of a form, a bounded number."""
    form = await request.form(max_fields=FIELDS_MAX, max_files=0)
    return {name: value for name, value in form.items() if isinstance(value, str)}


@router.post(
    "/alerts/{alert_id}/actions", dependencies=[Depends(require_csrf), needs(Permission.ACT)]
)
def act(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    fields: Annotated[dict[str, str], Depends(form_fields)],
) -> Response:
    """Hand in a request; the page then shows what becomes of it."""
    try:
        form = _form(services, alert_id, fields)
        status = submit(services, alert_id, person, form)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise HTTPException(422, f"{first['loc'][0]}: {first['msg']}") from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if request.headers.get("x-fragment"):
        asked = _outcome(request, services, status)
        return services.render(request, "fragments/request.html", asked=asked)
    target = f"/alerts/{status.request.alert_id}?asked={status.request.request_id}"
    return RedirectResponse(target, status_code=303)


@router.post(
    "/alerts/{alert_id}/replays",
    dependencies=[Depends(require_csrf), needs(Permission.START_JOBS)],
)
def judge_again(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    assessment_id: Annotated[str, Form(min_length=8, max_length=64)],
) -> Response:
    """Have a decision judged again; the page shows how far the job is, and what came of it."""
    status = start_replay(services, person, alert_id, assessment_id)
    if request.headers.get("x-fragment"):
        asked = _outcome(request, services, status)
        return services.render(request, "fragments/request.html", asked=asked)
    target = f"/alerts/{alert_id}?asked={status.request.request_id}"
    return RedirectResponse(target, status_code=303)


def _form(services: Services, alert_id: str, fields: dict[str, str]) -> ActionForm:
    given = {name: value for name, value in fields.items() if name != "arguments" and value}
    form = ActionForm.model_validate(given)
    message = services.backend.queries.current(alert_id[:64])
    if message is None:
        raise HTTPException(404, N_("there is no such alarm: go back to the list"))
    zone = services.site.site.timezone
    return form.model_copy(update={"arguments": arguments_of(form.verb, fields, message, zone)})


def _outcome(
    request: Request, services: Services, status: RequestStatus
) -> tuple[RequestStatus, str, str]:
    language = language_of(request, services.site)
    return (status, *services.request_text(status, language))


def _context(request: Request, services: Services, person: Person, alert_id: str) -> dict[str, Any]:
    found = services.backend.queries.get_alert(alert_id[:64])
    if found is None:
        raise HTTPException(404, N_("there is no such alarm: go back to the list"))
    return page(services, found, language_of(request, services.site), person)
