"""Acknowledging many alarms at once: one request for each, each with an outcome of its own."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboard.access import Person
from dashboard.actions import ActionForm, submit
from dashboard.given import no_longer_than
from dashboard.services import Services
from dashboard.spoken import told
from dashboard.views import AlarmView, alarm_view
from hazard.store.queries import RequestStatus
from hazard.types import Verb

AT_ONCE = 100
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    no_longer_than(2000),
]


class Looked(BaseModel):
    """One alarm, and the revision that the person has seen."""

    model_config = ConfigDict(extra="forbid")

    alert_id: str = Field(min_length=1, max_length=64)
    revision: int = Field(ge=1, le=2**31 - 1)


class BulkForm(BaseModel):
    """What a person asks for many alarms. The same `batch` again is carried out once."""

    model_config = ConfigDict(extra="forbid")

    alerts: list[Looked] = Field(min_length=1, max_length=AT_ONCE)
    reason: Reason
    batch: uuid.UUID = Field(default_factory=uuid.uuid4)


class Outcome(BaseModel):
    """How one alarm's request stands.

    Attributes:
        word: pending, unanswered, done, conflict or refused.
        request_id: empty where nothing was handed in.
    """

    alert_id: str
    request_id: str
    word: str
    text: str


def request_id(batch: uuid.UUID, alert_id: str) -> uuid.UUID:
    """The request of one alarm of a batch: sent twice, it is the same."""
    return uuid.uuid5(batch, alert_id)


def acknowledge(services: Services, person: Person, form: BulkForm, language: str) -> list[Outcome]:
    """Hand in a request for each alarm; one that is refused keeps none of the others back.

    Raises:
        StoreError: if the database cannot be written; what was handed in before stays.
    """
    outcomes = []
    for looked in {each.alert_id: each for each in form.alerts}.values():
        wanted = request_id(form.batch, looked.alert_id)
        ask = ActionForm(
            verb=Verb.ACKNOWLEDGE,
            expected_revision=looked.revision,
            comment=form.reason,
            request_id=wanted,
        )
        try:
            status = submit(services, looked.alert_id, person, ask)
        except HTTPException as error:
            outcomes.append(
                Outcome(
                    alert_id=looked.alert_id,
                    request_id="",
                    word="refused",
                    text=told(str(error.detail), language),
                )
            )
            continue
        outcomes.append(_outcome(services, status, language))
    return outcomes


def outcomes_of(
    services: Services, batch: uuid.UUID, alerts: list[str], language: str
) -> list[Outcome]:
    """How the requests of a batch stand now; of those that were handed in."""
    found = []
    for alert_id in dict.fromkeys(alerts):
        status = services.backend.queries.request_state(str(request_id(batch, alert_id)))
        if status is not None:
            found.append(_outcome(services, status, language))
    return found


def titles(services: Services, alerts: list[str], language: str) -> dict[str, AlarmView]:
    """The alarms as they are called."""
    site, now = services.site, services.now()
    found = services.backend.queries.messages(alerts)
    return {each.alert_id: alarm_view(each, site, now, language) for each in found}


def _outcome(services: Services, status: RequestStatus, language: str) -> Outcome:
    word, text = services.request_text(status, language)
    request = status.request
    return Outcome(alert_id=request.alert_id, request_id=request.request_id, word=word, text=text)
