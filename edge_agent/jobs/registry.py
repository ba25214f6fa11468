"""Which kinds of jobs there are, and what does them.

A kind is one line in `KINDS`: its `JobKind` and the function that does it, as `module:function`,
imported only when such a job runs. The function takes a `JobRun` and gives the job's result:

    def run(run: JobRun) -> JobResult:
        run.tell(0.5, "half of it is read")      # 0 to 1, and words; as often as it likes
        return {"same": True}                    # JSON, at most MAX_RESULT characters

It runs in a process of its own and may use as much time as `LONGEST_S`; what it raises ends the
job as `failed`: a HazardError with its message, anything else as a fault of the program. It reads
`run.job.arguments`, `run.site` (the site file as it is now), `run.store` and `run.paths`.

A job that nobody has to ask for is one line in `DUE`: a function that is asked every minute, in
the process of the jobs itself and so without heavy imports, and gives a job when one is due:

    def due(site: Site, store: Store, now: datetime) -> Job | None

It gives the job the same `job_id` as long as it means the same job: one that is stored already is
not stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from pydantic import JsonValue

from edge_agent.paths import Paths
from hazard.jobs import Job, JobKind
from hazard.site.models import Site
from hazard.store import Store

KINDS: Mapping[JobKind, str] = {
    JobKind.DRY_RUN: "edge_agent.jobs.dry_run:run",
    JobKind.REPLAY_DECISION: "edge_agent.jobs.replay:run",
    JobKind.WEEKLY_REPORT: "edge_agent.jobs.weekly:run",
}
DUE: tuple[str, ...] = ("edge_agent.jobs.weekly:due",)

LONGEST_S = 3600.0
"""A job that takes longer is ended."""
MAX_RESULT = 1_000_000
"""Characters of a result, as JSON."""

JobResult = dict[str, JsonValue]


@dataclass(slots=True)
class JobRun:
    """One job while it runs.

    Attributes:
        job: as it was asked for.
        site: the site file as it is now; valid.
        paths: folders of the node.
        store: opened; a job changes no alarm.
        tell: says how far it is (0 to 1) and in words.
    """

    job: Job
    site: Site
    paths: Paths
    store: Store
    tell: Callable[[float, str], None] = field(repr=False)


Work = Callable[[JobRun], JobResult]
Due = Callable[[Site, Store, datetime], Job | None]


def work_of(kind: JobKind) -> Work:
    """The function that does jobs of this kind.

    Raises:
        LookupError: if this release has none.
    """
    if kind not in KINDS:
        raise LookupError(f"this release does no jobs of kind {kind.value}")
    work: Work = _load(KINDS[kind])
    return work


def due_functions() -> list[Due]:
    """The functions that say which job is due by itself."""
    return [_load(name) for name in DUE]


def _load(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
