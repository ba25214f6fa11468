"""Logging in with a one-time code, and out."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from dashboard.auth import csrf_token, normalise_actor, same
from dashboard.security import COOKIE, SessionOf, local_path, require_csrf
from dashboard.services import Services, ServicesOf
from dashboard.settings import SESSION_S
from dashboard.views import age_text

router = APIRouter(include_in_schema=False)
LOGIN_COOKIE = "hazard_login"


@router.get("/login")
def login_page(request: Request, services: ServicesOf, next: str = "/") -> Response:  # noqa: A002
    """The form for name and code."""
    return _form(request, services, target=next)


@router.post("/login")
def log_in(
    request: Request,
    services: ServicesOf,
    *,
    csrf: Annotated[str, Form(max_length=128)] = "",
    actor: Annotated[str, Form(max_length=256)] = "",
    code: Annotated[str, Form(max_length=64)] = "",
    next: Annotated[str, Form(max_length=600)] = "/",  # noqa: A002
) -> Response:
    """Open a session if the code is right."""
    if not same(csrf, csrf_token(request.cookies.get(LOGIN_COOKIE, ""))):
        why = "The page was too old: try again now."
        return _form(request, services, target=next, actor=actor, error=why, status=403)
    address = request.client.host if request.client is not None else "unknown"
    wait_s = services.authenticator.lockout.wait_s(address)
    if wait_s > 0:
        why = f"Too many wrong codes: wait {age_text(wait_s + 1)}."
        return _form(request, services, target=next, actor=actor, error=why, status=429)
    try:
        name = normalise_actor(actor)
    except ValueError as error:
        return _form(request, services, target=next, error=str(error), status=422)
    token = services.authenticator.log_in(code, name, address, services.now())
    if token is None:
        why = (
            "This code is wrong, used or older than 15 minutes. "
            "Print a fresh one on the box: hazard login-code --site FILE"
        )
        return _form(request, services, target=next, actor=actor, error=why, status=403)
    response = RedirectResponse(local_path(next), status_code=303)
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, token, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=secure
    )
    response.delete_cookie(LOGIN_COOKIE)
    return response


@router.post("/logout", dependencies=[Depends(require_csrf)])
def log_out(request: Request, services: ServicesOf, session: SessionOf) -> Response:
    """End the session."""
    token = request.cookies.get(COOKIE, "")
    services.authenticator.log_out(token, session.actor, services.now())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE)
    return response


def _form(
    request: Request,
    services: Services,
    *,
    target: str,
    actor: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    before = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    response = services.render(
        request,
        "login.html",
        status=status,
        login_csrf=csrf_token(before),
        target=local_path(target),
        typed_actor=actor[:64],
        error=error,
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
