"""Reports of weeks: which there are, how far they are sent, their files; and making another."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from pydantic import JsonValue
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.asking import ask, may_cancel, page_of
from dashboard.figures import PeriodQuery
from dashboard.i18n import N_
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from dashboard.waiting import job_text
from hazard.errors import StoreError
from hazard.jobs import JobKind, JobState
from hazard.reports.weeks import WEEK
from hazard.store.reports import FOLDER, read_file
from hazard.types import NoticeState, Verb

router = APIRouter(include_in_schema=False)
SHOWN = 26
"""Reports in the list: half a year of weeks."""

JOB_TEXT = {
    JobState.WAITING: N_("waits for its turn"),
    JobState.RUNNING: N_("is being made"),
    JobState.FAILED: N_("was not made"),
    JobState.CANCELLED: N_("was not made"),
}
SENDING_TEXT = {
    NoticeState.PENDING: N_("is being sent"),
    NoticeState.SENT: N_("sent"),
    NoticeState.FAILED: N_("given up"),
}
WEEKDAYS = (
    N_("monday"),
    N_("tuesday"),
    N_("wednesday"),
    N_("thursday"),
    N_("friday"),
    N_("saturday"),
    N_("sunday"),
)


def reports_context(services: Services, language: str, query: str) -> dict[str, Any]:
    """What the list of reports shows: those that there are, and the jobs that make others.

    `query` is that of the page of figures on which it stands.
    """
    backend = services.backend
    made = backend.reports.recent(limit=SHOWN)
    known = {report.report_id for report in made}
    jobs = backend.jobs.recent(kind=JobKind.WEEKLY_REPORT.value, limit=5)
    zone = ZoneInfo(services.site.site.timezone)
    return {
        "reports": made,
        "so_far": {
            report.report_id
            for report in made
            if report.made_at.astimezone(zone).date() < report.monday + WEEK
        },
        "jobs": [job for job in jobs if job.state is not JobState.DONE and job.job_id not in known],
        "JOB_TEXT": JOB_TEXT,
        "job_text": partial(job_text, services, language=language),
        "SENDING_TEXT": SENDING_TEXT,
        "may_cancel": may_cancel,
        "back": f"/analytics?{query}#weekly",
    }


@router.get("/fragments/reports", dependencies=[needs(Permission.VIEW)])
def reports_fragment(
    request: Request, services: ServicesOf, period: Annotated[PeriodQuery, Depends()]
) -> Response:
    """The list of reports."""
    query = period.asked(services.site, services.now()).query
    return services.render(
        request,
        "fragments/reports.html",
        **reports_context(services, language_of(request, services.site), query),
    )


@router.post(
    "/reports", dependencies=[needs(Permission.START_JOBS, everywhere=True), Depends(require_csrf)]
)
def make(
    services: ServicesOf,
    person: PersonOf,
    *,
    request_id: Annotated[uuid.UUID, Form()],
    week_of: Annotated[str, Form(max_length=10)] = "",
    language: Annotated[str, Form(max_length=2)] = "en",
    back: Annotated[str, Form(max_length=500)] = "/analytics#weekly",
) -> Response:
    """Ask the agent for a report; the page then shows how far it is."""
    arguments: dict[str, JsonValue] = {"kind": JobKind.WEEKLY_REPORT.value, "language": language}
    if week_of:
        arguments["week_of"] = week_of
    ask(services, person, Verb.START_JOB, arguments, request_id=request_id)
    return RedirectResponse(page_of(back, request_id), status_code=303)


@router.get("/reports/{report_id}.pdf", dependencies=[needs(Permission.EXPORT, everywhere=True)])
def report_file(services: ServicesOf, report_id: str) -> Response:
    """The report's file, as it was made."""
    return pdf_answer(services, report_id)


def pdf_answer(services: Services, report_id: str) -> Response:
    """The file of a report, checked against its hash.

    Raises:
        HTTPException: 404 if there is no such report, or its file is gone or was changed.
    """
    report = services.backend.reports.get(report_id[:64])
    if report is None:
        raise HTTPException(404, "there is no such report: it may be too old, make it again")
    try:
        content = read_file(services.settings.data_dir / FOLDER, report.sha256)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error
    name = f"{services.site.site.id}-{report.monday}-{report.language}.pdf"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)
