"""The API of people: accounts, sessions and tokens; and everybody's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.i18n import Said
from dashboard.managing import (
    CONFLICTS,
    PersonForm,
    RoleForm,
    TokenForm,
    change_person,
    create_person,
    create_token,
    granted,
    invite,
)
from dashboard.security import SessionOf, give_session, require_csrf, whence
from dashboard.services import ServicesOf
from dashboard.settings import IDLE_S
from hazard.store.accounts import Account, NoSuchAccount
from hazard.store.logins import Session
from hazard.store.tokens import ApiToken
from hazard.types import Name, Role, UtcTime

IDLE = timedelta(seconds=IDLE_S)
router = APIRouter(
    prefix="/api/v1", tags=["people"], responses=ERRORS, dependencies=[needs(Permission.ADMINISTER)]
)
own = APIRouter(
    prefix="/api/v1/me", tags=["me"], responses=ERRORS, dependencies=[needs(Permission.VIEW)]
)
Id = Annotated[str, Path(max_length=64)]
WRITES: dict[str, Any] = {"dependencies": [Depends(require_csrf)], "responses": WRITE_ERRORS}


class Invitation(BaseModel):
    """A person, and the one-time code by which they set their password; it is shown this once."""

    person: Account
    code: str
    expires_at: UtcTime


class NewToken(BaseModel):
    """A token with its text, which is shown this once."""

    token: ApiToken
    text: str = Field(description="send it as `Authorization: Bearer TEXT`")


class Me(BaseModel):
    """Who asks, and what they may."""

    account_id: str
    name: str
    role: Role
    areas: tuple[Name, ...] = Field(description="where the role holds; empty: everywhere")
    permissions: list[Permission] = Field(description="of the role, within a token's scopes")


class PasswordForm(BaseModel):
    """Another password of one's own."""

    old: str = Field(max_length=512)
    new: str = Field(max_length=512)


@contextmanager
def refusals() -> Iterator[None]:
    """What store and forms refuse, as answers of the API.

    Raises:
        HTTPException: 404, 409 or 422 with the reason.
    """
    try:
        yield
    except NoSuchAccount as error:
        raise HTTPException(404, str(error)) from error
    except CONFLICTS as error:
        raise HTTPException(409, str(error)) from error
    except Said as error:
        raise HTTPException(422, str(error)) from error


@router.get("/people")
def list_people(services: ServicesOf) -> list[Account]:
    """Everybody, by name."""
    return services.backend.people.accounts.all()


@router.post("/people", status_code=201, **WRITES)
def add_person(services: ServicesOf, person: PersonOf, form: PersonForm) -> Invitation:
    """A new person; give them the code, it counts once and for 24 hours."""
    with refusals():
        account, code, ends_at = create_person(services, person, form)
    return Invitation(person=account, code=code, expires_at=ends_at)


@router.get("/people/{account_id}")
def get_person(services: ServicesOf, account_id: Id) -> Account:
    """One person."""
    with refusals():
        return services.backend.people.accounts.get(account_id)


@router.put("/people/{account_id}", **WRITES)
def put_role(services: ServicesOf, person: PersonOf, account_id: Id, form: RoleForm) -> Account:
    """Another role or other areas; their sessions end."""
    with refusals():
        return change_person(services, person, account_id, form)


@router.post("/people/{account_id}/disable", **WRITES)
def disable(services: ServicesOf, person: PersonOf, account_id: Id) -> Account:
    """Nobody gets in with this account any more; its sessions and tokens end."""
    with refusals():
        accounts = services.backend.people.accounts
        return accounts.disable(account_id, by=person.name, now=services.now())


@router.post("/people/{account_id}/enable", **WRITES)
def enable(services: ServicesOf, person: PersonOf, account_id: Id) -> Account:
    """The account counts again."""
    with refusals():
        accounts = services.backend.people.accounts
        return accounts.enable(account_id, by=person.name, now=services.now())


@router.post("/people/{account_id}/invitation", status_code=201, **WRITES)
def reset_password(services: ServicesOf, person: PersonOf, account_id: Id) -> Invitation:
    """A one-time code for another password; the old one and all sessions end now."""
    with refusals():
        code, ends_at = invite(services, person, account_id)
        account = services.backend.people.accounts.get(account_id)
    return Invitation(person=account, code=code, expires_at=ends_at)


