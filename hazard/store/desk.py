"""What the dashboard hands in: requests to the core, and lines of the audit.

Alarm state is not among what it writes: only the agent core changes that. People, their sessions
and tokens are in `hazard.store.people`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import insert, select

from hazard.errors import StoreError
from hazard.store.audit import AuditEntry, append_audit
from hazard.store.queries import RequestStatus, request_status
from hazard.store.tables import ActionRequestRow, AlertRow
from hazard.store.writer import Writer
from hazard.types import ActionRequest, RequestState


class NoSuchAlert(StoreError):  # noqa: N818 - named for what it says
    """A request names an alert that this database does not hold."""


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

    def audit(
        self, now: datetime, actor: str, verb: str, subject: str, details: Mapping[str, JsonValue]
    ) -> None:
        """Write a line to the dashboard's own chain of the audit.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            entry = AuditEntry(now, actor, verb, subject, dict(details))
            append_audit(connection, "dashboard", entry)
