"""One-time codes and sessions of browsers; the store keeps hashes of both only.

A code of the console makes the first administrator, or sets a password when nobody gets in. A code
of an account sets that person's password. Either counts once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from hazard.errors import StoreError
from hazard.store.accounts import (
    Account,
    account_of,
    insert_account,
    name_key,
    note,
    write_password,
)
from hazard.store.audit import AuditEntry
from hazard.store.people_tables import AccountRow, LoginCodeRow, SessionRow
from hazard.store.presence import mark_gone, mark_left
from hazard.store.writer import Writer
from hazard.types import Model, Role, UtcTime

CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8
CODE_LIFE = timedelta(minutes=15)
MAX_OPEN_CODES = 200
ID_LENGTH = 16


class WrongCode(StoreError):  # noqa: N818 - named for what it says
    """A one-time code that is wrong, used, too old, or of somebody else."""


class Session(Model):
    """A browser that is logged in. `session_id` tells sessions apart and opens none."""

    session_id: str
    account_id: str
    actor: str
    address: str = ""
    agent: str = ""
    created_at: UtcTime
    expires_at: UtcTime
    last_seen_at: UtcTime


def digest(secret: str) -> str:
    """What is kept of a secret of enough length."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Logins:
    """Short writing transactions. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # ------------------------------------------------------------ codes

    def new_code(
        self,
        now: datetime,
        *,
        lifetime: timedelta = CODE_LIFE,
        account_id: str = "",
        by: str = "console",
    ) -> str:
        """A one-time code as `XXXX-XXXX`: the console's, or that of an account.

        With one for an account the password that it had is gone, and its sessions end.

        Raises:
            NoSuchAccount: (a StoreError) if there is no such person.
            StoreError: if the store cannot be written.
        """
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        with self._writer.transaction() as connection:
            if account_id:
                write_password(connection, account_id, "", by=by, now=now)
            stale = LoginCodeRow.expires_at <= now
            if account_id:
                stale |= LoginCodeRow.account_id == account_id
            connection.execute(delete(LoginCodeRow).where(stale))
            connection.execute(
                insert(LoginCodeRow).values(
                    code_hash=digest(code),
                    account_id=account_id,
                    created_at=now,
                    expires_at=now + lifetime,
                )
            )
            # Whoever may ask the console for a code may make themselves an administrator.
            note(connection, AuditEntry(now, by, "login_code", account_id or "dashboard", {}))
        return f"{code[:4]}-{code[4:]}"

    def use_code(
        self, code: str, name: str, make_hash: Callable[[], str], now: datetime
    ) -> Account:
        """Set a password by a one-time code, which is used up by it.

        A code of the console sets the password of the person of that name, who counts again if
        they were disabled; or, where there is nobody of that name, makes an administrator.

        Args:
            code: as typed, without spaces and dashes, in capitals.
            name: of the person.
            make_hash: gives the hash of the new password; called only if the code is right.
            now: the time.

        Raises:
            WrongCode: (a StoreError) if the code does not count, or not for this person.
            NameTaken: (a StoreError) if the name cannot be given to a person.
            StoreError: if the store cannot be written.
        """
        self._right_code(code, name, now)
        password_hash = make_hash()  # slow, so outside of the writing transaction
        with self._writer.transaction() as connection:
            account_id, person = _checked(connection, code, name, now)
            by = name if account_id else "console"
            if person is None:
                made = insert_account(connection, name, Role.ADMINISTRATOR, (), by=by, now=now)
                person = made.account_id
            write_password(connection, person, password_hash, by=by, now=now)
            if not account_id:
                connection.execute(
                    update(AccountRow)
                    .where(AccountRow.account_id == person)
                    .values(disabled_at=None)
                )
            connection.execute(
                update(LoginCodeRow)
                .where(LoginCodeRow.code_hash == digest(code))
                .values(used_at=now)
            )
            query = select(AccountRow.__table__).where(AccountRow.account_id == person)
            return account_of(connection.execute(query).mappings().one())

    def _right_code(self, code: str, name: str, now: datetime) -> None:
        with self._writer.engine.connect() as connection:
            _checked(connection, code, name, now)

    # ------------------------------------------------------------ sessions

    def open_session(
        self,
        account: Account,
        now: datetime,
        *,
        lifetime: timedelta,
        address: str = "",
        agent: str = "",
    ) -> str:
        """Log a browser in; the answer is the token for its cookie, stored as a hash only."""
        token = secrets.token_urlsafe(32)
        with self._writer.transaction() as connection:
            mark_gone(connection, account.account_id)
            connection.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            connection.execute(
                insert(SessionRow).values(
                    token_hash=digest(token),
                    account_id=account.account_id,
                    actor=account.name,
                    address=address[:64],
                    agent=agent[:200],
                    created_at=now,
                    expires_at=now + lifetime,
                    last_seen_at=now,
                )
            )
            details: dict[str, JsonValue] = {"address": address[:64]}
            note(connection, AuditEntry(now, account.name, "login", account.account_id, details))
        return token

    def find_session(
        self, token: str, now: datetime, *, idle: timedelta
    ) -> tuple[Session, Account] | None:
        """Whose token it is, if its session is open, neither expired nor idle. Writes nothing."""
        query = select(SessionRow.__table__).where(
            SessionRow.token_hash == digest(token),
            SessionRow.expires_at > now,
            SessionRow.last_seen_at > now - idle,
        )
        with self._writer.engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            whose = select(AccountRow.__table__).where(
                AccountRow.account_id == row["account_id"], AccountRow.disabled_at.is_(None)
            )
            person = connection.execute(whose).mappings().one_or_none()
        return None if person is None else (_session_of(row), account_of(person))

    def sessions(
        self, now: datetime, *, idle: timedelta, account_id: str | None = None
    ) -> list[Session]:
        """Open sessions, the latest used first: of one person, or of all."""
        query = (
            select(SessionRow.__table__)
            .where(SessionRow.expires_at > now, SessionRow.last_seen_at > now - idle)
            .order_by(SessionRow.last_seen_at.desc())
        )
        if account_id is not None:
            query = query.where(SessionRow.account_id == account_id)
        with self._writer.engine.connect() as connection:
            return [_session_of(row) for row in connection.execute(query).mappings()]

    def keep_alive(self, token: str, now: datetime) -> None:
        """The browser was here now."""
        with self._writer.transaction() as connection:
            connection.execute(
                update(SessionRow)
                .where(SessionRow.token_hash == digest(token))
                .values(last_seen_at=now)
            )

    def log_out(self, token: str, now: datetime) -> None:
        """End the session of this token."""
        with self._writer.transaction() as connection:
            row = _taken(connection, SessionRow.token_hash == digest(token))
            if row is not None:
                mark_left(connection, row.account_id, now)
                note(connection, AuditEntry(now, row.actor, "logout", row.account_id, {}))

    def end_session(
        self, session_id: str, *, by: str, now: datetime, account_id: str | None = None
    ) -> bool:
        """End a session (of this person only, if one is named); False if there is none."""
        if len(session_id) != ID_LENGTH:
            return False
        where = SessionRow.token_hash.startswith(session_id, autoescape=True)
        if account_id is not None:
            where &= SessionRow.account_id == account_id
        with self._writer.transaction() as connection:
            row = _taken(connection, where)
            if row is not None:
                details: dict[str, JsonValue] = {"name": row.actor, "session": session_id}
                note(connection, AuditEntry(now, by, "session_ended", row.account_id, details))
        return row is not None


def _taken(connection: Connection, where: ColumnElement[bool]) -> Session | None:
    """Delete one session; gives what it was."""
    query = select(SessionRow.__table__).where(where).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    connection.execute(delete(SessionRow).where(SessionRow.token_hash == row["token_hash"]))
    return _session_of(row)


def _session_of(row: RowMapping) -> Session:
    values = {field: row[field] for field in Session.model_fields if field != "session_id"}
    return Session(session_id=row["token_hash"][:ID_LENGTH], **values)


def _checked(connection: Connection, code: str, name: str, now: datetime) -> tuple[str, str | None]:
    """The account that an open code is for (empty: the console's), and that of the name.

    Raises:
        WrongCode: (a StoreError) if the code does not count, or not for this person.
    """
    wanted = digest(code)
    open_codes = (
        select(LoginCodeRow.code_hash, LoginCodeRow.account_id)
        .where(LoginCodeRow.used_at.is_(None), LoginCodeRow.expires_at > now)
        .order_by(LoginCodeRow.created_at.desc())
        .limit(MAX_OPEN_CODES)
    )
    rows = connection.execute(open_codes).all()
    found = [row.account_id for row in rows if hmac.compare_digest(row.code_hash, wanted)]
    query = select(AccountRow.account_id).where(AccountRow.name_key == name_key(name))
    person = connection.execute(query).scalar_one_or_none()
    if not found or (found[0] and found[0] != person):
        raise WrongCode("the code is wrong, used, too old, or of somebody else")
    return str(found[0]), person