@router.post("/people/{account_id}/tokens", status_code=201, **WRITES)
def add_token(
    services: ServicesOf, person: PersonOf, _session: SessionOf, account_id: Id, form: TokenForm
) -> NewToken:
    """A token for a person or program; made in a browser only, so that no token makes others."""
    with refusals():
        token, text = create_token(services, person, account_id, form)
    return NewToken(token=token, text=text)


@router.get("/sessions")
def list_sessions(services: ServicesOf) -> list[Session]:
    """All open sessions, the latest used first."""
    return services.backend.people.logins.sessions(services.now(), idle=IDLE)


@router.delete("/sessions/{session_id}", status_code=204, **WRITES)
def end_session(services: ServicesOf, person: PersonOf, session_id: Id) -> Response:
    """End a session."""
    return _end_session(services, person, session_id, None)


@router.get("/tokens")
def list_tokens(services: ServicesOf) -> list[ApiToken]:
    """All tokens, the newest first; never their secrets."""
    return services.backend.people.tokens.all()


@router.delete("/tokens/{token_id}", status_code=204, **WRITES)
def revoke_token(services: ServicesOf, person: PersonOf, token_id: Id) -> Response:
    """End a token."""
    return _revoke(services, person, token_id, None)


@own.get("")
def me(person: PersonOf) -> Me:
    """Who asks, and what they may."""
    return Me(
        account_id=person.account_id,
        name=person.name,
        role=person.role,
        areas=person.areas,
        permissions=[each for each in granted(person) if person.may(each)],
    )


@own.post("/password", status_code=204, **WRITES)
def change_password(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    _session: SessionOf,
    form: PasswordForm,
) -> Response:
    """Another password; all sessions end, and the answer's cookie is a fresh one."""
    address, agent = whence(request)
    with refusals():
        entry = services.authenticator.change_password(
            person, form.old, form.new, address=address, agent=agent, now=services.now()
        )
    if entry.token is None:
        if entry.wait_s > 0:
            headers = {"retry-after": str(int(entry.wait_s) + 1)}
            raise HTTPException(429, "too many wrong passwords: wait", headers=headers)
        raise HTTPException(422, "old: this is not your password")
    answer = Response(status_code=204)
    give_session(request, answer, entry.token)
    return answer


@own.get("/sessions")
def own_sessions(services: ServicesOf, person: PersonOf) -> list[Session]:
    """One's own open sessions."""
    logins = services.backend.people.logins
    return logins.sessions(services.now(), idle=IDLE, account_id=person.account_id)


@own.delete("/sessions/{session_id}", status_code=204, **WRITES)
def end_own_session(services: ServicesOf, person: PersonOf, session_id: Id) -> Response:
    """End a session of one's own."""
    return _end_session(services, person, session_id, person.account_id)


@own.get("/tokens")
def own_tokens(services: ServicesOf, person: PersonOf) -> list[ApiToken]:
    """One's own tokens."""
    return services.backend.people.tokens.all(person.account_id)


@own.post("/tokens", status_code=201, **WRITES)
def add_own_token(
    services: ServicesOf, person: PersonOf, _session: SessionOf, form: TokenForm
) -> NewToken:
    """A token of one's own; made in a browser only, so that no token makes others."""
    with refusals():
        token, text = create_token(services, person, person.account_id, form)
    return NewToken(token=token, text=text)


@own.delete("/tokens/{token_id}", status_code=204, **WRITES)
def revoke_own_token(services: ServicesOf, person: PersonOf, token_id: Id) -> Response:
    """End a token of one's own."""
    return _revoke(services, person, token_id, person.account_id)


def _end_session(
    services: ServicesOf, person: Person, session_id: str, account_id: str | None
) -> Response:
    ended = services.backend.people.logins.end_session(
        session_id, by=person.name, now=services.now(), account_id=account_id
    )
    if not ended:
        raise HTTPException(404, "there is no such session: it may have ended")
    return Response(status_code=204)


def _revoke(
    services: ServicesOf, person: Person, token_id: str, account_id: str | None
) -> Response:
    revoked = services.backend.people.tokens.revoke(
        token_id, by=person.name, now=services.now(), account_id=account_id
    )
    if not revoked:
        raise HTTPException(404, "there is no such token in force")
    return Response(status_code=204)
