"""Ending a job before its end, from whichever page shows how far it is."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.asking import cancel, page_of
from dashboard.security import require_csrf
from dashboard.services import ServicesOf

router = APIRouter(include_in_schema=False)


@router.post(
    "/jobs/{job_id}/cancel", dependencies=[needs(Permission.START_JOBS), Depends(require_csrf)]
)
def cancel_job(
    services: ServicesOf,
    person: PersonOf,
    job_id: str,
    request_id: Annotated[uuid.UUID, Form()],
    back: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Ask the agent to end it; the page that one came from shows what becomes of it."""
    cancel(services, person, job_id, request_id)
    return RedirectResponse(page_of(back, request_id), status_code=303)
