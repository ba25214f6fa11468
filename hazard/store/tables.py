"""The tables: one schema on SQLite (the truth) and PostgreSQL (the replica).

Times are stored as aware UTC (`UtcDateTime`), payloads as JSON text of the pydantic models.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    types,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigKey = BigInteger().with_variant(types.Integer(), "sqlite")


FACET = ("area", "hazard", "severity_rank", "state", "decided_by", "node", "case_closed")
"""The columns of an alert by which lists are filtered and grouped (`hazard.store.facets`)."""


class UtcDateTime(types.TypeDecorator[datetime]):
    """An aware UTC datetime; a naive one is refused. SQLite keeps it as text that sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, normalise to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: give an aware UTC one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Give back an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON}  # noqa: RUF012


class IncidentRow(Base):
    """An incident as it was last seen; `payload` is hazard.types.Incident."""

    __tablename__ = "incident"
    incident_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    area: Mapped[str] = mapped_column(String(64))
    hazard: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]


class AlertRow(Base):
    """The current state of an alert.

    `payload` is the latest AlertMessage, `alarm` the parts of the alarm as hazard.alarms has them.
    Columns from `default_rank` to `closed_cause` are for figures: `hazard.store.alert_figures`.
    """

    __tablename__ = "alert"
    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.incident_id"), unique=True)
    site: Mapped[str] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(64))
    area: Mapped[str] = mapped_column(String(64))
    hazard: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(16))
    severity_rank: Mapped[int]
    decided_by: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(32), index=True)
    revision: Mapped[int]
    raised_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    case_closed: Mapped[bool] = mapped_column(default=False, server_default=false())
    default_rank: Mapped[int] = mapped_column(default=0, server_default="0")
    opinion_rank: Mapped[int | None] = mapped_column(comment="what the model said")
    failure: Mapped[str | None] = mapped_column(
        String(16), comment="late, broken, absent or unsure: why the fallback stands"
    )
    decided_ms: Mapped[int | None] = mapped_column(comment="raised to the model's first answer")
    acknowledged_s: Mapped[int | None] = mapped_column(comment="raised to first acknowledged")
    returned_s: Mapped[int | None] = mapped_column(comment="raised to back to normal")
    closed_s: Mapped[int | None] = mapped_column(comment="raised to the case's closing")
    closed_cause: Mapped[str | None] = mapped_column(String(32))
    alarm: Mapped[dict[str, Any]]
    payload: Mapped[dict[str, Any]]
    __table_args__ = (
        Index("ix_alert_facet", *FACET, "raised_at", "alert_id"),
        Index("ix_alert_kind_place", "hazard", "area", "raised_at"),
        Index(
            "ix_alert_figures",
            "raised_at",
            "area",
            "hazard",
            "severity_rank",
            "default_rank",
            "opinion_rank",
            "failure",
            "decided_by",
            "decided_ms",
            "acknowledged_s",
            "returned_s",
            "closed_s",
            "closed_cause",
            "returned_at",
            "alert_id",
        ),
    )


class RevisionRow(Base):
    """One revision of one alert, never changed: what was published.

    From `area` on the columns repeat what the payload says, for the figures of the alarm system:
    they stand in an index that the report reads instead of the table (`hazard.store.performance`).
    """

    __tablename__ = "revision"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alert.alert_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(BigKey)
    cause: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(32))
    stored_at: Mapped[datetime]
    area: Mapped[str] = mapped_column(String(64))
    hazard: Mapped[str] = mapped_column(String(64))
    rule_id: Mapped[str] = mapped_column(String(64), comment="of the leading event")
    source: Mapped[str] = mapped_column(String(64), comment="camera or sensor of that event")
    acknowledged: Mapped[bool]
    asks_anew: Mapped[bool]
    chattering: Mapped[bool]
    fleeting: Mapped[bool]
    payload: Mapped[dict[str, Any]]
    __table_args__ = (
        UniqueConstraint("node", "sequence", name="uq_revision_node_sequence"),
        Index(
            "ix_revision_figures",
            "stored_at",
            "alert_id",
            "revision",
            "cause",
            "severity",
            "state",
            "area",
            "hazard",
            "rule_id",
            "source",
            "acknowledged",
            "asks_anew",
            "chattering",
            "fleeting",
        ),
        Index(
            "ix_revision_asked",
            "stored_at",
            "area",
            "hazard",
            "severity",
            "rule_id",
            "source",
            sqlite_where=text("asks_anew = 1"),
            postgresql_where=text("asks_anew"),
        ),
    )


class AssessmentRow(Base):
    """Who decided what; `payload` is hazard.types.Assessment."""

    __tablename__ = "assessment"
    assessment_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.incident_id"), index=True)
    severity: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str] = mapped_column(String(16))
    decided_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]


