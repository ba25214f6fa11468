"""From a form to an ActionRequest about one alarm: bounds, and what each verb needs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from dashboard.access import MEANING, Person, refuse_unscoped
from dashboard.given import no_longer_than
from dashboard.incident.offers import PERMISSION, may_ask
from dashboard.services import Services
from hazard.alarms.arguments import ARGUMENTS, parse_arguments
from hazard.errors import IllegalTransition
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, AlertMessage, Verb

SHELVE_MAX_S = 12 * 3600.0
"""Longer than a shift is no shelving but taking out of service."""
ORDER_MAX_MIN = 31 * 24 * 60.0
TIMED = frozenset({Verb.SHELVE, Verb.GRANT_PERMIT, Verb.TAKE_OUT_OF_SERVICE})
"""Verbs that need a time after which they end by themselves."""
REASONED = {
    Verb.SHELVE: "a reason",
    Verb.COMMENT: "a text",
    Verb.GRANT_PERMIT: "a reason",
    Verb.TAKE_OUT_OF_SERVICE: "a reason",
}


class ActionForm(BaseModel):
    """What a person asks for, as a form or as JSON.

    `request_id` is made with the page, so that a form that is sent twice counts once.
    """

    model_config = ConfigDict(extra="ignore")

    verb: Verb
    expected_revision: int = Field(ge=1, description="the revision that the person has seen")
    comment: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=2000), no_longer_than(2000)
    ] = ""
    duration_min: float | None = Field(
        default=None,
        gt=0,
        le=ORDER_MAX_MIN,
        description="in minutes; for shelve (at most 720), grant-permit and take-out-of-service",
    )
    request_id: uuid.UUID = Field(default_factory=uuid.uuid4)
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, max_length=16, description="of the verb, e.g. assignee or cause"
    )


def submit(services: Services, alert_id: str, person: Person, form: ActionForm) -> RequestStatus:
    """Hand the request to the agent core, which checks role and areas once more.

    Raises:
        HTTPException: 403 where the person may not ask for that in the alarm's area, 404 where
            there is no such alarm, 409 where the id belongs to another request.
        ValueError: with the mend, where something that the verb needs is missing or wrong.
        StoreError: if the database cannot be written.
    """
    if form.verb not in PERMISSION:
        raise ValueError(f"{form.verb.value} concerns no alarm: want {', '.join(PERMISSION)}")
    _check(form)
    message = services.backend.queries.current(alert_id[:64])
    if message is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    refuse_unscoped(person, PERMISSION[form.verb])
    if not may_ask(person, form.verb, message.area):
        where = f" (your areas are {', '.join(person.areas)})" if person.areas else ""
        raise HTTPException(
            403,
            f"{form.verb.value} in area {message.area} is not for you as {person.role.value}"
            f"{where}: it takes somebody who may {MEANING[PERMISSION[form.verb]]}",
        )
    timed = form.verb in TIMED and form.duration_min is not None
    request = ActionRequest(
        request_id=str(form.request_id),
        alert_id=alert_id,
        verb=form.verb,
        actor=person.name,
        role=person.role,
        areas=person.areas,
        expected_revision=form.expected_revision,
        comment=form.comment,
        duration_s=form.duration_min * 60 if timed and form.duration_min is not None else None,
        arguments=form.arguments,
        requested_at=services.now(),
    )
    try:
        parse_arguments(request)
    except IllegalTransition as error:
        raise ValueError(str(error)) from error
    status = services.backend.submit(request)
    kept = status.request
    if (kept.alert_id, kept.actor, kept.verb) != (alert_id, person.name, form.verb):
        raise HTTPException(409, "this request id is taken: load the page again and repeat")
    return status


def _check(form: ActionForm) -> None:
    if form.verb in TIMED and form.duration_min is None:
        raise ValueError(f"{form.verb.value} needs a duration: choose one.")
    if form.verb is Verb.SHELVE and (form.duration_min or 0) * 60 > SHELVE_MAX_S:
        raise ValueError(f"duration_min is {form.duration_min:g}: an alarm is shelved 720 at most.")
    if form.verb in REASONED and not form.comment:
        raise ValueError(f"{form.verb.value} needs {REASONED[form.verb]}: write it, then repeat.")


def arguments_of(
    verb: Verb, fields: Mapping[str, str], message: AlertMessage, zone: str
) -> dict[str, JsonValue]:
    """The arguments of a verb from the fields of a page's form.

    Times there are local to the site. An empty assignee means nobody. Where an order is asked for,
    kind and area are the alarm's.

    Raises:
        ValueError: if a time is none.
    """
    found: dict[str, JsonValue] = {}
    for name in ARGUMENTS[verb].model_fields:
        value = fields.get(name, "").strip()
        if name in ("hazard", "area"):
            found[name] = getattr(message, name)
        elif name == "assignee":
            found[name] = value or None
        elif name == "due_at":
            found[name] = _utc(value, zone)
        elif name == "done":
            found[name] = value != "false"
        elif value:
            found[name] = value
    return found


def _utc(text: str, zone: str) -> str:
    try:
        local = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"due_at is {text[:40]!r}: choose a day and a time.") from error
    if local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).isoformat()
