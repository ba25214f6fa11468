"""From a form to an ActionRequest: bounds, and what each verb needs."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboard.access import Permission, Person
from dashboard.services import Services
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, Verb

SHELVE_MAX_S = 12 * 3600.0
"""Longer than a shift is no shelving but taking out of service."""


class ActionForm(BaseModel):
    """What a person asks for, as a form or as JSON.

    `request_id` is made with the page, so that a form that is sent twice counts once.
    """

    model_config = ConfigDict(extra="ignore")

    verb: Verb
    expected_revision: int = Field(ge=1, description="the revision that the person has seen")
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""
    duration_min: float | None = Field(
        default=None, gt=0, le=SHELVE_MAX_S / 60, description="for shelve, in minutes"
    )
    request_id: uuid.UUID = Field(default_factory=uuid.uuid4)


def submit(services: Services, alert_id: str, person: Person, form: ActionForm) -> RequestStatus:
    """Hand the request to the agent core, which checks role and areas once more.

    Raises:
        HTTPException: 403 where the person may not act in the alarm's area,
            404 where there is no such alarm, 409 where the id belongs to another request.
        ValueError: with the mend, where something that the verb needs is missing.
        StoreError: if the database cannot be written.
    """
    if form.verb is Verb.SHELVE and form.duration_min is None:
        raise ValueError("Shelving needs a duration, at most 12 hours: choose one.")
    if form.verb in (Verb.SHELVE, Verb.COMMENT) and not form.comment:
        what = "a reason" if form.verb is Verb.SHELVE else "a text"
        raise ValueError(f"{form.verb.value.capitalize()} needs {what}: write it, then repeat.")
    found = services.backend.queries.get_alert(alert_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    if not person.may(Permission.ACT, found.current.area):
        areas = ", ".join(person.areas)
        raise HTTPException(
            403, f"you may act on {areas}, not on {found.current.area}: ask who is responsible"
        )
    request = ActionRequest(
        request_id=str(form.request_id),
        alert_id=alert_id,
        verb=form.verb,
        actor=person.name,
        role=person.role,
        areas=person.areas,
        expected_revision=form.expected_revision,
        comment=form.comment,
        duration_s=form.duration_min * 60
        if form.verb is Verb.SHELVE and form.duration_min is not None
        else None,
        requested_at=services.now(),
    )
    status = services.backend.submit(request)
    kept = status.request
    if (kept.alert_id, kept.actor, kept.verb) != (alert_id, person.name, form.verb):
        raise HTTPException(409, "this request id is taken: load the page again and repeat")
    return status
