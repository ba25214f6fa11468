"""The job `weekly_report`: on request, and by itself once a week where the site file says so.

The scheduled report of a week is made once. Where the box was off then, it is made at the next
start, of the newest week only; one that failed is tried again after an hour, a few times.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from edge_agent.jobs.registry import JobResult, JobRun
from hazard.errors import HazardError
from hazard.jobs import Job, JobKind, JobState
from hazard.reports.weeks import WEEK, due_since, end_of_week, last_whole_week, monday_of
from hazard.site.models import Site
from hazard.store import Store

SCHEDULER = "schedule"
"""Actor of the reports that nobody asked for."""
AGAIN_AFTER = timedelta(hours=1)
TRIES = 5


def due(site: Site, store: Store, now: datetime) -> Job | None:
    """The report that is to be made now by itself, if there is one."""
    config = site.reports.weekly
    if config is None:
        return None
    monday = last_whole_week(due_since(config, site.site.timezone, now), site.site.timezone)
    first = store.figures.recorded_since()
    # Of a week that was over before anything was recorded, "0 alarms" would be no answer.
    if first is None or first >= end_of_week(monday, site.site.timezone):
        return None
    if store.reports.was_scheduled(monday):
        return None
    tried = [
        job
        for job in store.jobs.of_subject(monday.isoformat(), limit=100)
        if job.kind is JobKind.WEEKLY_REPORT and job.actor == SCHEDULER
    ]
    if len(tried) >= TRIES or any(not _failed_long_ago(job, now) for job in tried):
        return None
    return Job(
        job_id=f"weekly-{monday}-{len(tried) + 1}",
        kind=JobKind.WEEKLY_REPORT,
        subject=monday.isoformat(),
        actor=SCHEDULER,
        message="waits for its turn",
        arguments={
            "week_of": monday.isoformat(),
            "language": config.language,
            "channels": list(config.channels),
        },
        created_at=now,
    )


def _failed_long_ago(job: Job, now: datetime) -> bool:
    ended = job.finished_at
    return job.state is JobState.FAILED and ended is not None and now - ended >= AGAIN_AFTER


def run(run: JobRun) -> JobResult:
    """Make the report, of a week that is not over as far as it has come; the result names it.

    Raises:
        HazardError: if its week has not begun, or the disk or the database does not take it.
    """
    from edge_agent.reporting import a_report, make_report  # noqa: PLC0415 - not for `due`

    job, now = run.job, datetime.now(UTC)
    newest = last_whole_week(now, run.site.site.timezone)
    asked = job.arguments.get("week_of")
    monday = monday_of(date.fromisoformat(str(asked))) if asked else newest
    if monday > newest + WEEK:
        raise HazardError(f"the week of {monday} has not begun: the last whole one is {newest}")
    channels = job.arguments.get("channels", [])
    report = a_report(
        job.job_id,
        monday,
        str(job.arguments.get("language", "en")),
        actor=job.actor,
        scheduled=job.actor == SCHEDULER,
        made_at=now,
    )
    made = make_report(
        run.store,
        run.site,
        run.paths.reports,
        report,
        channels=tuple(str(each) for each in channels) if isinstance(channels, list) else (),
        tell=run.tell,
    )
    return {
        "report_id": made.report_id,
        "monday": made.monday.isoformat(),
        "language": made.language,
        "size_bytes": made.size_bytes,
        "alarms": made.alarms,
    }
