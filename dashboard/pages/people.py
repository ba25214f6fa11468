"""Administration of people, their sessions and their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.i18n import N_, Said, tell
from dashboard.managing import (
    CONFLICTS,
    REFUSED,
    PersonForm,
    RoleForm,
    TokenForm,
    change_person,
    create_person,
    create_token,
    granted,
    invite,
)
from dashboard.security import SessionOf, require_csrf
from dashboard.services import Services, ServicesOf, language_of
from dashboard.settings import IDLE_S
from dashboard.shell import ADMINISTRATION
from dashboard.spoken import plain
from hazard.store.accounts import NoSuchAccount
from hazard.types import Role

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.ADMINISTER)])
front = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])
CSRF = [Depends(require_csrf)]
IDLE = timedelta(seconds=IDLE_S)
Id = Annotated[str, Path(max_length=64)]
Done = Annotated[Literal["", "changed", "disabled", "enabled", "ended", "revoked"], Query()]
DONE_TEXT = {
    "changed": N_("Changed. This person has to log in again."),
    "disabled": N_("Disabled: sessions and tokens of this person have ended."),
    "enabled": N_("Enabled: this person may log in again."),
    "ended": N_("The session has ended."),
    "revoked": N_("The token has been revoked."),
}
REFUSALS = (Said, NoSuchAccount, *CONFLICTS)


@front.get("/admin")
def administration(person: PersonOf) -> Response:
    """The first page of the administration that the person may see; else what they may."""
    allowed = [link.path for link in ADMINISTRATION if person.may(link.permission)]
    return RedirectResponse(allowed[0] if allowed else "/me", status_code=303)


@router.get("/admin/people")
def people(request: Request, services: ServicesOf) -> Response:
    """Everybody, and the form for a new person."""
    return _people(request, services)


@router.post("/admin/people", dependencies=CSRF)
def add(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    form: Annotated[PersonForm, Form()],
) -> Response:
    """A new person; the one-time code is shown this once."""
    try:
        account, code, ends_at = create_person(services, person, form)
    except REFUSALS as error:
        why = refusal(request, services, error)
        return _people(request, services, typed=form, error=why, status=_status(error))
    return services.page(
        request, "admin/code.html", status=201, whose=account, code=code, ends_at=ends_at
    )


@router.get("/admin/people/{account_id}")
def one(request: Request, services: ServicesOf, account_id: Id, done: Done = "") -> Response:
    """One person: role and areas, sessions, tokens."""
    return _person(request, services, account_id, done=done)


@router.post("/admin/people/{account_id}", dependencies=CSRF)
def change(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    account_id: Id,
    form: Annotated[RoleForm, Form()],
) -> Response:
    """Another role or other areas."""
    try:
        change_person(services, person, account_id, form)
    except REFUSALS as error:
        return _person(request, services, account_id, error=error)
    return _back(account_id, "changed")


@router.post("/admin/people/{account_id}/disable", dependencies=CSRF)
def disable(request: Request, services: ServicesOf, person: PersonOf, account_id: Id) -> Response:
    """Nobody gets in with this account any more."""
    try:
        accounts = services.backend.people.accounts
        accounts.disable(account_id, by=person.name, now=services.now())
    except REFUSALS as error:
        return _person(request, services, account_id, error=error)
    return _back(account_id, "disabled")


@router.post("/admin/people/{account_id}/enable", dependencies=CSRF)
def enable(request: Request, services: ServicesOf, person: PersonOf, account_id: Id) -> Response:
    """The account counts again."""
    try:
        accounts = services.backend.people.accounts
        accounts.enable(account_id, by=person.name, now=services.now())
    except REFUSALS as error:
        return _person(request, services, account_id, error=error)
    return _back(account_id, "enabled")


@router.post("/admin/people/{account_id}/invitation", dependencies=CSRF)
def reset_password(
    request: Request, services: ServicesOf, person: PersonOf, account_id: Id
) -> Response:
    """A one-time code for another password, shown this once; the old one counts no more."""
    try:
        code, ends_at = invite(services, person, account_id)
    except REFUSALS as error:
        return _person(request, services, account_id, error=error)
    account = services.backend.people.accounts.get(account_id)
    return services.page(
        request, "admin/code.html", status=201, whose=account, code=code, ends_at=ends_at
    )


@router.post("/admin/people/{account_id}/tokens", dependencies=CSRF)
def add_token(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    account_id: Id,
    form: Annotated[TokenForm, Form()],
) -> Response:
    """A token for a person or program, shown this once."""
    try:
        token, text = create_token(services, person, account_id, form)
    except REFUSALS as error:
        return _person(request, services, account_id, error=error)
    account = services.backend.people.accounts.get(account_id)
    return services.page(
        request,
        "admin/token.html",
        status=201,
        token=token,
        text=text,
        whose=account,
        back=f"/admin/people/{account_id}",
    )


@router.get("/admin/sessions")
def sessions(
    request: Request, services: ServicesOf, session: SessionOf, done: Done = ""
) -> Response:
    """All open sessions."""
    return services.page(
        request,
        "admin/sessions.html",
        sessions=services.backend.people.logins.sessions(services.now(), idle=IDLE),
        own=session.session_id,
        done=DONE_TEXT.get(done, ""),
    )


@router.post("/admin/sessions/{session_id}/end", dependencies=CSRF)
def end_session(services: ServicesOf, person: PersonOf, session_id: Id) -> Response:
    """End a session; one that has ended already is no fault."""
    services.backend.people.logins.end_session(session_id, by=person.name, now=services.now())
    return RedirectResponse("/admin/sessions?done=ended", status_code=303)


@router.get("/admin/tokens")
def tokens(request: Request, services: ServicesOf, done: Done = "") -> Response:
    """All tokens."""
    backend = services.backend.people
    return services.page(
        request,
        "admin/tokens.html",
        tokens=backend.tokens.all(),
        names={each.account_id: each.name for each in backend.accounts.all()},
        done=DONE_TEXT.get(done, ""),
    )


@router.post("/admin/tokens/{token_id}/revoke", dependencies=CSRF)
def revoke_token(services: ServicesOf, person: PersonOf, token_id: Id) -> Response:
    """End a token; one that has ended already is no fault."""
    services.backend.people.tokens.revoke(token_id, by=person.name, now=services.now())
    return RedirectResponse("/admin/tokens?done=revoked", status_code=303)


def refusal(request: Request, services: Services, error: Exception) -> str:
    """Why something was not done, in the reader's language."""
    language = language_of(request, services.site)
    if isinstance(error, Said):
        return error.told(language)
    return tell(language, next(text for kind, text in REFUSED.items() if isinstance(error, kind)))


