"""The process of the jobs: has a child do one after the other, and tells the core how it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.core_link import CoreLink
from edge_agent.ipc import Configure, Message, WorkerReport
from edge_agent.jobs.registry import LONGEST_S, due_functions
from edge_agent.paths import Paths
from edge_agent.process import LAST_WORDS, MAX_WORDS, PARENT
from edge_agent.supervisor import describe_exit
from hazard.errors import StoreError
from hazard.jobs import OVER, Job, JobState
from hazard.site.models import Site
from hazard.store import Store
from hazard.types import Health

COMMIT_TIMEOUT_MS = 5000
LOOK_EVERY_S = 0.3
DUE_EVERY_S = 60.0
OPEN_AGAIN_S = 2.0
STOPPED = (
    "the agent was stopped, or its process of the jobs was killed, while this ran: ask for it again"
)

log = structlog.get_logger()


class JobWorker:
    """Does the jobs of one node.

    Args:
        paths: folders of the node.
        longest_s: a job that takes longer is ended.
    """

    def __init__(self, paths: Paths, *, longest_s: float = LONGEST_S) -> None:
        self._paths, self._longest_s = paths, longest_s
        self._site: Site | None = None
        self._running: Job | None = None
        self._ended = dict.fromkeys(OVER, 0)
        self._waiting = 0
        self._fault = "the database is not opened yet"
        self._link = CoreLink(paths.socket, "jobs", self._said, self._report)

    async def run(self) -> None:
        """Work until cancelled; a job that runs then is ended, and has failed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run())
            tasks.create_task(self._work_for_ever())

    def _said(self, message: Message) -> None:
        if isinstance(message, Configure):
            self._site = message.site

    async def _work_for_ever(self) -> None:
        while True:
            try:
                with await asyncio.to_thread(self._open) as store:
                    await asyncio.to_thread(store.jobs.fail_running, STOPPED, datetime.now(UTC))
                    self._fault = ""
                    await self._work(store)
            except StoreError as error:
                self._fault = f"the database cannot be used: {error}"[:300]
                log.warning("jobs.no_store", error=self._fault)
            await asyncio.sleep(OPEN_AGAIN_S)

    def _open(self) -> Store:
        return Store.open(self._paths.database, commit_timeout_ms=COMMIT_TIMEOUT_MS)

    async def _work(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        version, due_at_s = -1, loop.time()
        while True:
            if loop.time() >= due_at_s and self._site is not None:
                due_at_s = loop.time() + DUE_EVERY_S
                await asyncio.to_thread(self._add_due, store, self._site)
            seen = await asyncio.to_thread(store.data_version)
            if seen != version:
                version = seen
                await self._do_all(store)
                self._waiting = 0
            await asyncio.sleep(LOOK_EVERY_S)

    async def _do_all(self, store: Store) -> None:
        while True:
            job = await asyncio.to_thread(store.jobs.begin_next, datetime.now(UTC))
            if job is None:
                return
            self._waiting = await asyncio.to_thread(store.jobs.waiting)
            self._running = job
            log.info("job.started", job=job.job_id, kind=job.kind.value, actor=job.actor)
            try:
                died = await self._do(store, job)
            finally:
                self._running = None
            ended = await asyncio.to_thread(self._settle, store, job, died)
            self._ended[ended] += 1
            log.info("job.ended", job=job.job_id, kind=job.kind.value, state=ended.value)

    async def _do(self, store: Store, job: Job) -> str:
        """Have a child do the job; why it did not come to its end, empty if it did.

        A job that somebody cancels meanwhile is over: its child is ended.
        """
        words = self._paths.run_dir / "job.last-words"
        words.unlink(missing_ok=True)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge_agent.launch", "job", "edge_agent.jobs.child"),
            job.job_id,
            env={
                **os.environ,
                **self._paths.environment(),
                PARENT: str(os.getpid()),
                LAST_WORDS: str(words),
            },
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._longest_s):
                code = await self._until_over(store, job, child)
        except TimeoutError:
            return f"it took longer than {self._longest_s:.0f} s and was ended: ask for less of it"
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if code == 0:
            return ""
        said = await asyncio.to_thread(_read, words)
        return f"its process ended ({describe_exit(code)}{said}): ask for it again"

    async def _until_over(self, store: Store, job: Job, child: asyncio.subprocess.Process) -> int:
        """The child's exit code; 0 also where the job was cancelled and the child still runs."""
        ended = asyncio.create_task(child.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=LOOK_EVERY_S))[0]:
                with contextlib.suppress(SQLAlchemyError):  # it is asked again at once
                    now = await asyncio.to_thread(store.jobs.get, job.job_id)
                    if now is not None and now.state is JobState.CANCELLED:
                        return 0
            return ended.result()
        finally:
            ended.cancel()

    def _settle(self, store: Store, job: Job, died: str) -> JobState:
        """The state in which the job has ended; a job without an end has failed."""
        now = store.jobs.get(job.job_id)
        if now is None or not now.over:
            text = died or "its process ended without a result: ask for it again"
            store.jobs.end(job.job_id, JobState.FAILED, {}, text, datetime.now(UTC))
            return JobState.FAILED
        store.jobs.prune()
        return now.state

    def _add_due(self, store: Store, site: Site) -> None:
        for due in due_functions():
            try:
                job = due(site, store, datetime.now(UTC))
                if job is not None and store.jobs.get(job.job_id) is None:
                    store.jobs.add(job)
            except Exception:  # one that fails must not stop the others, nor the jobs of people
                log.exception("jobs.due_failed")

    def _report(self) -> WorkerReport:
        running = self._running
        figures: dict[str, JsonValue] = {
            "running": running.kind.value if running is not None else "",
            "waiting": self._waiting,
            "done": self._ended[JobState.DONE],
            "failed": self._ended[JobState.FAILED],
            "cancelled": self._ended[JobState.CANCELLED],
        }
        return WorkerReport(
            role="jobs",
            health=Health.DEGRADED if self._fault else Health.READY,
            reason=self._fault,
            at=datetime.now(UTC),
            figures=figures,
        )


def _read(words: Path) -> str:
    try:
        said = words.read_text(encoding="utf-8", errors="replace")[:MAX_WORDS]
    except OSError:
        return ""
    return f": {said}"
