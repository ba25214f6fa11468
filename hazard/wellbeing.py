"""How the stages of a node are."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from hazard.base import Model, UtcTime


class Health(StrEnum):
    """Health of a stage. Unknown is never shown as healthy."""

    READY = "ready"
    STARTING = "starting"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class StageHealth(Model):
    """One stage's health, with the reason and the mend when it is not ready."""

    stage: str = Field(max_length=64, description="e.g. vision, camera/gate-1, sensor/h2s-1")
    health: Health
    reason: str = Field(default="", max_length=500)
    at: UtcTime
    figures: dict[str, JsonValue] = Field(default_factory=dict)
