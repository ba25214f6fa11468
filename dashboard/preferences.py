"""What a reader has chosen, for their account and this browser: language, and light or dark."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from dashboard.access import Person
from dashboard.i18n import LANGUAGES, N_
from hazard.site.models import Site

LANGUAGE_COOKIE = "hazard_language"
THEME_COOKIE = "hazard_theme"
KEPT_S = 365 * 86400
LANGUAGE_NAMES = {
    "en": "English",
    "fr": "Français",
    "de": "Deutsch",
    "es": "Español",
    "it": "Italiano",
}
THEMES = {"auto": N_("As the device"), "light": N_("Light"), "dark": N_("Dark")}


def language_of(request: Request, site: Site) -> str:
    """The reader's language: asked for, else their own, chosen here, the browser's, the site's."""
    person: Person | None = getattr(request.state, "person", None)
    asked = request.query_params.get("lang", "")
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    for chosen in (asked, person.language if person else "", kept):
        if chosen in LANGUAGES:
            return chosen
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return site.site.languages[0]


def theme_of(request: Request) -> str:
    """`light`, `dark`, or `auto` (as the device has it): the person's own, else chosen here."""
    person: Person | None = getattr(request.state, "person", None)
    for chosen in (person.theme if person else "", request.cookies.get(THEME_COOKIE, "")):
        if chosen in THEMES:
            return chosen
    return "auto"


def keep_choice(response: Response, request: Request, cookie: str, value: str) -> None:
    """Remember a choice in this browser for a year."""
    response.set_cookie(
        cookie,
        value,
        max_age=KEPT_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def here(request: Request) -> str:
    """Path and query of the page, to come back to."""
    query = f"?{request.url.query}" if request.url.query else ""
    return (request.url.path + query)[:500]
