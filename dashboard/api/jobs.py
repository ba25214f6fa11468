"""Long work over the API: start a job, and see how it stands."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import Field

from dashboard.access import Permission, Person, PersonOf, needs, refuse_beyond
from dashboard.api.models import ActionAnswer, Problem
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.api.routes import answer as action_answer
from dashboard.api.site import document
from dashboard.asking import RequestId, ask, cancel, may_read
from dashboard.editing.check import check, refuse_reach
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from dashboard.waiting import job_text
from hazard.alarms.arguments import LONGEST_DRY_RUN_H, Patch
from hazard.errors import StoreError
from hazard.jobs import Job, JobKind
from hazard.types import Model, Verb

router = APIRouter(
    prefix="/api/v1/jobs",
    tags=["jobs"],
    responses={**ERRORS, 403: {"model": Problem, "description": "the role does not allow it"}},
)


class JobForm(Model):
    """Long work to be done; which fields it needs depends on its kind."""

    request_id: RequestId
    kind: JobKind
    assessment_id: str | None = Field(
        default=None, min_length=8, max_length=64, description="of replay_decision"
    )
    patch: Patch | None = Field(default=None, description="of dry_run")
    hours: float = Field(default=24.0, gt=0, le=LONGEST_DRY_RUN_H, description="of dry_run")
    week_of: date | None = Field(default=None, description="of weekly_report")
    language: Literal["en", "fr", "de", "es", "it"] = "en"


class JobAnswer(Job):
    """A job, and how it stands in words: what it waits for, how far it is, or why it failed."""

    told: str = Field(description="in the language that is asked for")


def _answer(services: Services, job: Job, language: str) -> JobAnswer:
    return JobAnswer(**dict(job), told=job_text(services, job, language))


class CancelForm(Model):
    """That a job is to end."""

    request_id: RequestId


@router.post(
    "",
    status_code=202,
    dependencies=[needs(Permission.START_JOBS), Depends(require_csrf)],
    responses=WRITE_ERRORS,
)
def start_job(
    request: Request, services: ServicesOf, person: PersonOf, form: JobForm
) -> ActionAnswer:
    """Ask the agent for it; the outcome's value `job_id` names the job.

    A report is of the whole plant. A replay belongs to its alarm's area, a dry run to the areas
    that its change concerns.
    """
    if person.areas:
        _refuse_beyond(services, person, form)
    arguments = form.model_dump(mode="json", exclude={"request_id"}, exclude_none=True)
    status = ask(services, person, Verb.START_JOB, arguments, request_id=form.request_id)
    return action_answer(request, services, status)


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    dependencies=[needs(Permission.START_JOBS), Depends(require_csrf)],
    responses={**WRITE_ERRORS, 409: {"model": Problem, "description": "the job is over already"}},
)
def cancel_job(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    form: CancelForm,
    job_id: Annotated[str, Path(min_length=1, max_length=64)],
) -> ActionAnswer:
    """End a job that waits or runs: one's own; an administrator of all areas any."""
    return action_answer(request, services, cancel(services, person, job_id, form.request_id))


def _refuse_beyond(services: Services, person: Person, form: JobForm) -> None:
    """Refuse, with 403, who asks for work on areas in which their role does not hold."""
    if form.kind is JobKind.WEEKLY_REPORT:
        refuse_beyond(person, Permission.START_JOBS)
    elif form.kind is JobKind.DRY_RUN:
        now = document(services)
        found = check(now, services.settings.site_file, now.sha256, form.patch or {})
        refuse_reach(person, Permission.START_JOBS, found)
    elif form.assessment_id is not None:
        with contextlib.suppress(StoreError):  # the core says what is wrong with the id
            stored = services.backend.queries.assessment(form.assessment_id)
            if stored is not None:
                area = (stored.incident.area,) if stored.incident is not None else ()
                refuse_beyond(person, Permission.START_JOBS, area)


@router.get("", dependencies=[needs(Permission.START_JOBS)])
def list_jobs(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    kind: JobKind | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[JobAnswer]:
    """Jobs, newest first; where a role holds in some areas only, not what others try."""
    jobs = services.backend.jobs.recent(
        kind=None if kind is None else kind.value,
        dry_runs_of=person.name if person.areas else None,
        limit=limit,
    )
    language = language_of(request, services.site)
    return [_answer(services, job, language) for job in jobs]


@router.get("/{job_id}", dependencies=[needs(Permission.START_JOBS)])
def get_job(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    job_id: Annotated[str, Path(max_length=64)],
) -> JobAnswer:
    """How one job stands, with its result once it is done."""
    job = services.backend.jobs.get(job_id)
    if job is None:
        raise HTTPException(404, "there is no such job: it may be too old")
    if not may_read(person, job):
        raise HTTPException(403, f"{job.actor} asked for it: ask them, or an administrator")
    return _answer(services, job, language_of(request, services.site))
