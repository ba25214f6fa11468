"""Takes orders for long work: a job is stored, and the process of the jobs does it.

Whoever asked for a job may have it end before its end, and so may an administrator of all areas.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.core.dispatch import FAILED, audit, finish_with
from edge_agent.core.revisions import Commit
from edge_agent.core.site_changes import in_audit
from edge_agent.core.store_thread import StoreThread
from hazard.alarms.arguments import CancelJob, StartJob, arguments_as
from hazard.alarms.authorization import refuse_elsewhere, refuse_unauthorized
from hazard.errors import Forbidden, HazardError, IllegalTransition
from hazard.jobs import Job, JobKind, JobState
from hazard.site.change import propose
from hazard.site.reach import areas_of_change
from hazard.site.text import read_content
from hazard.store.operations import Operation, SaveJob
from hazard.store.store import Store
from hazard.types import ActionRequest, RequestOutcome, RequestState, Role, Verb

MAX_WAITING = 20
"""Jobs that wait for their turn; whoever asks for more is told to wait."""

log = structlog.get_logger()


class JobDesk:
    """Stores and cancels jobs; the same request again makes no second one."""

    def __init__(self, store: Store, thread: StoreThread, commit: Commit, site_file: Path) -> None:
        self._store, self._thread, self._commit = store, thread, commit
        self._site_file = site_file

    async def carry_out(self, request: ActionRequest) -> None:
        """Store or cancel the job, or refuse it; either way the outcome is stored."""
        now = datetime.now(UTC)
        try:
            if request.verb is Verb.CANCEL_JOB:
                done = await self._cancelled(request, now)
            else:
                done = await self._begun(request, now)
        except HazardError as error:
            self._refuse(request, str(error), now)
        except SQLAlchemyError as error:
            log.warning("job.not_ordered", error=str(error)[:300])
            self._refuse(request, "the database cannot be used now: ask again", now)
        except Exception:
            log.exception("job.not_ordered", request_id=request.request_id)
            self._refuse(request, FAILED, now)
        else:
            self._commit(done)

    async def _begun(self, request: ActionRequest, now: datetime) -> tuple[Operation, ...]:
        job = await self._job(request, now)
        text = f"job {job.kind.value} waits for its turn"
        return SaveJob(job=job), *_done(request, job, text, now)

    async def _cancelled(self, request: ActionRequest, now: datetime) -> tuple[Operation, ...]:
        """End the job at once; what is written here afterwards is only that it was."""
        job_id = arguments_as(CancelJob, request).job_id
        refuse_unauthorized(request, None)
        job = await self._thread.run(partial(self._store.jobs.get, job_id))
        if job is None:
            raise IllegalTransition(f"there is no job {job_id!r}: it may be too old")
        anybodys = request.role is Role.ADMINISTRATOR and not request.areas
        if request.actor != job.actor and not anybodys:
            raise Forbidden(
                f"job {job.kind.value} was asked for by {job.actor}: ask them, or an administrator "
                "of all areas"
            )
        text = f"cancelled by {request.actor}"
        ended = await self._thread.run(partial(self._store.jobs.cancel, job_id, text, now))
        if not ended and not (job.state is JobState.CANCELLED and job.message == text):
            raise IllegalTransition(f"job {job.kind.value} is over already: nothing was cancelled")
        return _done(request, job, f"job {job.kind.value} {text}", now)

    async def _job(self, request: ActionRequest, now: datetime) -> Job:
        arguments = arguments_as(StartJob, request)
        refuse_unauthorized(request, None)
        if await self._thread.run(self._store.jobs.waiting) >= MAX_WAITING:
            raise IllegalTransition(
                f"{MAX_WAITING} jobs wait already: ask again when some of them are done"
            )
        subject = await self._subject(request, arguments, now)
        return Job(
            job_id=request.request_id,
            kind=arguments.kind,
            subject=subject,
            actor=request.actor,
            message="waits for its turn",
            arguments=arguments.model_dump(mode="json", exclude={"kind"}, exclude_none=True),
            created_at=now,
        )

    async def _subject(self, request: ActionRequest, arguments: StartJob, now: datetime) -> str:
        if arguments.kind is JobKind.WEEKLY_REPORT:
            if arguments.week_of is not None and arguments.week_of > now.date():
                raise IllegalTransition(
                    f"week_of {arguments.week_of} is still to come: name a day that was"
                )
            refuse_elsewhere(request, None)
            return str(arguments.week_of or "")
        if arguments.kind is JobKind.DRY_RUN or arguments.assessment_id is None:
            if request.areas:
                refuse_elsewhere(request, await asyncio.to_thread(self._reached, arguments))
            return ""
        read = partial(self._store.queries.assessment, arguments.assessment_id)
        stored = await self._thread.run(read)
        if stored is None:
            raise IllegalTransition(
                f"there is no assessment {arguments.assessment_id!r}: the alarm's page names "
                "those of an alarm"
            )
        area = stored.incident.area if stored.incident is not None else None
        refuse_elsewhere(request, None if area is None else frozenset({area}))
        return arguments.assessment_id

    def _reached(self, arguments: StartJob) -> frozenset[str] | None:
        """The areas that the change to be tried concerns; None: the whole plant.

        Raises:
            ConfigError: if the change makes no valid site file.
        """
        text = read_content(self._site_file).text
        proposal = propose(text, arguments.patch or {}, self._site_file)
        return areas_of_change(proposal.old, proposal.site, proposal.diff)

    def _refuse(self, request: ActionRequest, text: str, now: datetime) -> None:
        outcome = RequestOutcome(state=RequestState.REFUSED, text=text[:2000])
        line = audit(in_audit(request), outcome, now)
        self._commit((line, finish_with(request, outcome, now)))


def _done(request: ActionRequest, job: Job, text: str, now: datetime) -> tuple[Operation, ...]:
    values: dict[str, JsonValue] = {"job_id": job.job_id}
    outcome = RequestOutcome(state=RequestState.DONE, text=text, values=values)
    return audit(in_audit(request), outcome, now), finish_with(request, outcome, now)
