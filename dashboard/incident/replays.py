"""Decisions that were judged again: asked for here, done by a job of the agent, shown here."""

from __future__ import annotations

import uuid

from fastapi import HTTPException
from pydantic import ValidationError

from dashboard.access import Permission, Person
from dashboard.asking import ask
from dashboard.services import Services
from hazard.jobs import Job, JobKind, JobState
from hazard.store.queries import AlertDetail, RequestStatus
from hazard.triage.replay import Replay
from hazard.types import Model, Verb

SHOWN = 8
"""Assessments whose replays are looked for, the newest."""


class Judged(Model):
    """The newest replay of one assessment; `found` once it is done."""

    job: Job
    found: Replay | None = None

    @property
    def failed(self) -> bool:
        """Whether it could not be done; the job's message says why."""
        return self.job.state in (JobState.FAILED, JobState.CANCELLED)


def replays(services: Services, found: AlertDetail) -> dict[str, Judged]:
    """The newest replay of each of the newest assessments, by the assessment's id."""
    judged = {}
    for assessment in found.assessments[-SHOWN:]:
        jobs = services.backend.jobs.of_subject(assessment.assessment_id, limit=1)
        if jobs and jobs[0].kind is JobKind.REPLAY_DECISION:
            judged[assessment.assessment_id] = _read(jobs[0])
    return judged


def _read(job: Job) -> Judged:
    if job.state is not JobState.DONE:
        return Judged(job=job)
    try:
        return Judged(job=job, found=Replay.model_validate(job.result))
    except ValidationError:  # of a release that told it otherwise
        return Judged(job=job)


def start_replay(
    services: Services, person: Person, alert_id: str, assessment_id: str
) -> RequestStatus:
    """Ask the agent to judge one assessment of this alarm again.

    Raises:
        HTTPException: 403 where they may not in that area, 404 without such an alarm or assessment.
        StoreError: if the database cannot be written.
    """
    found = services.backend.queries.get_alert(alert_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    if not person.may(Permission.START_JOBS, found.current.area):
        raise HTTPException(
            403, f"decisions in area {found.current.area} are not for you to repeat"
        )
    if assessment_id not in {each.assessment_id for each in found.assessments}:
        raise HTTPException(404, "this alarm has no such assessment: load the page again")
    arguments = {"kind": JobKind.REPLAY_DECISION.value, "assessment_id": assessment_id}
    return ask(services, person, Verb.START_JOB, {**arguments}, request_id=uuid.uuid4())
