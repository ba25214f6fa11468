"""The tables beside alarms: readings, stage health, and the dashboard's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hazard.store.tables import Base, BigKey


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


class LoginCodeRow(Base):
    """A one-time code that the console printed, as a hash (the dashboard's own table)."""

    __tablename__ = "login_code"
    code_hash: Mapped[str] = mapped_column(String(128), primary_key=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SessionRow(Base):
    """A browser session (the dashboard's own table)."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
