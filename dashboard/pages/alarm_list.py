"""The page of the alarm list: filter, sort, saved views, acknowledging many, what changed, CSV."""

from __future__ import annotations

import uuid
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from pydantic import JsonValue, ValidationError
from starlette.responses import RedirectResponse, Response, StreamingResponse

from dashboard.access import Permission, Person, PersonOf, needs, refuse_beyond
from dashboard.alarm_list import (
    NEW_AT_MOST,
    SHOWS,
    STATES,
    alarm_page,
    hazards_in,
    new_since,
)
from dashboard.alarm_query import FormQuery, ListQuery, not_known, query_of
from dashboard.bulk import BulkForm, Looked, acknowledge, outcomes_of, titles
from dashboard.csv_export import csv_lines
from dashboard.security import SessionOf, require_csrf
from dashboard.services import Services, ServicesOf, language_of
from hazard.errors import StoreError
from hazard.store.saved_views import SavedView, ViewRefused
from hazard.types import DecidedBy, UtcTime

router = APIRouter(include_in_schema=False)
QueryOf = Annotated[FormQuery, Query()]
Mark = Annotated[str | None, Query(max_length=600)]
Ids = Annotated[list[str], Query(max_length=100)]
ViewName = Annotated[str, Form(min_length=1, max_length=64)]
CHANGES_SHOWN = 20
MOST_FIELDS = 200
"""Names and values that the address of a list may have."""


@router.get("/alarms", dependencies=[needs(Permission.VIEW)])
def alarms(request: Request, services: ServicesOf, person: PersonOf, page: Mark = None) -> Response:
    """The list; without any parameter the person's default view."""
    query = _query(request, services, person)
    context = _context(request, services, person, query, page)
    frame = _frame(request, services, person)
    return services.page(request, "alarms.html", **context, **frame, csv=_csv(person, query))


@router.get("/fragments/alarms", dependencies=[needs(Permission.VIEW)])
def alarms_fragment(
    request: Request, services: ServicesOf, person: PersonOf, query: QueryOf, page: Mark = None
) -> Response:
    """The rows with what stands around them."""
    context = _context(request, services, person, query, page)
    return services.render(request, "fragments/alarm_list.html", **context)


@router.get("/fragments/alarms/new", dependencies=[needs(Permission.VIEW)])
def new_fragment(
    request: Request, services: ServicesOf, query: QueryOf, at: Annotated[UtcTime, Query()]
) -> Response:
    """How many alarms of this list are new since the page was made."""
    number = new_since(services, query, at)
    return services.render(
        request,
        "fragments/new_alarms.html",
        number=min(number, NEW_AT_MOST),
        more=number > NEW_AT_MOST,
        query=query,
    )


@router.get("/alarms.csv", dependencies=[needs(Permission.EXPORT)])
def export(services: ServicesOf, person: PersonOf, query: QueryOf) -> Response:
    """The alarms of this list as CSV, in its order; of the areas in which the role holds."""
    refuse_beyond(person, Permission.EXPORT, query.area)
    details: dict[str, JsonValue] = {"list": query.address("")}
    services.backend.desk.audit(services.now(), person.name, "export_alarms", "alarms", details)
    stamp = f"{services.now():%Y%m%dT%H%M%SZ}"
    headers = {"content-disposition": f'attachment; filename="alarms-{stamp}.csv"'}
    return StreamingResponse(
        csv_lines(services, query), media_type="text/csv; charset=utf-8", headers=headers
    )


# ---------------------------------------------------------------- acknowledge many