class OutboxRow(Base):
    """A message that must reach every broker. Rows are in the order of `outbox_id`."""

    __tablename__ = "outbox"
    outbox_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    sequence: Mapped[int | None] = mapped_column(BigKey, index=True)
    alert_id: Mapped[str | None] = mapped_column(String(64), index=True)
    revision: Mapped[int | None]
    topic: Mapped[str] = mapped_column(String(256))
    body: Mapped[str] = mapped_column(Text)
    retain: Mapped[bool] = mapped_column(default=False)
    properties: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(index=True)
    gap_from: Mapped[int | None] = mapped_column(
        BigKey, comment="of a gap record: first sequence that went; `sequence` is the last"
    )
    __table_args__ = (
        Index(
            "ix_outbox_gap",
            "gap_from",
            sqlite_where=text("gap_from IS NOT NULL"),
            postgresql_where=text("gap_from IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},  # ids never come again: cursors pass them
    )


class DeliveryRow(Base):
    """What one broker has taken over (PUBACK) of the outbox."""

    __tablename__ = "delivery"
    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    outbox_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("outbox.outbox_id", ondelete="CASCADE"), primary_key=True
    )
    published_at: Mapped[datetime]
    acked_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=1)
    __table_args__ = (Index("ix_delivery_outbox_id", "outbox_id"),)


class CursorRow(Base):
    """How far one broker or replica is: everything up to `position` has been handed over."""

    __tablename__ = "cursor"
    consumer: Mapped[str] = mapped_column(String(96), primary_key=True)
    position: Mapped[int] = mapped_column(BigKey, default=0)
    updated_at: Mapped[datetime]


class ChangeRow(Base):
    """The latest change of each row that may change without a revision: what a replica reads.

    Written on the node by triggers (`hazard.store.changes`); empty elsewhere.
    """

    __tablename__ = "change_log"
    change_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(200))
    __table_args__ = (
        UniqueConstraint("source", "key", name="uq_change_log_row"),
        {"sqlite_autoincrement": True},
    )


class ActionRequestRow(Base):
    """What a person or program asked for, and what became of it.

    The same request may go to two nodes (a command over MQTT): a replica has a row of each.
    """

    __tablename__ = "action_request"
    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str] = mapped_column(
        String(64),
        primary_key=True,
        default="",
        server_default="",
        comment="of a replica: who was asked; else empty",
    )
    alert_id: Mapped[str] = mapped_column(String(64), index=True)
    verb: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    expected_revision: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    duration_s: Mapped[float | None]
    role: Mapped[str] = mapped_column(String(32), default="operator")
    via: Mapped[str] = mapped_column(String(16), default="dashboard")
    areas: Mapped[list[Any]] = mapped_column(JSON, default=list)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    requested_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16), default="pending", index=True)
    outcome: Mapped[str] = mapped_column(Text, default="")
    outcome_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    carried_out_at: Mapped[datetime | None]


class SuppressionOrderRow(Base):
    """A permit, or something out of service; `payload` is hazard.types.SuppressionOrder."""

    __tablename__ = "suppression_order"
    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    cause: Mapped[str] = mapped_column(String(32))
    hazard: Mapped[str] = mapped_column(String(64))
    area: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    payload: Mapped[dict[str, Any]]


class CaseFileRow(Base):
    """The case beside an alert; `payload` is hazard.types.CaseFile. Without a row: just opened."""

    __tablename__ = "case_file"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alert.alert_id"), primary_key=True)
    assignee: Mapped[str | None] = mapped_column(String(64), index=True)
    cause: Mapped[str | None] = mapped_column(String(32))
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    next_due_at: Mapped[datetime | None] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]


class NoticeRow(Base):
    """A notification on its way to one channel; `payload` is hazard.types.Notice."""

    __tablename__ = "notice"
    notice_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64))
    alert_id: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(index=True)
    sent_at: Mapped[datetime | None]
    payload: Mapped[dict[str, Any]]
    __table_args__ = (Index("ix_notice_state_next", "state", "next_attempt_at"),)


class AuditRow(Base):
    """One line of the hash-chained audit: `hash` covers the line and the hash before it."""

    __tablename__ = "audit"
    audit_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    node: Mapped[str] = mapped_column(
        String(64), default="", server_default="", comment="of a replica: whose chain; else empty"
    )
    chain: Mapped[str] = mapped_column(String(16), default="agent", index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    verb: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    __table_args__ = (
        UniqueConstraint("node", "chain", "previous_hash", name="uq_audit_chain_link"),
        Index("ix_audit_subject", "subject", "at"),
        Index("ix_audit_actor", "actor", "at"),
        Index("ix_audit_verb", "verb", "at"),
        Index("ix_audit_at", "at", "audit_id"),
        {"sqlite_autoincrement": True},
    )


class EvidenceRow(Base):
    """Evidence on disk, content-addressed; `payload` is hazard.types.Evidence.

    One picture may show two incidents: it has a row for each and one file.
    """

    __tablename__ = "evidence"
    evidence_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    incident_id: Mapped[str] = mapped_column(
        ForeignKey("incident.incident_id"), primary_key=True, index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    size_bytes: Mapped[int] = mapped_column(BigKey)
    captured_at: Mapped[datetime] = mapped_column(index=True)
    deleted_at: Mapped[datetime | None]
    payload: Mapped[dict[str, Any]]
