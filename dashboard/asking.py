"""Requests to the agent core that concern no alarm: the site file, jobs, orders."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import HTTPException
from pydantic import Field, JsonValue, StringConstraints, ValidationError

from dashboard.access import Person
from dashboard.services import Services
from hazard.alarms.arguments import parse_arguments
from hazard.errors import IllegalTransition
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, Model, Verb

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
RequestId = Annotated[
    uuid.UUID,
    Field(
        default_factory=uuid.uuid4,
        description="made by whoever asks: the same again counts once",
    ),
]


class Asked(Model):
    """What every request of a person has.

    Attributes:
        reason: why; it stands beside the outcome in audit and history.
    """

    request_id: RequestId
    reason: Reason = Field(description="why")


def ask(
    services: Services,
    person: Person,
    verb: Verb,
    arguments: dict[str, JsonValue],
    *,
    request_id: uuid.UUID,
    comment: str = "",
    duration_s: float | None = None,
) -> RequestStatus:
    """Hand a request to the agent core.

    Raises:
        HTTPException: 422 where the arguments are wrong, 409 where the id belongs to another
            request.
        StoreError: if the database cannot be written.
    """
    try:
        request = ActionRequest(
            request_id=str(request_id),
            verb=verb,
            actor=person.name,
            role=person.role,
            areas=person.areas,
            comment=comment,
            duration_s=duration_s,
            arguments=arguments,
            requested_at=services.now(),
        )
        parse_arguments(request)
    except (IllegalTransition, ValidationError) as error:
        raise HTTPException(422, str(error)[:500]) from error
    status = services.backend.submit(request)
    kept = status.request
    if (kept.actor, kept.verb, kept.arguments) != (person.name, verb, arguments):
        raise HTTPException(409, "this request id is taken: load the page again and repeat")
    return status
