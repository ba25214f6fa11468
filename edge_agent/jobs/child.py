"""`python -m edge_agent.jobs.child JOB-ID`: does one job, and writes what came of it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import structlog

from edge_agent.jobs.registry import MAX_RESULT, JobResult, JobRun, work_of
from edge_agent.paths import Paths
from hazard.errors import HazardError, StoreError
from hazard.jobs import Job, JobState
from hazard.logs import configure_logging
from hazard.site.loader import load_site
from hazard.store import Store

COMMIT_TIMEOUT_MS = 5000
"""A job can wait for the store: whoever raises alarms goes first."""
TELL_EVERY_S = 0.5
USAGE = 2
FIRST_TO_GO = "800"
"""Where memory runs out the kernel ends this process, and not one that alarms need."""

log = structlog.get_logger()


class _Teller:
    """Writes progress at most twice a second; a store that is busy misses some of it."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store, self._job = store, job
        self._told_s = float("-inf")

    def __call__(self, progress: float, message: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        try:
            self._store.jobs.tell(self._job.job_id, progress, message)
        except StoreError as error:
            log.warning("job.progress_not_written", error=str(error)[:200])


def do(job: Job, store: Store, paths: Paths) -> None:
    """Do the job; whatever becomes of it is written.

    Raises:
        StoreError: if the store does not take what became of it.
    """
    state, result, text = JobState.FAILED, JobResult(), ""
    try:
        site = load_site(paths.site_file)
        run = JobRun(job, site, paths, store, _Teller(store, job))
        result = _bounded(work_of(job.kind)(run))
        state, text = JobState.DONE, "done"
    except (HazardError, LookupError, MemoryError) as error:
        text = str(error) or "not enough memory"
        log.warning("job.failed", job=job.job_id, kind=job.kind.value, error=text[:500])
    except Exception as error:
        text = f"a fault of the program, see its log: {type(error).__name__}: {error}"
        log.exception("job.failed", job=job.job_id, kind=job.kind.value)
    store.jobs.end(job.job_id, state, result, text, datetime.now(UTC))


def _bounded(result: JobResult) -> JobResult:
    size = len(json.dumps(result))
    if size > MAX_RESULT:
        raise ValueError(f"the result has {size} characters, at most {MAX_RESULT} are kept")
    return result


def _refuse(why: str) -> NoReturn:
    log.error("job.not_run", error=why)
    sys.exit(USAGE)


def main() -> int:
    """Do the job that the argument names."""
    if not structlog.is_configured():
        configure_logging("job")
    if len(sys.argv) != 2:  # noqa: PLR2004
        _refuse("give the id of one job")
    paths = Paths.from_environment()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    with Store.open(paths.database, commit_timeout_ms=COMMIT_TIMEOUT_MS) as store:
        job = store.jobs.get(sys.argv[1])
        if job is None:
            _refuse(f"there is no job {sys.argv[1]!r}")
        do(job, store, paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
