"""What others than the core may write: requests to it; and the dashboard's sessions and codes.

Alarm state is not among it: only the agent core changes that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import delete, insert, select, update

from hazard.errors import StoreError
from hazard.store.audit import AuditEntry, append_audit
from hazard.store.people_tables import LoginCodeRow, SessionRow
from hazard.store.queries import RequestStatus, request_status
from hazard.store.tables import ActionRequestRow, AlertRow
from hazard.store.writer import Writer
from hazard.types import ActionRequest, Model, RequestState, UtcTime

CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8
MAX_OPEN_CODES = 20


class NoSuchAlert(StoreError):  # noqa: N818 - named for what it says
    """A request names an alert that this database does not hold."""


class Session(Model):
    """A browser that is logged in."""

    actor: str
    created_at: UtcTime
    expires_at: UtcTime


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Desk:
    """Short writing transactions. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def submit_request(self, request: ActionRequest) -> RequestStatus:
        """Hand a request to the core, once: the same `request_id` again changes nothing.

        Raises:
            NoSuchAlert: (a StoreError) if there is no such alert.
            StoreError: if the store cannot be written.
        """
        row = request.model_dump() | {
            "verb": request.verb.value,
            "role": request.role.value,
            "via": request.via.value,
            "areas": list(request.areas),
            "state": "pending",
            "outcome": "",
        }
        found = select(ActionRequestRow).where(ActionRequestRow.request_id == request.request_id)
        with self._writer.transaction() as connection:
            present = connection.execute(found).mappings().one_or_none()
            if present is not None:
                return request_status(present)
            known = select(AlertRow.alert_id).where(AlertRow.alert_id == request.alert_id)
            if request.alert_id and connection.execute(known).one_or_none() is None:
                raise NoSuchAlert(f"there is no alert {request.alert_id!r}: load the list again")
            connection.execute(insert(ActionRequestRow).values(**row))
        return RequestStatus(request=request, state=RequestState.PENDING, outcome="")

    # ------------------------------------------------------------ login

    def new_login_code(self, now: datetime, *, lifetime: timedelta = timedelta(minutes=15)) -> str:
        """A one-time code to print on the console; only its hash is stored, and the audit told."""
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        with self._writer.transaction() as connection:
            connection.execute(delete(LoginCodeRow).where(LoginCodeRow.expires_at <= now))
            connection.execute(
                insert(LoginCodeRow).values(
                    code_hash=_digest(code), created_at=now, expires_at=now + lifetime
                )
            )
            # Whoever may ask the console for a code may log in under any name.
            entry = AuditEntry(now, "console", "login_code", "dashboard", {})
            append_audit(connection, "dashboard", entry)
        return code

    def use_login_code(self, code: str, now: datetime) -> bool:
        """Whether the code is right, unused and not expired; it is used up by this call."""
        wanted = _digest(code.strip().upper())
        open_codes = (
            select(LoginCodeRow.code_hash)
            .where(LoginCodeRow.used_at.is_(None), LoginCodeRow.expires_at > now)
            .order_by(LoginCodeRow.created_at.desc())
            .limit(MAX_OPEN_CODES)
        )
        with self._writer.transaction() as connection:
            hashes = connection.execute(open_codes).scalars().all()
            matched = [each for each in hashes if hmac.compare_digest(each, wanted)]
            if not matched:
                return False
            connection.execute(
                update(LoginCodeRow).where(LoginCodeRow.code_hash == wanted).values(used_at=now)
            )
        return True

    def open_session(self, actor: str, now: datetime, *, lifetime: timedelta) -> str:
        """Log a browser in; the answer is the token for its cookie, stored as a hash only."""
        token = secrets.token_urlsafe(32)
        with self._writer.transaction() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            connection.execute(
                insert(SessionRow).values(
                    token_hash=_digest(token),
                    actor=actor,
                    created_at=now,
                    expires_at=now + lifetime,
                    last_seen_at=now,
                )
            )
        return token

    def find_session(self, token: str, now: datetime) -> Session | None:
        """Who the token belongs to, if its session is open and not expired. Writes nothing."""
        query = select(SessionRow.actor, SessionRow.created_at, SessionRow.expires_at).where(
            SessionRow.token_hash == _digest(token), SessionRow.expires_at > now
        )
        with self._writer.engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Session.model_validate(dict(row))

    def close_session(self, token: str) -> None:
        """Log the browser out."""
        with self._writer.transaction() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.token_hash == _digest(token)))

    def audit(
        self, now: datetime, actor: str, verb: str, subject: str, details: Mapping[str, JsonValue]
    ) -> None:
        """Write a line to the dashboard's own chain of the audit (login, logout, refusals).

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            entry = AuditEntry(now, actor, verb, subject, dict(details))
            append_audit(connection, "dashboard", entry)
