"""The audit: who did what when, whether it is whole, and a file of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response, StreamingResponse

from dashboard.access import Permission, PersonOf, needs
from dashboard.auditing import csv_rows
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf
from hazard.store.audit_reading import AuditFilter

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.READ_AUDIT)])
LINES = 100
Text = Annotated[str, Query(max_length=200)]


def chosen(
    services: ServicesOf,
    *,
    actor: Text = "",
    verb: Text = "",
    subject: Text = "",
    since: Annotated[str, Query(max_length=32)] = "",
    until: Annotated[str, Query(max_length=32)] = "",
) -> AuditFilter:
    """Which lines a page asks for; times are the site's.

    Raises:
        HTTPException: 422 where a time is none.
    """
    zone = ZoneInfo(services.site.site.timezone)
    try:
        return AuditFilter(
            actor=actor.strip(),
            verb=verb.strip(),
            subject=subject.strip(),
            since=_time("since", since, zone),
            until=_time("until", until, zone),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise HTTPException(422, f"{first['loc'][-1]}: {first['msg']}") from error


Chosen = Annotated[AuditFilter, Depends(chosen)]


@router.get("/admin/audit")
def audit(
    request: Request,
    services: ServicesOf,
    where: Chosen,
    page: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Lines of all chains, newest first."""
    try:
        found = services.backend.audit.lines(where, page=page, limit=LINES)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    asked = {
        name: request.query_params.get(name, "")
        for name in ("actor", "verb", "subject", "since", "until")
    }
    filled = {name: value for name, value in asked.items() if value}
    return services.page(
        request,
        "admin/audit.html",
        lines=found.lines,
        older=urlencode(filled | {"page": found.next_page}) if found.next_page else "",
        same=urlencode(filled),
        first=page is None,
        asked=asked,
        verbs=services.backend.audit.verbs(),
        names=[account.name for account in services.backend.people.accounts.all()],
        compact=_compact,
        check=services.verifier.last,
    )


@router.get("/admin/audit/lines.csv")
def audit_file(services: ServicesOf, person: PersonOf, where: Chosen) -> Response:
    """The lines that were asked for, for a spreadsheet; taking them away is itself a line."""
    details = where.model_dump(mode="json", exclude_defaults=True)
    services.backend.desk.audit(services.now(), person.name, "audit_exported", "audit", details)
    stamp = services.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"audit-{services.site.site.node}-{stamp}.csv"
    return StreamingResponse(
        csv_rows(services.backend.audit, where),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@router.post("/admin/audit/check", dependencies=[Depends(require_csrf)])
def start_check(request: Request, services: ServicesOf, person: PersonOf) -> Response:
    """Recompute all chains, beside the pages."""
    services.verifier.start(person.name)
    if request.headers.get("x-fragment"):
        return _check(request, services)
    return RedirectResponse("/admin/audit", status_code=303)


@router.get("/fragments/audit-check")
def check_fragment(request: Request, services: ServicesOf) -> Response:
    """How the check stands."""
    return _check(request, services)


def _check(request: Request, services: Services) -> Response:
    return services.render(request, "admin/audit_check.html", check=services.verifier.last)


def _time(field: str, text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(
            422, f"{field}: {text!r} is no time: give it as 2026-05-01T06:00"
        ) from error
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def _compact(details: object) -> str:
    """What a line says, without what is empty."""
    kept = details
    if isinstance(details, dict):
        kept = {key: value for key, value in details.items() if value not in ("", None, [], {})}
    return json.dumps(kept, ensure_ascii=False) if kept else ""
