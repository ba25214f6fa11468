"""Notifications: who is to be told of an alarm or sent a report, and how far that is."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from hazard.base import Model, Name, UtcTime


class NoticeReason(StrEnum):
    """Why somebody is told."""

    RAISED = "raised"
    WORSE = "worse"
    ESCALATED = "escalated"
    REALARM = "realarm"
    TEST = "test"
    REPORT = "report"


class ReportNote(Model):
    """A report that is sent: which file, and what it says in short."""

    report_id: str = Field(min_length=1, max_length=64)
    monday: date
    language: str = Field(max_length=8)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    alarms: int = Field(ge=0)
    critical: int = Field(ge=0)


class Notice(Model):
    """One message to one channel of the site file; the text is made when it is sent.

    `notice_id` is derived from alert, revision, channel and reason, so that the same notice is
    never queued twice, also not after a restart.
    """

    notice_id: str = Field(min_length=1, max_length=128)
    alert_id: str = Field(default="", max_length=64, description="empty: a test or a report")
    revision: int = Field(default=0, ge=0)
    channel: Name
    reason: NoticeReason
    step: int = Field(default=0, ge=0, description="step of the escalation ladder, from 0")
    created_at: UtcTime
    report: ReportNote | None = Field(default=None, description="what goes with it as a file")


class NoticeState(StrEnum):
    """How far a notice is."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
