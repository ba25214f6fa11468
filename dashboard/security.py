"""What stands before every route: who it is, where the request comes from, how big it is.

Every path needs a session unless it is listed in `PUBLIC`; a program gives a token instead, for the
API only. Every answer carries the headers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.auth import Authenticator, csrf_token, same
from dashboard.i18n import N_
from dashboard.settings import SESSION_S
from hazard.alarms.arguments import LONGEST_PATCH
from hazard.store.logins import Session

COOKIE = "hazard_session"
PUBLIC = frozenset({"/login", "/setup", "/livez", "/readyz"})
PUBLIC_FOLDER = "/static/"
TOKEN_PATHS = ("/api/", "/openapi.json")
HSTS = "max-age=31536000"
BODY_MAX = 64 * 1024
BODY_MAX_OF = {
    "/map/plans": 8 * 1024 * 1024 + BODY_MAX,
    "/api/v1/site/check": LONGEST_PATCH + BODY_MAX,
    "/api/v1/site/change": LONGEST_PATCH + BODY_MAX,
    "/api/v1/jobs": LONGEST_PATCH + BODY_MAX,
}
"""Paths that take more, in bytes: a floor plan, a change of the site file."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware: session, origin, size and headers, for every route alike."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        refuse: Callable[[Request, int, str], Response],
        now: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._refuse = refuse
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        public = scope["path"] in PUBLIC or scope["path"].startswith(PUBLIC_FOLDER)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["scheme"] == "https":
                    headers["strict-transport-security"] = HSTS
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        answer = self._refused(scope)
        if answer is None and not public:
            answer = await self._identified(scope)
        if answer is not None:
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        if scope["method"] in SAFE_METHODS:
            return None
        request = Request(scope)
        headers = request.headers
        origin = headers.get("origin")
        ours = origin is None or urlsplit(origin).netloc == headers.get("host")
        if not ours or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            why = "this request comes from another site: open the page itself"
            return self._refuse(request, 403, why)
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit():
            return self._refuse(request, 411, "Content-Length is missing")
        most = BODY_MAX_OF.get(scope["path"], BODY_MAX)
        if int(length) > most:
            why = f"{length} bytes were sent, at most {most} are taken: send less"
            return self._refuse(request, 413, why)
        return None

    async def _identified(self, scope: Scope) -> Response | None:
        request = Request(scope)
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and request.url.path.startswith(TOKEN_PATHS):
            identity = await run_in_threadpool(
                self._authenticator.bearer, text.strip(), self._now()
            )
            if identity is None:
                why = "this token is unknown, revoked or has ended: make a new one"
                return self._refuse(request, 401, why)
            csrf = None  # no browser adds this header by itself
        else:
            token = request.cookies.get(COOKIE)
            identity = await run_in_threadpool(self._authenticator.who, token, self._now())
            if identity is None:
                return self._login_wanted(request)
            csrf = csrf_token(token or "")
        scope.setdefault("state", {})
        scope["state"].update(person=identity.person, session=identity.session, csrf=csrf)
        return None

    def _login_wanted(self, request: Request) -> Response:
        path = request.url.path
        is_page = request.method == "GET" and not path.startswith(
            ("/api/", "/fragments/", "/events")
        )
        if is_page and "text/html" in request.headers.get("accept", ""):
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/login?next={quote(path + query, safe='')}", status_code=303)
        why = "log in first: /login; a program gives a token: Authorization: Bearer …"
        return self._refuse(request, 401, why)


def local_path(target: str) -> str:
    """`target` if it is a path of this site, else `/`: no open redirects."""
    parts = urlsplit(target[:500])
    printable = target.isprintable() and "\\" not in target
    if parts.scheme or parts.netloc or not printable or not target.startswith("/"):
        return "/"
    return "/" if target.startswith("//") else target[:500]


def current_session(request: Request) -> Session:
    """The browser's session.

    Raises:
        HTTPException: 403 where a program asks with a token.
    """
    session: Session | None = request.state.session
    if session is None:
        raise HTTPException(403, "a token cannot do this: log in with a browser")
    return session


def give_session(request: Request, response: Response, token: str) -> None:
    """Put a session's token into the browser's cookie; over HTTPS it is never sent without."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def whence(request: Request) -> tuple[str, str]:
    """The address that a request comes from, and what the browser calls itself."""
    address = request.client.host if request.client is not None else "unknown"
    return address, request.headers.get("user-agent", "")


async def require_csrf(request: Request) -> None:
    """Refuse a POST whose token (form field `csrf` or header `X-CSRF-Token`) is not ours.

    A program's request with its own token needs none: a browser never adds that by itself.

    Raises:
        HTTPException: 403.
    """
    if request.state.csrf is None:
        return
    given = request.headers.get("x-csrf-token", "")
    if not given and "form" in request.headers.get("content-type", ""):
        field = (await request.form()).get("csrf")
        given = field if isinstance(field, str) else ""
    if not same(given, request.state.csrf):
        raise HTTPException(403, N_("the page is too old or not ours: load it again and repeat"))


SessionOf = Annotated[Session, Depends(current_session)]
