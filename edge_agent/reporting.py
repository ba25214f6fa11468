"""Makes the report of a week: counted, written as a file, stored, and queued for its channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from hazard.reports.weekly import read_weekly, weekly_pdf
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.reports import Report, notice_id, write_file
from hazard.types import Notice, NoticeReason, ReportNote, Severity

Tell = Callable[[float, str], None]


def make_report(
    store: Store,
    site: Site,
    folder: Path,
    report: Report,
    *,
    channels: tuple[str, ...],
    tell: Tell,
) -> Report:
    """The report with its file; `report` says which, its sha256, size and counts are filled in.

    The file is there before the row, the row and what is to be sent come together. What is older
    than the site keeps goes afterwards.

    Raises:
        StoreError: if the disk or the database does not take it.
    """
    tell(0.1, "the alarms of the week are counted")
    weekly = read_weekly(partial(store.figures.of, site), site, report.monday, report.made_at)
    tell(0.6, "the report is written")
    content = weekly_pdf(weekly, site, report.language, report.made_at)
    sha256 = write_file(folder, content)
    made = report.model_copy(
        update={
            "sha256": sha256,
            "size_bytes": len(content),
            "alarms": weekly.week.alarms,
            "critical": weekly.week.by_severity[Severity.CRITICAL],
        }
    )
    known = tuple(name for name in channels if name in site.notify.channels)
    store.reports.add(made, [_notice(made, channel) for channel in known])
    tell(0.9, "old reports are removed")
    store.reports.prune(made.made_at - timedelta(days=site.retention.reports_days), folder)
    return made


def a_report(
    report_id: str,
    monday: date,
    language: str,
    *,
    actor: str,
    scheduled: bool,
    made_at: datetime,
) -> Report:
    """A report before anything was counted."""
    return Report(
        report_id=report_id,
        monday=monday,
        language=language,
        sha256="",
        size_bytes=0,
        alarms=0,
        critical=0,
        actor=actor,
        scheduled=scheduled,
        made_at=made_at,
    )


def _notice(report: Report, channel: str) -> Notice:
    return Notice(
        notice_id=notice_id(report.report_id, channel),
        channel=channel,
        reason=NoticeReason.REPORT,
        created_at=report.made_at,
        report=ReportNote(
            report_id=report.report_id,
            monday=report.monday,
            language=report.language,
            sha256=report.sha256,
            alarms=report.alarms,
            critical=report.critical,
        ),
    )
