"""What a unit of work does, as data: applied in one transaction, or kept in the journal until then.

The same operations go both ways, so that an alert that had to wait in the journal ends in the
same rows as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue
from sqlalchemy import Connection, func, select

from hazard.alarms import Alarm
from hazard.jobs import Job
from hazard.site.versions import SiteVersion
from hazard.store.tables import RevisionRow
from hazard.types import (
    AlertMessage,
    Assessment,
    Evidence,
    Incident,
    Model,
    Notice,
    RequestState,
    SuppressionOrder,
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


Render = Callable[[AlertMessage, str], Sequence[OutboxMessage]]
"""Makes the outbox's messages of one numbered revision, given with its JSON text."""


class SaveIncident(Model):
    """Write the incident as it is now."""

    type: Literal["incident"] = "incident"
    incident: Incident


class WriteRevision(Model):
    """Write one revision with its outbox rows and its audit line.

    `body` is the numbered message as JSON: written out once for all rows that hold it. `details`
    join the audit line: of an action its verb, the actor's role and the way it came.
    """

    type: Literal["revision"] = "revision"
    message: AlertMessage
    body: str = Field(default="", exclude=True)
    alarm: Alarm
    actor: str
    text: str
    details: dict[str, JsonValue] = Field(default_factory=dict)
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
    values: dict[str, JsonValue] = Field(default_factory=dict)
    at: UtcTime


class SaveOrder(Model):
    """Write a suppression order as it is now."""

    type: Literal["order"] = "order"
    node: str
    order: SuppressionOrder


class QueueNotice(Model):
    """Have somebody told; one that is queued already stays as it is."""

    type: Literal["notice"] = "notice"
    notice: Notice


class SaveTaken(Model):
    """Write how far the observations of a vision group have been taken over.

    `instance` names the vision group from its start to its end; there is one at a time.
    """

    type: Literal["taken"] = "taken"
    instance: str = Field(pattern=r"^[0-9a-f]{1,32}$")
    number: int = Field(ge=0)


class SaveSiteVersion(Model):
    """Write one version of the site file."""

    type: Literal["site_version"] = "site_version"
    version: SiteVersion


class SaveJob(Model):
    """Write a new job; one that is there already stays as it is."""

    type: Literal["job"] = "job"
    job: Job


class WriteAudit(Model):
    """Write an audit line that belongs to no revision (start, reload, refusal)."""

    type: Literal["audit"] = "audit"
    at: UtcTime
    actor: str
    verb: str
    subject: str
    details: dict[str, JsonValue]


Operation = Annotated[
    SaveIncident
    | WriteRevision
    | SaveAssessment
    | SaveEvidence
    | FinishRequest
    | SaveOrder
    | QueueNotice
    | SaveTaken
    | SaveSiteVersion
    | SaveJob
    | WriteAudit,
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
        body = message.model_dump_json()
        outbox = tuple(render(message, body))
        done.append(
            operation.model_copy(update={"message": message, "body": body, "outbox": outbox})
        )
    return tuple(done)
