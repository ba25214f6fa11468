"""The job `dry_run`: what a change of the site file would have raised over the last hours."""

from __future__ import annotations

from datetime import timedelta

from edge_agent.jobs.registry import JobResult, JobRun
from hazard.alarms.arguments import StartJob
from hazard.catalogue import catalogue
from hazard.dry_run.result import Span
from hazard.dry_run.run import dry_run
from hazard.errors import ConfigError
from hazard.site.change import propose
from hazard.site.text import read_content


def run(run: JobRun) -> JobResult:
    """The outcome as `hazard.dry_run.result.DryRun`, with what the change is in words.

    Raises:
        ConfigError: if the change makes no valid site file.
        TooMany: if it would have raised more than can be compared.
    """
    asked = StartJob.model_validate({"kind": run.job.kind, **run.job.arguments})
    if asked.patch is None:
        raise ConfigError("the job has no patch: say what to change")
    content = read_content(run.paths.site_file)
    proposal = propose(content.text, asked.patch, run.paths.site_file)
    until = run.job.created_at
    span = Span(from_at=until - timedelta(hours=asked.hours), to_at=until)
    found = dry_run(
        proposal.old,
        proposal.site,
        run.store.observations.between(span.from_at, span.to_at),
        run.store.observations.readings_between(span.from_at, span.to_at),
        span=span,
        kinds=catalogue(),
        tell=run.tell,
    )
    base = {"base_sha256": content.sha256, "summary": proposal.summary}
    return JobResult(found.model_dump(mode="json") | base)