def _status(error: Exception) -> int:
    return 422 if isinstance(error, Said) else 409


def _back(account_id: str, done: str) -> Response:
    return RedirectResponse(f"/admin/people/{account_id}?done={done}", status_code=303)


def _people(
    request: Request,
    services: Services,
    *,
    typed: PersonForm | None = None,
    error: str = "",
    status: int = 200,
) -> Response:
    return services.page(
        request,
        "admin/people.html",
        status=status,
        people=services.backend.people.accounts.all(),
        roles=tuple(Role),
        typed=typed,
        error=error,
    )


def _person(
    request: Request,
    services: Services,
    account_id: str,
    *,
    done: str = "",
    error: Exception | None = None,
) -> Response:
    backend, now = services.backend.people, services.now()
    try:
        account = backend.accounts.get(account_id)
    except NoSuchAccount as missing:
        why, title = plain(refusal(request, services, missing)), N_("No such person")
        return services.render(request, "error.html", status=404, title=title, why=why)
    return services.page(
        request,
        "admin/person.html",
        status=200 if error is None else _status(error),
        whose=account,
        roles=tuple(Role),
        grantable=granted(account),
        sessions=backend.logins.sessions(now, idle=IDLE, account_id=account_id),
        tokens=backend.tokens.all(account_id),
        done=DONE_TEXT.get(done, ""),
        error="" if error is None else refusal(request, services, error),
    )
