"""What the core reads when it starts: the state as it was last made durable.

What still waits in the journal counts as written: it lies over what the database says.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine, or_, select

from hazard.alarms import Alarm
from hazard.store.operations import (
    FinishRequest,
    Operation,
    SaveIncident,
    SaveOrder,
    WriteRevision,
)
from hazard.store.performance import Asked, asked_since
from hazard.store.queries import OPEN_STATES, request_status
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AuditRow,
    IncidentRow,
    SuppressionOrderRow,
)
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Incident,
    IsaState,
    Model,
    RequestState,
    SuppressionOrder,
)


class OpenAlert(Model):
    """An alert as it was last written: its newest revision, and its alarm."""

    message: AlertMessage
    alarm: Alarm


class Restore:
    """Reads of the core at its start, and of its requests while it runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_alerts(self, waiting: Iterable[Operation]) -> list[OpenAlert]:
        """Alerts that are not back to normal, oldest first."""
        query = (
            select(AlertRow.payload, AlertRow.alarm)
            .where(AlertRow.state.in_(OPEN_STATES))
            .order_by(AlertRow.raised_at, AlertRow.alert_id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found = {
            row.payload["alert_id"]: OpenAlert.model_validate(
                {"message": row.payload, "alarm": row.alarm}
            )
            for row in rows
        }
        for operation in waiting:
            if isinstance(operation, WriteRevision):
                message = operation.message
                known = found.get(message.alert_id)
                if known is None or known.message.revision < message.revision:
                    found[message.alert_id] = OpenAlert(message=message, alarm=operation.alarm)
        return [alert for alert in found.values() if alert.message.state is not IsaState.NORMAL]

    def born_at(self) -> datetime | None:
        """When the oldest line of the audit, which is kept for ever, was written; None: no line."""
        query = select(AuditRow.at).order_by(AuditRow.audit_id).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def alert(self, alert_id: str, waiting: Iterable[Operation]) -> OpenAlert | None:
        """One alert, also if it is back to normal; None if there is none of that id."""
        query = select(AlertRow.payload, AlertRow.alarm).where(AlertRow.alert_id == alert_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        found = None
        if row is not None:
            found = OpenAlert.model_validate({"message": row.payload, "alarm": row.alarm})
        for operation in waiting:
            if isinstance(operation, WriteRevision) and operation.message.alert_id == alert_id:
                newest = found.message.revision if found is not None else 0
                if operation.message.revision > newest:
                    found = OpenAlert(message=operation.message, alarm=operation.alarm)
        return found

    def asked_since(self, node: str, after: datetime, waiting: Iterable[Operation]) -> list[Asked]:
        """The node's alarms that asked for attention later than `after`, oldest first."""
        with self._engine.connect() as connection:
            found = set(asked_since(connection, node, after))
        for operation in waiting:
            if isinstance(operation, WriteRevision) and operation.message.asks_anew:
                message = operation.message
                at = message.times.stored or message.times.raised
                if at > after:
                    found.add(Asked(at, message.alert_id, message.area))
        return sorted(found)

    def standing_orders(self, node: str, waiting: Iterable[Operation]) -> list[SuppressionOrder]:
        """Suppression orders of the node that nobody has ended, oldest first.

        Their time may be over: whoever reads them ends these.
        """
        query = (
            select(SuppressionOrderRow.payload)
            .where(SuppressionOrderRow.node == node, SuppressionOrderRow.ended_at.is_(None))
            .order_by(SuppressionOrderRow.starts_at, SuppressionOrderRow.order_id)
        )
        with self._engine.connect() as connection:
            payloads = connection.execute(query).scalars().all()
        found = {each["order_id"]: SuppressionOrder.model_validate(each) for each in payloads}
        for operation in waiting:
            if isinstance(operation, SaveOrder):
                found[operation.order.order_id] = operation.order
        return [order for order in found.values() if order.ended_at is None]

    def open_incidents(self, waiting: Iterable[Operation]) -> list[Incident]:
        """Incidents that are not closed, and those whose alert is not back to normal."""
        query = (
            select(IncidentRow.payload)
            .outerjoin(AlertRow, AlertRow.incident_id == IncidentRow.incident_id)
            .where(or_(IncidentRow.closed_at.is_(None), AlertRow.state.in_(OPEN_STATES)))
            .order_by(IncidentRow.opened_at, IncidentRow.incident_id)
        )
        with self._engine.connect() as connection:
            payloads = connection.execute(query).scalars().all()
        found = {each["incident_id"]: Incident.model_validate(each) for each in payloads}
        for operation in waiting:
            if isinstance(operation, SaveIncident):
                found[operation.incident.incident_id] = operation.incident
        return list(found.values())

    def pending_requests(self, waiting: Iterable[Operation]) -> list[ActionRequest]:
        """Requests that nobody has carried out yet, oldest first."""
        finished = {op.request_id for op in waiting if isinstance(op, FinishRequest)}
        query = (
            select(ActionRequestRow)
            .where(ActionRequestRow.state == RequestState.PENDING.value)
            .order_by(ActionRequestRow.requested_at, ActionRequestRow.request_id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        requests = [request_status(row).request for row in rows]
        return [request for request in requests if request.request_id not in finished]
