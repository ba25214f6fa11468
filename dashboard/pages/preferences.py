"""Choosing language and colours, from any page."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.preferences import LANGUAGE_COOKIE, THEME_COOKIE, keep_choice
from dashboard.security import local_path, require_csrf
from dashboard.services import ServicesOf

router = APIRouter(include_in_schema=False)


@router.post(
    "/preferences", dependencies=[Depends(require_csrf), needs(Permission.VIEW)], status_code=303
)
def choose(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    *,
    language: Annotated[Literal["", "en", "fr", "de", "es", "it"], Form()] = "",
    theme: Annotated[Literal["", "auto", "light", "dark"], Form()] = "",
    next: Annotated[str, Form(max_length=600)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Keep what was chosen, here and for the person's other browsers; go back to the page."""
    services.backend.people.accounts.set_preferences(
        person.account_id, language=language or person.language, theme=theme or person.theme
    )
    response = RedirectResponse(local_path(next), status_code=303)
    if language:
        keep_choice(response, request, LANGUAGE_COOKIE, language)
    if theme:
        keep_choice(response, request, THEME_COOKIE, theme)
    return response
