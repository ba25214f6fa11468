"""The messages beside the alert itself: state of an area, status of a node."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hazard.types import Health, Model, Name, Severity, UtcTime


class AreaState(Model):
    """What a stack light or a PLC wants to know of an area (topic `area/{area}`, retained).

    `state` is the worst active severity; `clear` only where the area is watched and nothing is
    active; `unknown` where nothing is active but nobody watches either. `unknown` is never safe.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    site: Name
    node: Name
    area: Name
    state: Literal["clear", "info", "low", "medium", "high", "critical", "unknown"]
    watched: bool
    reason: str = Field(default="", max_length=500, description="why it is not watched")
    counts: dict[Severity, int] = Field(description="active alarms by severity, without shelved")
    unacknowledged: int = Field(ge=0)
    suppressed: int = Field(ge=0, description="shelved and otherwise suppressed alarms")
    flood: bool = Field(default=False, description="its operator position is in an alarm flood")
    test: bool = Field(
        default=False, description="`state` is a test of lights and horns, asked for by a person"
    )
    test_until: UtcTime | None = Field(
        default=None, description="when the test ends, also if nothing more is heard; null: no test"
    )
    at: UtcTime


class StageStatus(Model):
    """One stage of a node that is not ready, or one that is."""

    stage: str
    health: Health
    reason: str = ""


class NodeStatus(Model):
    """How a node is (topic `node/{node}/status`, retained).

    `offline` with reason `stopped` was asked for; with reason `crashed` it is the last will. A
    status that is not repeated within three heartbeats has expired: the node is unknown.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    site: Name
    node: Name
    status: Literal["starting", "ready", "degraded", "offline"]
    reason: str = Field(default="", max_length=500)
    stages: tuple[StageStatus, ...] = Field(default=(), description="those that are not ready")
    reasoner: StageStatus | None = Field(
        default=None,
        description="the reasoning process, ready or not, and why; null: switched off, or not yet "
        "known",
    )
    heartbeat_s: float
    sequence: int | None = Field(
        default=None, ge=0, description="the newest revision's; null: not known"
    )
    active: int | None = Field(
        default=None,
        ge=0,
        description="how many of its alarms are not back to normal and lie on `active/`; null: not "
        "known",
    )
    at: UtcTime


class GapRecord(Model):
    """Messages that waited too long or took too much room (topic `node/{node}/gap`).

    It stands in the outbox in the place of what went. The store keeps every revision: a `replay`
    command brings them.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    site: Name
    node: Name
    from_sequence: int = Field(ge=1)
    to_sequence: int = Field(ge=1)
    reason: str = Field(max_length=500)
    at: UtcTime
