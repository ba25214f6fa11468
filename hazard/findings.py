"""What rules find: events, and the incidents that they make together."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from hazard.base import Model, Name, UtcTime
from hazard.sensing import Box, Track


class Condition(StrEnum):
    """State of a finding: active, held (no good evidence any more), or cleared by good evidence."""

    ACTIVE = "active"
    HELD = "held"
    CLEARED = "cleared"


class Measured(Model):
    """A measured value that a rule compared, with its threshold."""

    name: str = Field(max_length=64, description="e.g. h2s, distance, dwell, people")
    value: float
    unit: str = Field(max_length=16)
    threshold: float | None = None
    source: str = Field(default="", max_length=64, description="sensor or camera id")


class Evidence(Model):
    """A reference to evidence on disk, content-addressed. Pixels never travel with it."""

    evidence_id: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file")
    kind: Literal["snapshot", "clip"]
    media_type: str
    size_bytes: int
    source: str = Field(max_length=64, description="camera id")
    captured_at: UtcTime
    width_px: int
    height_px: int
    boxes: tuple[Track, ...] = Field(default=(), description="what was seen in that picture")
    people: tuple[Box, ...] | None = Field(
        default=None,
        description="wherever a person may be in that picture, in pixels (left, top, right, "
        "bottom): what is blurred; null: nobody can say, the whole picture is",
    )


class HazardEvent(Model):
    """One rule's finding about one subject.

    A rule emits the same `event_id` again when the finding changes materially (a value crosses the
    next threshold), is held, or is cleared. The id is derived from rule, subject and start, so
    that a rule stays a pure function.
    """

    event_id: str
    rule_id: Name
    hazard: Name = Field(description="hazard kind, an id of the catalogue")
    area: Name
    subject: str = Field(
        max_length=200, description="what tells two events apart: track+zone, sensor, camera"
    )
    condition: Condition
    started_at: UtcTime
    updated_at: UtcTime
    updated_monotonic_s: float
    ended_at: UtcTime | None = None
    confidence: float = Field(ge=0.0, le=1.0)
    measured: tuple[Measured, ...] = ()
    level: str = Field(
        default="", max_length=32, description="threshold level reached, e.g. alarm, high, idlh"
    )
    occupied: bool | None = Field(
        default=None, description="people seen in the area; None is unknown and counts as occupied"
    )
    sources: tuple[str, ...] = Field(default=(), description="camera and sensor ids, the evidence")
    captured_at: UtcTime = Field(description="capture or measurement time of the causing input")
    detected_at: UtcTime = Field(description="end of inference, or receipt of the reading")
    detected_monotonic_s: float
    boxes: tuple[Track, ...] = Field(default=(), description="tracks concerned")


class Incident(Model):
    """The events that describe one situation at one place and time: what triage looks at."""

    incident_id: str
    area: Name
    opened_at: UtcTime
    updated_at: UtcTime
    closed_at: UtcTime | None = None
    hazard: Name = Field(description="the leading hazard kind: the one with the highest floor")
    events: tuple[HazardEvent, ...] = Field(min_length=1)
    grouped: int = Field(default=0, description="repeats counted, never dropped")

    @property
    def active(self) -> bool:
        """True while any event is active or held."""
        return any(event.condition is not Condition.CLEARED for event in self.events)
