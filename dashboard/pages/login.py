"""Getting in: with name and password, or, the first time, with a one-time code; and out."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, needs
from dashboard.auth import Entry, csrf_token, normalise_actor, same
from dashboard.i18n import N_, Said, tell
from dashboard.passwords import LENGTH_MIN
from dashboard.security import COOKIE, give_session, local_path, require_csrf, whence
from dashboard.services import Services, ServicesOf, language_of
from dashboard.views import age_text
from hazard.store.accounts import NameTaken

router = APIRouter(include_in_schema=False)
LOGIN_COOKIE = "hazard_login"
TOO_OLD = N_("The page was too old: try again now.")
WAIT = N_("Too many wrong tries: wait %(time)s, then try again.")


@router.get("/login")
def login_page(request: Request, services: ServicesOf, next: str = "/") -> Response:  # noqa: A002
    """The form for name and password; before there is anybody, the set-up."""
    if services.backend.people.accounts.is_empty():
        return RedirectResponse("/setup", status_code=303)
    return _form(request, services, "login.html", target=local_path(next))


@router.post("/login")
def log_in(
    request: Request,
    services: ServicesOf,
    *,
    csrf: Annotated[str, Form(max_length=128)] = "",
    actor: Annotated[str, Form(max_length=256)] = "",
    password: Annotated[str, Form(max_length=512)] = "",
    next: Annotated[str, Form(max_length=600)] = "/",  # noqa: A002
) -> Response:
    """Open a session if name and password fit."""
    language = language_of(request, services.site)
    target = local_path(next)

    def again(why: str, status: int, entry: Entry | None = None) -> Response:
        answer = _form(
            request, services, "login.html", target=target, actor=actor, error=why, status=status
        )
        return _told_to_wait(answer, entry)

    if not _is_own_page(request, csrf):
        return again(tell(language, TOO_OLD), 403)
    try:
        name = normalise_actor(actor)
    except Said as error:
        return again(error.told(language), 422)
    entry = services.authenticator.log_in(name, password, *whence(request), services.now())
    if entry.token is None:
        if entry.wait_s > 0:
            return again(tell(language, WAIT, time=age_text(entry.wait_s + 1)), 429, entry)
        return again(tell(language, N_("Name or password is wrong.")), 403)
    return _entered(request, services, entry.token, target)


@router.get("/setup")
def setup_page(request: Request, services: ServicesOf) -> Response:
    """The form with which a one-time code becomes a password."""
    return _form(request, services, "setup.html")


@router.post("/setup")
def set_up(
    request: Request,
    services: ServicesOf,
    *,
    csrf: Annotated[str, Form(max_length=128)] = "",
    code: Annotated[str, Form(max_length=64)] = "",
    actor: Annotated[str, Form(max_length=256)] = "",
    password: Annotated[str, Form(max_length=512)] = "",
) -> Response:
    """Set the password of a person by their code, or make the first administrator; then in."""
    language = language_of(request, services.site)

    def again(why: str, status: int, entry: Entry | None = None) -> Response:
        answer = _form(
            request,
            services,
            "setup.html",
            actor=actor,
            error=why,
            status=status,
            typed_code=code[:20],
        )
        return _told_to_wait(answer, entry)

    if not _is_own_page(request, csrf):
        return again(tell(language, TOO_OLD), 403)
    address, agent = whence(request)
    try:
        name = normalise_actor(actor)
        entry = services.authenticator.set_up(
            code, name, password, address=address, agent=agent, now=services.now()
        )
    except Said as error:
        return again(error.told(language), 422)
    except NameTaken as error:
        return again(str(error), 422)
    if entry.token is None:
        if entry.wait_s > 0:
            return again(tell(language, WAIT, time=age_text(entry.wait_s + 1)), 429, entry)
        why = N_(
            "This code is wrong, used, too old, or not for this name. An administrator makes "
            "another one; or print one on the box: hazard login-code --site FILE"
        )
        return again(tell(language, why), 403)
    return _entered(request, services, entry.token, "/")


@router.post("/logout", dependencies=[needs(Permission.VIEW), Depends(require_csrf)])
def log_out(request: Request, services: ServicesOf) -> Response:
    """End the session."""
    services.authenticator.people.logins.log_out(request.cookies.get(COOKIE, ""), services.now())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE)
    return response


def _is_own_page(request: Request, csrf: str) -> bool:
    cookie = request.cookies.get(LOGIN_COOKIE, "")
    return bool(cookie) and same(csrf, csrf_token(cookie))


def _entered(request: Request, services: Services, token: str, target: str) -> Response:
    """A fresh session, never the one that the browser came with: that one ends."""
    services.authenticator.people.logins.log_out(request.cookies.get(COOKIE, ""), services.now())
    response = RedirectResponse(target, status_code=303)
    give_session(request, response, token)
    response.delete_cookie(LOGIN_COOKIE)
    return response


def _told_to_wait(response: Response, entry: Entry | None) -> Response:
    if entry is not None:
        response.headers["retry-after"] = str(int(entry.wait_s) + 1)
    return response


def _form(
    request: Request,
    services: Services,
    template: str,
    *,
    actor: str = "",
    error: str = "",
    status: int = 200,
    **context: object,
) -> Response:
    before = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    response = services.render(
        request,
        template,
        status=status,
        login_csrf=csrf_token(before),
        typed_actor=actor[:64],
        error=error,
        least=LENGTH_MIN,
        **{
            "typed_code": "",
            "nobody": services.backend.people.accounts.is_empty(),
            **context,
        },
    )
    response.set_cookie(
        LOGIN_COOKIE,
        before,
        max_age=3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
