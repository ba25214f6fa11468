"""The tables beside alarms: readings, observations, stage health, site versions, jobs, words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hazard.store.tables import FACET, Base, BigKey


class ReadingRow(Base):
    """A reading, thinned to 2 Hz per sensor."""

    __tablename__ = "reading"
    reading_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    sensor_id: Mapped[str] = mapped_column(String(64))
    area: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[str] = mapped_column(String(64))
    value: Mapped[float | None]
    unit: Mapped[str] = mapped_column(String(16))
    quality: Mapped[str] = mapped_column(String(16))
    measured_at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (Index("ix_reading_sensor_time", "sensor_id", "measured_at"),)


class StageHealthRow(Base):
    """The last word of each stage about its health; older than a few seconds means unknown."""

    __tablename__ = "stage_health"
    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    stage: Mapped[str] = mapped_column(String(128), primary_key=True)
    health: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    figures: Mapped[dict[str, Any]]


class ObservationRow(Base):
    """What one camera saw, thinned to 2 Hz, for dry runs; `payload` is hazard.types.Observation."""

    __tablename__ = "observation"
    observation_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    camera_id: Mapped[str] = mapped_column(String(64))
    captured_at: Mapped[datetime] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(comment="of the payload as JSON, for the budget")
    payload: Mapped[dict[str, Any]]
    __table_args__ = (Index("ix_observation_camera_time", "camera_id", "captured_at"),)


class SiteVersionRow(Base):
    """One content that the site file had, and who made it so and why; never changed."""

    __tablename__ = "site_version"
    version: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    node: Mapped[str] = mapped_column(String(64), default="", server_default="")
    sha256: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text, default="")
    summary: Mapped[str] = mapped_column(Text, default="")
    restored_from: Mapped[int | None] = mapped_column(BigKey)
    made_at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = ({"sqlite_autoincrement": True},)


class JobRow(Base):
    """Long work that the agent does on request; `arguments` and `result` are of its kind."""

    __tablename__ = "job"
    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64), default="", index=True)
    actor: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="waiting", index=True)
    progress: Mapped[float] = mapped_column(default=0.0, comment="0..1")
    message: Mapped[str] = mapped_column(Text, default="")
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ReportRow(Base):
    """A report that was made; its file lies in the data folder under its sha256."""

    __tablename__ = "report"
    report_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    monday: Mapped[date] = mapped_column(comment="first day of the week that it is about")
    language: Mapped[str] = mapped_column(String(8))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigKey)
    alarms: Mapped[int]
    critical: Mapped[int]
    actor: Mapped[str] = mapped_column(String(64))
    scheduled: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(index=True)


class AlertTextRow(Base):
    """The words by which an alert is found; `alert_no` grows with the time it was raised.

    On SQLite a full-text index (`alert_words`, FTS5) lies over `words`, on PostgreSQL a GIN index
    (`hazard.store.words`).
    """

    __tablename__ = "alert_text"
    alert_no: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    alert_id: Mapped[str] = mapped_column(
        ForeignKey("alert.alert_id", ondelete="CASCADE"), unique=True
    )
    words: Mapped[str] = mapped_column(Text)


class AlertFacetRow(Base):
    """How many alerts there are of each combination of area, kind, severity, state and so on.

    Kept by triggers on the table of alerts (`hazard.store.facets`).
    """

    __tablename__ = "alert_facet"
    facet_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    area: Mapped[str] = mapped_column(String(64))
    hazard: Mapped[str] = mapped_column(String(64))
    severity_rank: Mapped[int]
    state: Mapped[str] = mapped_column(String(32))
    decided_by: Mapped[str] = mapped_column(String(16))
    node: Mapped[str] = mapped_column(String(64))
    case_closed: Mapped[bool]
    alerts: Mapped[int] = mapped_column(BigKey)
    __table_args__ = (UniqueConstraint(*FACET, name="uq_alert_facet"),)