@router.post("/alarms/acknowledge", dependencies=[needs(Permission.ACT), Depends(require_csrf)])
def acknowledge_many(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    *,
    alert: Annotated[list[str], Form(max_length=1000)] = [],  # noqa: B006 - FastAPI copies it
    reason: Annotated[str, Form(max_length=4000)] = "",
    batch: Annotated[uuid.UUID, Form()],
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """One request for each alarm; `alert` is `ID:REVISION` as the person saw it."""
    try:
        looked = [Looked(alert_id=i, revision=int(r)) for i, _, r in _parted(alert)]
        form = BulkForm(alerts=looked, reason=reason, batch=batch)
    except ValueError as error:
        raise HTTPException(422, _mend(error, bool(alert))) from error
    language = language_of(request, services.site)
    outcomes = acknowledge(services, person, form, language)
    context = _outcomes(request, services, outcomes, form.batch)
    if request.headers.get("x-fragment"):
        return services.render(request, "fragments/outcomes.html", **context)
    return services.page(request, "outcomes.html", **context, back=_back(back))


@router.get("/fragments/outcomes", dependencies=[needs(Permission.VIEW)])
def outcomes_fragment(
    request: Request, services: ServicesOf, batch: Annotated[uuid.UUID, Query()], alert: Ids
) -> Response:
    """How the requests of a batch stand."""
    language = language_of(request, services.site)
    found = outcomes_of(services, batch, alert, language)
    context = _outcomes(request, services, found, batch)
    return services.render(request, "fragments/outcomes.html", **context)


# ---------------------------------------------------------------- views, and what changed


@router.post("/alarms/views", dependencies=[needs(Permission.VIEW), Depends(require_csrf)])
def save_view(
    services: ServicesOf,
    person: PersonOf,
    _session: SessionOf,
    *,
    name: ViewName,
    query: Annotated[str, Form(max_length=2000)] = "",
    shared: Annotated[bool, Form()] = False,
    first: Annotated[bool, Form()] = False,
) -> Response:
    """Keep the list's filter and order under a name."""
    kept = _parsed(query).kept()
    views = services.backend.people.views
    try:
        made = views.save(person.account_id, name.strip(), kept, services.now(), shared=shared)
        if first:
            views.change(person.account_id, made.view_id, first=True)
    except ViewRefused as error:
        raise HTTPException(409, str(error)) from error
    return RedirectResponse(_parsed(query).address(), status_code=303)


@router.post(
    "/alarms/views/{view_id}", dependencies=[needs(Permission.VIEW), Depends(require_csrf)]
)
def change_view(
    services: ServicesOf,
    person: PersonOf,
    _session: SessionOf,
    view_id: str,
    *,
    act: Annotated[str, Form(pattern="^(save|delete)$")] = "save",
    name: ViewName,
    shared: Annotated[bool, Form()] = False,
    first: Annotated[bool, Form()] = False,
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Rename, share, make the default, or delete an own view."""
    views = services.backend.people.views
    try:
        if act == "delete":
            views.delete(person.account_id, view_id[:64])
        else:
            views.change(
                person.account_id, view_id[:64], name=name.strip(), shared=shared, first=first
            )
    except ViewRefused as error:
        raise HTTPException(409, str(error)) from error
    return RedirectResponse(_back(back), status_code=303)


@router.post("/alarms/seen", dependencies=[needs(Permission.VIEW), Depends(require_csrf)])
def seen(
    services: ServicesOf,
    person: PersonOf,
    _session: SessionOf,
    *,
    up_to: Annotated[UtcTime, Form()],
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """The person has seen what changed while they were away, up to when the page was made."""
    services.backend.people.presence.seen(person.account_id, min(up_to, services.now()))
    return RedirectResponse(_back(back), status_code=303)


# ---------------------------------------------------------------- parts


def _query(request: Request, services: Services, person: Person) -> ListQuery:
    """What the address asks for; with an empty one the person's default view.

    A default view that another release wrote, and of which this one does not know a part, is not
    half applied: the plain list stands instead, and the page says why.
    """
    if not _is_bare(request):
        return _parsed(request.url.query)
    view = _default(services.backend.people.views.of(person.account_id), person)
    return ListQuery() if view is None or not_known(view.query) else query_of(view.query)


def _is_bare(request: Request) -> bool:
    return not request.query_params.keys() - {"lang", "page"}


def _default(views: tuple[SavedView, ...], person: Person) -> SavedView | None:
    own = (view for view in views if view.first and view.account_id == person.account_id)
    return next(own, None)


def _address(view: SavedView) -> str | None:
    """Where a view's list is; None where this release does not know a part of it."""
    return None if not_known(view.query) else query_of(view.query).address()


def _parsed(text: str) -> ListQuery:
    """A query string as the list reads it.

    Raises:
        HTTPException: 422, with what is wrong.
    """
    found: dict[str, Any] = {}
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(
            422, f"the address has more than {MOST_FIELDS} fields: take filters away"
        ) from error
    for name, value in fields:
        found.setdefault(name, []).append(value)
    try:
        return query_of(found)
    except ValidationError as error:  # the first fault is enough to mend it
        first = error.errors(include_url=False)[0]
        raise HTTPException(422, f"{first['loc'][0]}: {first['msg']}") from error


def _context(
    request: Request, services: Services, person: Person, query: ListQuery, page: str | None
) -> dict[str, Any]:
    language = language_of(request, services.site)
    try:
        found = alarm_page(services, person, query, language, page)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error
    return {
        "list": found,
        "query": query,
        "batch": uuid.uuid4(),
        "health_silent": not found.rows and services.health().silent,
    }


def _frame(request: Request, services: Services, person: Person) -> dict[str, Any]:
    """What stands around the list: choices, views, and what changed meanwhile."""
    queries = services.backend.queries
    left_at = services.backend.people.presence.left_at(person.account_id)
    changes = queries.changes_since(left_at) if left_at is not None else None
    language = language_of(request, services.site)
    shown = changes.alerts[:CHANGES_SHOWN] if changes else ()
    named = titles(services, [message.alert_id for message, _ in shown], language)
    views = services.backend.people.views.of(person.account_id)
    default = _default(views, person) if _is_bare(request) else None
    lost = not_known(default.query) if default is not None else ()
    return {
        "not_applied": (default.name, lost) if default is not None and lost else None,
        "shows": SHOWS,
        "states": STATES,
        "deciders": tuple(DecidedBy),
        "hazards": hazards_in(language),
        "nodes": queries.nodes(),
        "views": views,
        "view_address": _address,
        "changes": changes or None,
        "changed": [(named[m.alert_id], became) for m, became in shown if m.alert_id in named],
    }


def _csv(person: Person, query: ListQuery) -> tuple[str, tuple[str, ...]] | None:
    """Where the list's file is, and the areas that it is narrowed to; None where none is theirs."""
    if not person.may(Permission.EXPORT):
        return None
    if not person.areas:
        return query.address("/alarms.csv"), ()
    own = tuple(area for area in query.area or person.areas if area in person.areas)
    return (query.address("/alarms.csv", area=own), own) if own else None


def _outcomes(
    request: Request, services: Services, outcomes: list[Any], batch: uuid.UUID
) -> dict[str, Any]:
    language = language_of(request, services.site)
    named = titles(services, [outcome.alert_id for outcome in outcomes], language)
    words = [outcome.word for outcome in outcomes]
    return {
        "outcomes": [(outcome, named.get(outcome.alert_id)) for outcome in outcomes],
        "counts": {word: words.count(word) for word in dict.fromkeys(words)},
        "waiting": any(word in ("pending", "unanswered") for word in words),
        "batch": batch,
    }


def _parted(alerts: list[str]) -> list[tuple[str, str, str]]:
    return [each.rpartition(":") for each in alerts]


def _mend(error: ValueError, chosen: bool) -> str:  # noqa: FBT001
    if not chosen:
        return "no alarm is chosen: tick at least one"
    if isinstance(error, ValidationError) and error.errors()[0]["loc"] == ("reason",):
        return "a reason is needed, of at most 2000 characters: write it, then repeat"
    return "at most 100 alarms at once: choose fewer, or load the list again"


def _back(text: str) -> str:
    """The list's address that the person came from."""
    return _parsed(text).address() if text else "/alarms"
