"""What is kept for how long, what of it people may see, and what is reported of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hazard.site.alarms import TimeOfDay
from hazard.types import Model, Name

Days = Annotated[float, Field(gt=0, le=36525)]
"""How long something is kept: at most a hundred years."""
MOST_BYTES = 10**18


class Retention(Model):
    """How long, and how much, of each kind of record is kept."""

    evidence_bytes: int = Field(default=2_000_000_000, ge=10_000_000, le=MOST_BYTES)
    evidence_days: Days = 90
    snapshot_bytes: int | None = Field(
        default=None,
        ge=1_000_000,
        le=MOST_BYTES,
        description="of these, most for pictures; absent: no own budget",
    )
    snapshot_days: Days | None = Field(
        default=None, description="days that pictures are kept; absent: evidence_days"
    )
    clip_bytes: int | None = Field(
        default=None,
        ge=1_000_000,
        le=MOST_BYTES,
        description="of these, most for clips; absent: no own budget",
    )
    clip_days: Days | None = Field(
        default=None, description="days that clips are kept; absent: evidence_days"
    )
    readings_days: Days = 7
    observations_days: Days = Field(
        default=7, description="days that tracks are kept, thinned to 2 Hz, for dry runs"
    )
    observations_bytes: int = Field(
        default=500_000_000,
        ge=1_000_000,
        le=MOST_BYTES,
        description="of these, most; the oldest go first",
    )
    alerts_days: Days = 3650
    reports_days: Days = Field(default=1830, description="days that weekly reports are kept")

    def of_kind(self, kind: str) -> tuple[float, int]:
        """Days and bytes of one kind of evidence: its own, or those of all evidence."""
        own = {
            "snapshot": (self.snapshot_days, self.snapshot_bytes),
            "clip": (self.clip_days, self.clip_bytes),
        }
        days, most = own.get(kind, (None, None))
        return days or self.evidence_days, most or self.evidence_bytes


class Privacy(Model):
    """What is shown of people in stored pictures."""

    blur_people: bool = Field(
        default=True,
        description="the people that the detector found are covered wherever stored pictures are "
        "shown or exported, and clips are withheld; the files themselves stay as they are. To see "
        "people clear takes a role and a reason, and leaves a line in the audit",
    )


class WeeklyReport(Model):
    """When the report of the last week is made, and who gets it."""

    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = (
        Field(default="monday", description="day of the week on which it is made")
    )
    at: TimeOfDay = Field(default="06:00", description="HH:MM in the site's time zone, in quotes")
    language: Literal["en", "fr", "de", "es", "it"] = "en"
    channels: tuple[Name, ...] = Field(
        default=(), description="channels of notify that it is sent to, e.g. mail; empty: none"
    )


class Reports(Model):
    """Reports that the box makes by itself."""

    weekly: WeeklyReport | None = Field(default=None, description="absent: on request only")
