"""Choosing language and colours, from any page."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, needs
from dashboard.preferences import LANGUAGE_COOKIE, THEME_COOKIE, keep_choice
from dashboard.security import local_path, require_csrf

router = APIRouter(include_in_schema=False)


@router.post(
    "/preferences", dependencies=[Depends(require_csrf), needs(Permission.VIEW)], status_code=303
)
def choose(
    request: Request,
    language: Annotated[Literal["", "en", "fr", "de", "es", "it"], Form()] = "",
    theme: Annotated[Literal["", "auto", "light", "dark"], Form()] = "",
    next: Annotated[str, Form(max_length=600)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Keep what was chosen, and go back to the page."""
    response = RedirectResponse(local_path(next), status_code=303)
    if language:
        keep_choice(response, request, LANGUAGE_COOKIE, language)
    if theme:
        keep_choice(response, request, THEME_COOKIE, theme)
    return response
