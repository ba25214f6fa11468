"""What a unit of work does, as data: applied in one transaction, or kept in the journal until then.

The same operations go both ways, so that an alert that had to wait in the journal ends in the
same rows as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue
from sqlalchemy import Connection, Insert, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hazard.alarms import Alarm
from hazard.store.audit import append_audit
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    Base,
    EvidenceRow,
    IncidentRow,
    OutboxRow,
    RevisionRow,
)
from hazard.types import (
    AlertMessage,
    Assessment,
    Evidence,
    Incident,
    IsaState,
    Model,
    RequestState,
    UtcTime,
)


class OutboxMessage(Model):
    """A message for every broker, ready to be sent.

    `properties` become MQTT 5 user properties.
    """

    topic: str = Field(max_length=256)
    body: str
    retain: bool = False
    properties: dict[str, str] = Field(default_factory=dict)


Render = Callable[[AlertMessage], Sequence[OutboxMessage]]
"""Makes the outbox's messages of one numbered revision."""


class SaveIncident(Model):
    """Write the incident as it is now."""

    type: Literal["incident"] = "incident"
    incident: Incident


class WriteRevision(Model):
    """Write one revision with its outbox rows and its audit line."""

    type: Literal["revision"] = "revision"
    message: AlertMessage
    alarm: Alarm
    actor: str
    text: str
    outbox: tuple[OutboxMessage, ...] = ()


class SaveAssessment(Model):
    """Write who decided what."""

    type: Literal["assessment"] = "assessment"
    assessment: Assessment


class SaveEvidence(Model):
    """Write a reference to evidence."""

    type: Literal["evidence"] = "evidence"
    incident_id: str
    evidence: Evidence


class FinishRequest(Model):
    """Write what became of a request."""

    type: Literal["request"] = "request"
    request_id: str
    state: RequestState
    outcome: str
    at: UtcTime


class WriteAudit(Model):
    """Write an audit line that belongs to no revision (start, reload, refusal)."""

    type: Literal["audit"] = "audit"
    at: UtcTime
    actor: str
    verb: str
    subject: str
    details: dict[str, JsonValue]


Operation = Annotated[
    SaveIncident | WriteRevision | SaveAssessment | SaveEvidence | FinishRequest | WriteAudit,
    Field(discriminator="type"),
]

# ---------------------------------------------------------------- numbering


def last_sequence(connection: Connection, node: str) -> int:
    """The highest sequence number that the node has given out in the database."""
    query = select(func.max(RevisionRow.sequence)).where(RevisionRow.node == node)
    return int(connection.execute(query).scalar_one() or 0)


def number(
    operations: Sequence[Operation],
    last: int,
    *,
    stored_at: datetime,
    durability: Literal["store", "journal", "memory"],
    render: Render,
) -> tuple[Operation, ...]:
    """Give each revision its sequence number and storage time, and make its outbox messages."""
    done: list[Operation] = []
    for operation in operations:
        if not isinstance(operation, WriteRevision):
            done.append(operation)
            continue
        last += 1
        message = operation.message
        times = message.times.model_copy(update={"stored": stored_at})
        message = message.model_copy(
            update={"sequence": last, "times": times, "durability": durability}
        )
        done.append(
            operation.model_copy(update={"message": message, "outbox": tuple(render(message))})
        )
    return tuple(done)


# ---------------------------------------------------------------- applying


def apply(connection: Connection, operations: Sequence[Operation]) -> None:
    """Write the operations, in order, in the caller's transaction."""
    for operation in operations:
        match operation:
            case SaveIncident(incident=incident):
                _save_incident(connection, incident)
            case WriteRevision():
                _write_revision(connection, operation)
            case SaveAssessment(assessment=assessment):
                _save_assessment(connection, assessment)
            case SaveEvidence(incident_id=incident_id, evidence=evidence):
                _save_evidence(connection, incident_id, evidence)
            case FinishRequest():
                _finish_request(connection, operation)
            case WriteAudit():
                append_audit(
                    connection,
                    chain="agent",
                    **operation.model_dump(exclude={"type"}, mode="python"),
                )


def upsert(connection: Connection, table: type[Base], key: str, values: dict[str, Any]) -> None:
    """Insert the row, or bring the one with this key (columns, comma between) up to date."""
    connection.execute(_upsert(connection.dialect.name, table, key, tuple(values)), values)


