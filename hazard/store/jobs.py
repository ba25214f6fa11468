"""Jobs as rows: made and cancelled by the agent core, done by the process `edge_agent.jobs`.

Progress is written without waiting for the disk: it may be lost, the job may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, Engine, Select, Update, delete, func, select, update

from hazard.jobs import OVER, Job, JobKind, JobState
from hazard.store.side_tables import JobRow
from hazard.store.statements import insert_new
from hazard.store.writer import Writer

KEPT = 500
"""Jobs that are over and stay: the newest."""
WAIT_MS = 5000
"""How long the process of the jobs waits for the database's lock: it has time, alarms have not."""
MAX_MESSAGE = 2000

_OVER = tuple(sorted(state.value for state in OVER))
_FIELDS = tuple(Job.model_fields)


def insert_jobs(connection: Connection, jobs: Sequence[Job]) -> None:
    """Write new jobs, in the caller's transaction; one that is there already stays as it is."""
    insert_new(connection, JobRow, [_row(job) for job in jobs])


class Jobs:
    """Reads of jobs, and what their process writes of them. Safe to call from any thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer

    # ------------------------------------------------------------ reading

    def get(self, job_id: str) -> Job | None:
        """One job as it stands."""
        return next(iter(self._read(_query().where(JobRow.job_id == job_id))), None)

    def of_subject(self, subject: str, *, limit: int = 20) -> list[Job]:
        """The jobs about one thing (an assessment, a week), newest first."""
        query = _query().where(JobRow.subject == subject)
        return self._read(query.order_by(JobRow.created_at.desc()).limit(limit))

    def recent(
        self, *, kind: str | None = None, dry_runs_of: str | None = None, limit: int = 50
    ) -> list[Job]:
        """Jobs, newest first; of one kind, or of all; of dry runs those of one person, or all."""
        query = _query().order_by(JobRow.created_at.desc()).limit(limit)
        if dry_runs_of is not None:
            theirs = JobRow.actor == dry_runs_of
            query = query.where((JobRow.kind != JobKind.DRY_RUN.value) | theirs)
        return self._read(query.where(JobRow.kind == kind) if kind is not None else query)

    def going(self) -> list[Job]:
        """The jobs that are not over, in the order in which they are done."""
        query = _query().where(JobRow.state.not_in(_OVER))
        return self._read(query.order_by(JobRow.created_at, JobRow.job_id).limit(KEPT))

    def waiting(self) -> int:
        """Jobs that nobody has begun yet."""
        query = select(func.count()).where(JobRow.state == JobState.WAITING.value)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def fingerprint(self) -> list[tuple[str, str, float, str]]:
        """Id, state, progress and message of what changes: jobs not over, and the newest ended."""
        columns = (JobRow.job_id, JobRow.state, JobRow.progress, JobRow.message)
        going = select(*columns).where(JobRow.state.not_in(_OVER)).limit(KEPT)
        ended = (
            select(*columns)
            .where(JobRow.state.in_(_OVER))
            .order_by(JobRow.created_at.desc())
            .limit(20)
        )
        with self._engine.connect() as connection:
            rows = [*connection.execute(going).all(), *connection.execute(ended).all()]
        return [(row.job_id, row.state, row.progress, row.message) for row in rows]

    def _read(self, query: Select[Any]) -> list[Job]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Job.model_validate(dict(row)) for row in rows]

    # ------------------------------------------------------------ the process of the jobs

    def add(self, job: Job) -> None:
        """Store a job that nobody asked for; one that is there already stays as it is.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            insert_jobs(connection, [job])

    def begin_next(self, now: datetime) -> Job | None:
        """The oldest job that waits, which is running from now on; None if none waits.

        Raises:
            StoreError: if the store cannot be written; the job goes on waiting.
        """
        oldest = (
            select(JobRow.job_id)
            .where(JobRow.state == JobState.WAITING.value)
            .order_by(JobRow.created_at, JobRow.job_id)
            .limit(1)
        )
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            job_id = connection.execute(oldest).scalar_one_or_none()
            if job_id is not None:
                begun = {"state": JobState.RUNNING.value, "started_at": now, "message": ""}
                connection.execute(_update(job_id).values(**begun))
        return None if job_id is None else self.get(job_id)

    def tell(self, job_id: str, progress: float, message: str) -> None:
        """Write how far a job that runs is: 0 to 1, and words.

        Raises:
            StoreError: if the store cannot be written; the next word replaces this one.
        """
        values = {"progress": min(1.0, max(0.0, progress)), "message": message[:MAX_MESSAGE]}
        running = _update(job_id).where(JobRow.state == JobState.RUNNING.value)
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            connection.execute(running.values(**values))

    def cancel(self, job_id: str, text: str, at: datetime) -> bool:
        """End a job that waits or runs; False if it was over, and how it ended stays.

        Its process ends what it does when it sees that.

        Raises:
            StoreError: if the store cannot be written; the job goes on.
        """
        values = {"state": JobState.CANCELLED.value, "message": text[:MAX_MESSAGE]}
        going = _update(job_id).where(JobRow.state.not_in(_OVER))
        with self._writer.transaction() as connection:
            return connection.execute(going.values(**values, finished_at=at)).rowcount > 0

    def end(
        self, job_id: str, state: JobState, result: Mapping[str, JsonValue], text: str, at: datetime
    ) -> None:
        """Write what became of a job that runs; one that is over meanwhile stays so.

        Raises:
            StoreError: if the store cannot be written.
        """
        values: dict[str, Any] = {"state": state.value, "result": dict(result), "finished_at": at}
        if state is JobState.DONE:
            values["progress"] = 1.0
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            running = _update(job_id).where(JobRow.state == JobState.RUNNING.value)
            connection.execute(running.values(**values, message=text[:MAX_MESSAGE]))

    def fail_running(self, text: str, at: datetime) -> int:
        """Jobs that were running when their process died have failed; gives their number.

        Raises:
            StoreError: if the store cannot be written.
        """
        values = {"state": JobState.FAILED.value, "message": text[:MAX_MESSAGE], "finished_at": at}
        running = JobRow.state == JobState.RUNNING.value
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            return connection.execute(update(JobRow).where(running).values(**values)).rowcount

    def prune(self) -> int:
        """Forget the oldest of the jobs that are over, beyond `KEPT`; gives their number.

        Raises:
            StoreError: if the store cannot be written.
        """
        kept = (
            select(JobRow.job_id)
            .where(JobRow.state.in_(_OVER))
            .order_by(JobRow.created_at.desc(), JobRow.job_id)
            .limit(KEPT)
        )
        gone = delete(JobRow).where(JobRow.state.in_(_OVER), JobRow.job_id.not_in(kept))
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            return connection.execute(gone).rowcount


def _query() -> Select[Any]:
    return select(*(getattr(JobRow, name) for name in _FIELDS))


def _update(job_id: str) -> Update:
    return update(JobRow).where(JobRow.job_id == job_id)


def _row(job: Job) -> dict[str, Any]:
    return job.model_dump() | {"kind": job.kind.value, "state": job.state.value}
