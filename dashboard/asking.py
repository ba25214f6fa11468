"""Requests to the agent core that concern no alarm: the site file, jobs, orders."""

from __future__ import annotations

import uuid
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import HTTPException
from pydantic import Field, JsonValue, StringConstraints, ValidationError

from dashboard.access import Permission, Person
from dashboard.given import no_longer_than
from dashboard.security import local_path
from dashboard.services import Services
from hazard.alarms.arguments import parse_arguments
from hazard.errors import IllegalTransition
from hazard.jobs import Job, JobKind
from hazard.store.queries import RequestStatus
from hazard.types import ActionRequest, Model, Verb

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    no_longer_than(500),
]
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


def may_cancel(person: Person, job: Job) -> bool:
    """Whether somebody may end this job: who asked for it, or an administrator of all areas."""
    theirs = person.name == job.actor and person.may(Permission.START_JOBS)
    return not job.over and (theirs or person.may(Permission.ADMINISTER))


def may_read(person: Person, job: Job) -> bool:
    """Whether somebody may read this job: what others try concerns areas of which it is not said.

    Replays and reports stand on pages that everybody sees.
    """
    return not person.areas or job.kind is not JobKind.DRY_RUN or job.actor == person.name


def cancel(services: Services, person: Person, job_id: str, request_id: uuid.UUID) -> RequestStatus:
    """Ask the agent to end a job before its end.

    Raises:
        HTTPException: 403 where it is another's, 404 where there is none, 409 where it is over.
        StoreError: if the database cannot be written.
    """
    job = services.backend.jobs.get(job_id[:64])
    if job is None:
        raise HTTPException(404, "there is no such job: it may be too old")
    if job.over:
        raise HTTPException(409, "this job is over already: nothing is left to cancel")
    if not may_cancel(person, job):
        raise HTTPException(403, f"{job.actor} asked for it: ask them, or an administrator")
    arguments: dict[str, JsonValue] = {"job_id": job.job_id}
    return ask(services, person, Verb.CANCEL_JOB, arguments, request_id=request_id)


def page_of(back: str, request_id: uuid.UUID) -> str:
    """The page that somebody came from, as they had it, which says what becomes of the request."""
    page = urlsplit(local_path(back))
    kept = [pair for pair in parse_qsl(page.query) if pair[0] != "asked"]
    query = urlencode([*kept, ("asked", str(request_id))])
    return urlunsplit(("", "", page.path, query, page.fragment))


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
