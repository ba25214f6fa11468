"""Tokens of programs: each belongs to a person, may at most what that person may, and ends.

A token is `hz_ID_SECRET`; only its hash is stored, the ID is shown to tell tokens apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import RowMapping, func, insert, select, update

from hazard.errors import StoreError
from hazard.store.accounts import Account, account_of, note
from hazard.store.audit import AuditEntry
from hazard.store.logins import digest
from hazard.store.people_tables import AccountRow, ApiTokenRow
from hazard.store.writer import Writer
from hazard.types import Model, UtcTime

PREFIX = "hz"
LONGEST = timedelta(days=366)
MOST = 50
"""Tokens that a person may have in force."""


class TooManyTokens(StoreError):  # noqa: N818 - named for what it says
    """A person has as many tokens in force as one may have."""


class ApiToken(Model):
    """A token as it is shown: never its secret.

    Attributes:
        scopes: names of permissions; what the token may at most.
    """

    token_id: str
    account_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: UtcTime
    expires_at: UtcTime
    last_used_at: UtcTime | None = None
    revoked_at: UtcTime | None = None


class Tokens:
    """Short writing transactions. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def create(
        self,
        account: Account,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime,
        by: str,
        now: datetime,
    ) -> tuple[ApiToken, str]:
        """A new token, and its text, which is given this once.

        Raises:
            ValueError: if it would not end within 366 days.
            TooManyTokens: (a StoreError) if the person has 50 in force.
            StoreError: if the store cannot be written.
        """
        if not now < expires_at <= now + LONGEST:
            raise ValueError(f"a token ends after 1 to {LONGEST.days} days: choose an earlier day")
        token_id = secrets.token_hex(4)
        text = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
        token = ApiToken(
            token_id=token_id,
            account_id=account.account_id,
            name=name,
            scopes=tuple(scopes),
            created_at=now,
            expires_at=expires_at,
        )
        in_force = (
            select(func.count())
            .select_from(ApiTokenRow)
            .where(
                ApiTokenRow.account_id == account.account_id,
                ApiTokenRow.revoked_at.is_(None),
                ApiTokenRow.expires_at > now,
            )
        )
        with self._writer.transaction() as connection:
            if connection.execute(in_force).scalar_one() >= MOST:
                raise TooManyTokens(f"{account.name} has {MOST} tokens in force: revoke one first")
            row = token.model_dump() | {"scopes": list(token.scopes), "token_hash": digest(text)}
            connection.execute(insert(ApiTokenRow).values(**row))
            details: dict[str, JsonValue] = {
                "token": token_id,
                "name": name,
                "scopes": list(token.scopes),
                "expires_at": expires_at.isoformat(timespec="seconds"),
            }
            note(connection, AuditEntry(now, by, "token_created", account.account_id, details))
        return token, text

    def find(self, text: str, now: datetime) -> tuple[ApiToken, Account] | None:
        """Whose token it is, if it is in force and its person not disabled. Writes nothing."""
        query = select(ApiTokenRow.__table__).where(
            ApiTokenRow.token_hash == digest(text),
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.expires_at > now,
        )
        with self._writer.engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            whose = select(AccountRow.__table__).where(
                AccountRow.account_id == row["account_id"], AccountRow.disabled_at.is_(None)
            )
            person = connection.execute(whose).mappings().one_or_none()
        return None if person is None else (_token_of(row), account_of(person))

    def used(self, token_id: str, now: datetime) -> None:
        """The token was used now."""
        with self._writer.transaction() as connection:
            connection.execute(
                update(ApiTokenRow).where(ApiTokenRow.token_id == token_id).values(last_used_at=now)
            )

    def all(self, account_id: str | None = None) -> list[ApiToken]:
        """Tokens, the newest first: of one person, or of all."""
        query = select(ApiTokenRow.__table__).order_by(ApiTokenRow.created_at.desc())
        if account_id is not None:
            query = query.where(ApiTokenRow.account_id == account_id)
        with self._writer.engine.connect() as connection:
            return [_token_of(row) for row in connection.execute(query).mappings()]

    def revoke(
        self, token_id: str, *, by: str, now: datetime, account_id: str | None = None
    ) -> bool:
        """End a token (of this person only, if one is named); False if none is in force."""
        where = (ApiTokenRow.token_id == token_id) & ApiTokenRow.revoked_at.is_(None)
        if account_id is not None:
            where &= ApiTokenRow.account_id == account_id
        with self._writer.transaction() as connection:
            query = select(ApiTokenRow.__table__).where(where)
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return False
            connection.execute(update(ApiTokenRow).where(where).values(revoked_at=now))
            details: dict[str, JsonValue] = {"token": token_id, "name": row["name"]}
            note(connection, AuditEntry(now, by, "token_revoked", row["account_id"], details))
        return True


def _token_of(row: RowMapping) -> ApiToken:
    return ApiToken.model_validate({field: row[field] for field in ApiToken.model_fields})
