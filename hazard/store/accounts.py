"""The people who may use the dashboard: names, roles, areas, and the hash of a password.

Every change is one short transaction with its line in the audit. Hashes are made elsewhere
(`dashboard.passwords`); an empty one never lets anybody in.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from hazard.errors import StoreError
from hazard.site.versions import BY_HAND
from hazard.store.audit import AuditEntry, append_audit
from hazard.store.people_tables import AccountRow, ApiTokenRow, SessionRow
from hazard.store.writer import Writer
from hazard.types import Model, Name, Role, UtcTime

CHAIN = "dashboard"
NAME_MAX = 64
RESERVED = frozenset(
    {"agent", "console", "dashboard", "fallback", "hazard", "model", "policy", "system", BY_HAND}
)
"""Who else writes in the audit and in versions: a person of that name would be taken for it."""


class NameTaken(StoreError):  # noqa: N818 - named for what it says
    """There is a person of that name already."""


class NoSuchAccount(StoreError):  # noqa: N818 - named for what it says
    """There is no such person."""


class LastAdministrator(StoreError):  # noqa: N818 - named for what it says
    """The change would leave nobody who may manage people."""


class Account(Model):
    """A person.

    Attributes:
        areas: where the role holds; empty: everywhere.
        language: what they chose; empty: the browser's.
        theme: `light`, `dark` or `auto` (as the device has it); empty: not chosen.
        has_password: False until they have set one with their one-time code.
    """

    account_id: str
    name: str
    role: Role
    areas: tuple[Name, ...] = ()
    language: str = ""
    theme: str = ""
    created_at: UtcTime
    changed_at: UtcTime
    disabled_at: UtcTime | None = None
    has_password: bool


def name_key(name: str) -> str:
    """By what two names count as the same: width and case make no difference."""
    return unicodedata.normalize("NFKC", name).casefold()


def account_of(row: RowMapping) -> Account:
    """An account as it is read."""
    values = {field: row[field] for field in Account.model_fields if field != "has_password"}
    return Account(**values, has_password=bool(row["password_hash"]))


class Accounts:
    """Reads and changes of people. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # ------------------------------------------------------------ reads

    def is_empty(self) -> bool:
        """Whether nobody has been set up yet."""
        with self._writer.engine.connect() as connection:
            return connection.execute(select(AccountRow.account_id).limit(1)).first() is None

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._writer.engine.connect() as connection:
            rows = connection.execute(select(AccountRow.__table__).order_by(AccountRow.name_key))
            return [account_of(row) for row in rows.mappings()]

    def get(self, account_id: str) -> Account:
        """One person.

        Raises:
            NoSuchAccount: (a StoreError) if there is none of that id.
        """
        with self._writer.engine.connect() as connection:
            return account_of(_row(connection, account_id))

    def credentials(self, name: str) -> tuple[Account, str] | None:
        """The person of that name with the hash of the password, or None."""
        query = select(AccountRow.__table__).where(AccountRow.name_key == name_key(name))
        with self._writer.engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else (account_of(row), str(row["password_hash"]))

    # ------------------------------------------------------------ changes

    def create(
        self, name: str, role: Role, areas: Sequence[str], *, by: str, now: datetime
    ) -> Account:
        """A new person, without a password.

        Raises:
            NameTaken: (a StoreError) if somebody has that name, or the audit uses it.
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            return insert_account(connection, name, role, areas, by=by, now=now)

    def change(
        self, account_id: str, role: Role, areas: Sequence[str], *, by: str, now: datetime
    ) -> Account:
        """Another role or other areas; whoever is logged in has to do so again.

        Raises:
            NoSuchAccount, LastAdministrator: (StoreErrors) see there.
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            before = account_of(_row(connection, account_id))
            if role is not Role.ADMINISTRATOR or areas:
                _keep_an_administrator(connection, before)
            details: dict[str, JsonValue] = {
                "name": before.name,
                "role": role.value,
                "areas": list(areas),
                "role_before": before.role.value,
                "areas_before": list(before.areas),
            }
            _write(connection, account_id, now, role=role.value, areas=list(areas))
            _end_sessions(connection, account_id)
            note(connection, AuditEntry(now, by, "account_changed", account_id, details))
            return account_of(_row(connection, account_id))

    def disable(self, account_id: str, *, by: str, now: datetime) -> Account:
        """Nobody gets in with this account any more: its sessions and tokens end.

        Raises:
            NoSuchAccount, LastAdministrator: (StoreErrors) see there.
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            before = account_of(_row(connection, account_id))
            _keep_an_administrator(connection, before)
            _write(connection, account_id, now, disabled_at=before.disabled_at or now)
            _end_sessions(connection, account_id)
            connection.execute(
                update(ApiTokenRow)
                .where(ApiTokenRow.account_id == account_id, ApiTokenRow.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            note(
                connection,
                AuditEntry(now, by, "account_disabled", account_id, {"name": before.name}),
            )
            return account_of(_row(connection, account_id))

    def enable(self, account_id: str, *, by: str, now: datetime) -> Account:
        """The account counts again, with the password that it had.

        Raises:
            NoSuchAccount: (a StoreError) see there.
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            before = account_of(_row(connection, account_id))
            _write(connection, account_id, now, disabled_at=None)
            note(
                connection,
                AuditEntry(now, by, "account_enabled", account_id, {"name": before.name}),
            )
            return account_of(_row(connection, account_id))

    def set_password(self, account_id: str, password_hash: str, *, by: str, now: datetime) -> None:
        """Another password; all sessions of the account end.

        Raises:
            NoSuchAccount: (a StoreError) see there.
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            write_password(connection, account_id, password_hash, by=by, now=now)

    def rehash(self, account_id: str, password_hash: str) -> None:
        """The same password under newer parameters; nothing else changes."""
        with self._writer.transaction() as connection:
            connection.execute(
                update(AccountRow)
                .where(AccountRow.account_id == account_id)
                .values(password_hash=password_hash)
            )

    def set_preferences(self, account_id: str, *, language: str, theme: str) -> None:
        """How they want to see the pages; empty: as their browser says."""
        with self._writer.transaction() as connection:
            connection.execute(
                update(AccountRow)
                .where(AccountRow.account_id == account_id)
                .values(language=language, theme=theme)
            )


def insert_account(
    connection: Connection,
    name: str,
    role: Role,
    areas: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> Account:
    """A new person, in the caller's transaction.

    Raises:
        NameTaken: (a StoreError) if somebody has that name, or the audit uses it.
    """
    key = name_key(name)
    if key in RESERVED:
        raise NameTaken(f"name {name!r} stands for a part of the program: choose another one")
    if len(key) > NAME_MAX:
        raise NameTaken(f"name {name!r} is too long: at most {NAME_MAX} characters are kept")
    present = select(AccountRow.account_id).where(AccountRow.name_key == key)
    if connection.execute(present).first() is not None:
        raise NameTaken(f"name {name!r} is taken: choose another one, or change that person")
    account_id = secrets.token_hex(8)
    connection.execute(
        insert(AccountRow).values(
            account_id=account_id,
            name=name,
            name_key=key,
            password_hash="",
            role=role.value,
            areas=list(areas),
            created_at=now,
            changed_at=now,
        )
    )
    details: dict[str, JsonValue] = {"name": name, "role": role.value, "areas": list(areas)}
    note(connection, AuditEntry(now, by, "account_created", account_id, details))
    return account_of(_row(connection, account_id))


def write_password(
    connection: Connection, account_id: str, password_hash: str, *, by: str, now: datetime
) -> None:
    """Another password (empty: none, until a one-time code is used), in the caller's transaction.

    Raises:
        NoSuchAccount: (a StoreError) if there is none of that id.
    """
    before = account_of(_row(connection, account_id))
    _write(connection, account_id, now, password_hash=password_hash)
    _end_sessions(connection, account_id)
    verb = "password_set" if password_hash else "password_reset"
    note(connection, AuditEntry(now, by, verb, account_id, {"name": before.name}))


def note(connection: Connection, entry: AuditEntry) -> None:
    """A line of the dashboard's own chain of the audit, in the caller's transaction."""
    append_audit(connection, CHAIN, entry)


def _row(connection: Connection, account_id: str) -> RowMapping:
    query = select(AccountRow.__table__).where(AccountRow.account_id == account_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NoSuchAccount("there is no such person: load the list again")
    return row


def _write(connection: Connection, account_id: str, now: datetime, **values: Any) -> None:
    connection.execute(
        update(AccountRow)
        .where(AccountRow.account_id == account_id)
        .values(changed_at=now, **values)
    )


def _end_sessions(connection: Connection, account_id: str) -> None:
    connection.execute(delete(SessionRow).where(SessionRow.account_id == account_id))


def _keep_an_administrator(connection: Connection, leaving: Account) -> None:
    """Refuse what takes away the last one who can manage people: an administrator of all areas."""
    if leaving.role is not Role.ADMINISTRATOR or leaving.areas or leaving.disabled_at is not None:
        return
    others = select(AccountRow.areas).where(
        AccountRow.role == Role.ADMINISTRATOR.value,
        AccountRow.disabled_at.is_(None),
        AccountRow.account_id != leaving.account_id,
    )
    if all(connection.execute(others).scalars()):
        raise LastAdministrator(
            f"{leaving.name} is the last administrator of all areas: make another person one first"
        )
