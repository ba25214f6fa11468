"""One's own account: what one may, password, sessions and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.i18n import N_, Said, tell
from dashboard.managing import TokenForm, create_token, granted
from dashboard.pages.login import WAIT
from dashboard.pages.people import REFUSALS, refusal
from dashboard.passwords import LENGTH_MIN
from dashboard.preferences import language_of
from dashboard.security import SessionOf, give_session, require_csrf, whence
from dashboard.services import ServicesOf
from dashboard.settings import IDLE_S
from dashboard.views import age_text

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])
CSRF = [Depends(require_csrf)]
IDLE = timedelta(seconds=IDLE_S)
Id = Annotated[str, Path(max_length=64)]
DONE_TEXT = {
    "password": N_("The password is changed. Your other sessions have ended."),
    "ended": N_("The session has ended."),
    "revoked": N_("The token has been revoked."),
}


@router.get("/me")
def me(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    session: SessionOf,
    done: Annotated[Literal["", "password", "ended", "revoked"], Query()] = "",
) -> Response:
    """Who one is here, and what one may."""
    return _me(request, services, person, session, done=DONE_TEXT.get(done, ""))


@router.post("/me/password", dependencies=CSRF)
def change_password(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    session: SessionOf,
    *,
    old: Annotated[str, Form(max_length=512)] = "",
    new: Annotated[str, Form(max_length=512)] = "",
) -> Response:
    """Another password; all sessions end, and this browser gets a fresh one."""
    language = language_of(request, services.site)
    address, agent = whence(request)
    try:
        entry = services.authenticator.change_password(
            person, old, new, address=address, agent=agent, now=services.now()
        )
    except Said as error:
        return _me(request, services, person, session, error=error.told(language), status=422)
    if entry.token is None:
        if entry.wait_s > 0:
            why, status = tell(language, WAIT, time=age_text(entry.wait_s + 1)), 429
        else:
            why, status = tell(language, N_("The old password is wrong.")), 422
        return _me(request, services, person, session, error=why, status=status)
    answer = RedirectResponse("/me?done=password", status_code=303)
    give_session(request, answer, entry.token)
    return answer


@router.post("/me/sessions/{session_id}/end", dependencies=CSRF)
def end_session(services: ServicesOf, person: PersonOf, session_id: Id) -> Response:
    """End a session of one's own."""
    services.backend.people.logins.end_session(
        session_id, by=person.name, now=services.now(), account_id=person.account_id
    )
    return RedirectResponse("/me?done=ended", status_code=303)


@router.post("/me/tokens", dependencies=CSRF)
def add_token(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    session: SessionOf,
    form: Annotated[TokenForm, Form()],
) -> Response:
    """A token of one's own, shown this once."""
    try:
        token, text = create_token(services, person, person.account_id, form)
    except REFUSALS as error:
        why = refusal(request, services, error)
        return _me(request, services, person, session, error=why, status=422)
    return services.page(
        request, "admin/token.html", status=201, token=token, text=text, whose=person, back="/me"
    )


@router.post("/me/tokens/{token_id}/revoke", dependencies=CSRF)
def revoke_token(services: ServicesOf, person: PersonOf, token_id: Id) -> Response:
    """End a token of one's own."""
    services.backend.people.tokens.revoke(
        token_id, by=person.name, now=services.now(), account_id=person.account_id
    )
    return RedirectResponse("/me?done=revoked", status_code=303)


def _me(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    session: SessionOf,
    *,
    done: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    backend, now = services.backend.people, services.now()
    return services.page(
        request,
        "me.html",
        status=status,
        grantable=granted(person),
        sessions=backend.logins.sessions(now, idle=IDLE, account_id=person.account_id),
        own=session.session_id,
        tokens=backend.tokens.all(person.account_id),
        least=LENGTH_MIN,
        done=done,
        error=error,
    )
