"""The API of the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, Field

from dashboard.access import Permission, PersonOf, needs
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.given import GivenTime
from dashboard.security import require_csrf
from dashboard.services import ServicesOf
from dashboard.verifying import AuditCheck
from hazard.store.anchors import ChainHead
from hazard.store.audit_reading import AuditFilter, AuditList
from hazard.types import UtcTime

router = APIRouter(
    prefix="/api/v1/audit",
    tags=["audit"],
    responses=ERRORS,
    dependencies=[needs(Permission.READ_AUDIT)],
)


class CheckAnswer(BaseModel):
    """A check of all chains; `whole` only when every line was checked and none was changed."""

    by: str
    started_at: UtcTime
    finished_at: UtcTime | None = Field(description="null while it runs")
    total: int = Field(description="lines when it began")
    checked: int
    whole: bool
    fault: str | None = Field(description="the first fault in words")
    failed: str = Field(description="why it could not be carried out; empty: it could")
    noted: int = Field(description="heads kept beside the database that had to occur")
    heads: tuple[ChainHead, ...]


@router.get("")
def list_lines(
    services: ServicesOf,
    *,
    actor: Annotated[str, Query(max_length=64)] = "",
    verb: Annotated[str, Query(max_length=64)] = "",
    subject: Annotated[str, Query(max_length=200)] = "",
    since: GivenTime | None = None,
    until: GivenTime | None = None,
    page: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditList:
    """Lines of all chains, newest first."""
    where = AuditFilter(actor=actor, verb=verb, subject=subject, since=since, until=until)
    try:
        return services.backend.audit.lines(where, page=page, limit=limit)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


@router.post(
    "/check", status_code=202, dependencies=[Depends(require_csrf)], responses=WRITE_ERRORS
)
def start_check(services: ServicesOf, person: PersonOf) -> CheckAnswer:
    """Recompute all chains; look at the same address with GET for the outcome."""
    return _answer(services.verifier.start(person.name))


@router.get("/check")
def get_check(services: ServicesOf) -> CheckAnswer:
    """How the last check stands."""
    check = services.verifier.last
    if check is None:
        raise HTTPException(404, "nothing was checked since the dashboard started: POST here")
    return _answer(check)


def _answer(check: AuditCheck) -> CheckAnswer:
    return CheckAnswer(
        by=check.by,
        started_at=check.started_at,
        finished_at=check.finished_at,
        total=check.total,
        checked=check.checked,
        whole=check.whole,
        fault=check.fault,
        failed=check.failed,
        noted=check.noted,
        heads=tuple(check.heads),
    )