@lru_cache(maxsize=64)
def _upsert(dialect: str, table: type[Base], key: str, columns: tuple[str, ...]) -> Insert:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(Base.metadata.tables[table.__tablename__])
    keys = key.split(",")
    rest = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


@lru_cache(maxsize=16)
def insert_into(table: type[Base]) -> Insert:
    """The insert statement of a table, made once: building it costs more than running it."""
    return insert(Base.metadata.tables[table.__tablename__])


def _save_incident(connection: Connection, incident: Incident) -> None:
    upsert(
        connection,
        IncidentRow,
        "incident_id",
        {
            "incident_id": incident.incident_id,
            "area": incident.area,
            "hazard": incident.hazard,
            "opened_at": incident.opened_at,
            "updated_at": incident.updated_at,
            "closed_at": incident.closed_at,
            "payload": incident.model_dump(mode="json"),
        },
    )


def _write_revision(connection: Connection, operation: WriteRevision) -> None:
    message = operation.message
    stored_at = message.times.stored
    if stored_at is None:
        raise ValueError("a revision is numbered before it is written")
    payload = message.model_dump(mode="json")
    _save_alert(connection, operation, payload, stored_at)
    connection.execute(
        insert_into(RevisionRow),
        {
            "alert_id": message.alert_id,
            "revision": message.revision,
            "node": message.node,
            "sequence": message.sequence,
            "cause": message.cause.value,
            "severity": message.severity.value,
            "decided_by": message.decided_by.value,
            "state": message.state.value,
            "stored_at": stored_at,
            "payload": payload,
        },
    )
    if operation.outbox:
        numbers = {
            "sequence": message.sequence,
            "alert_id": message.alert_id,
            "revision": message.revision,
            "created_at": stored_at,
        }
        rows = [numbers | each.model_dump() for each in operation.outbox]
        connection.execute(insert_into(OutboxRow), rows)
    append_audit(
        connection,
        chain="agent",
        at=stored_at,
        actor=operation.actor,
        verb=f"alert.{message.cause.value}",
        subject=message.alert_id,
        details={
            "revision": message.revision,
            "sequence": message.sequence,
            "severity": message.severity.value,
            "decided_by": message.decided_by.value,
            "state": message.state.value,
            "text": operation.text,
        },
    )


def _save_alert(
    connection: Connection, operation: WriteRevision, payload: dict[str, Any], stored_at: datetime
) -> None:
    message = operation.message
    upsert(
        connection,
        AlertRow,
        "alert_id",
        {
            "alert_id": message.alert_id,
            "incident_id": message.incident_id,
            "site": message.site,
            "node": message.node,
            "area": message.area,
            "hazard": message.hazard,
            "severity": message.severity.value,
            "severity_rank": message.severity.rank,
            "decided_by": message.decided_by.value,
            "state": message.state.value,
            "revision": message.revision,
            "raised_at": message.times.raised,
            "updated_at": stored_at,
            "returned_at": stored_at if message.state is IsaState.NORMAL else None,
            "alarm": operation.alarm.model_dump(mode="json"),
            "payload": payload,
        },
    )


def _save_assessment(connection: Connection, assessment: Assessment) -> None:
    upsert(
        connection,
        AssessmentRow,
        "assessment_id",
        {
            "assessment_id": assessment.assessment_id,
            "incident_id": assessment.incident_id,
            "severity": assessment.severity.value,
            "decided_by": assessment.decided_by.value,
            "decided_at": assessment.decided_at,
            "payload": assessment.model_dump(mode="json"),
        },
    )


def _save_evidence(connection: Connection, incident_id: str, evidence: Evidence) -> None:
    upsert(
        connection,
        EvidenceRow,
        "evidence_id,incident_id",
        {
            "evidence_id": evidence.evidence_id,
            "incident_id": incident_id,
            "kind": evidence.kind,
            "size_bytes": evidence.size_bytes,
            "captured_at": evidence.captured_at,
            "deleted_at": None,
            "payload": evidence.model_dump(mode="json"),
        },
    )


def _finish_request(connection: Connection, operation: FinishRequest) -> None:
    connection.execute(
        update(ActionRequestRow)
        .where(ActionRequestRow.request_id == operation.request_id)
        .values(
            state=operation.state.value,
            outcome=operation.outcome,
            carried_out_at=operation.at,
        )
    )
