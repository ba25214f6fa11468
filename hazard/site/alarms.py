"""How the plant handles alarms: shifts, positions, escalation, suppression by design, users."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from hazard.types import Model, Name, Role, Severity

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError('want a time of day from "00:00" to "23:59", in quotes')
    return value


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
"""HH:MM in the site's time zone."""


class Weekly(Model):
    """A time of the week, in the site's time zone. An end at or before the start is next day's."""

    days: tuple[Weekday, ...] = Field(default=WEEK, min_length=1, description="days it starts on")
    start: TimeOfDay = Field(description="HH:MM in the site's time zone, in quotes")
    end: TimeOfDay = Field(description="HH:MM; at or before start: on the next day")


class Position(Model):
    """An operator position: whoever watches these areas. Alarm rates are counted for each.

    An area has one position; areas without one are counted together, as position `others`.
    """

    name: str = Field(min_length=1, max_length=120)
    areas: tuple[Name, ...] = Field(min_length=1)


class EscalationStep(Model):
    """Who is told when an alarm has waited so long for its acknowledgement."""

    after_min: float = Field(ge=0, le=1440, description="minutes unacknowledged; 0: at once")
    tell: tuple[Name, ...] = Field(min_length=1, description="channels under notify.channels")


class Escalation(Model):
    """One ladder. The first of the file that fits severity, area and shift is the alarm's."""

    severities: tuple[Severity, ...] = Field(
        default=(Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL), min_length=1
    )
    areas: tuple[Name, ...] = Field(default=(), description="empty: all areas")
    shifts: tuple[Name, ...] = Field(default=(), description="empty: at any time")
    steps: tuple[EscalationStep, ...] = Field(
        min_length=1, description="from the first to the last"
    )

    @field_validator("steps")
    @classmethod
    def _in_order(cls, value: tuple[EscalationStep, ...]) -> tuple[EscalationStep, ...]:
        minutes = [step.after_min for step in value]
        if minutes != sorted(minutes):
            raise ValueError(f"steps must go from soonest to latest, got {minutes} minutes")
        return value


class Flood(Model):
    """When an operator position is in an alarm flood (ISA-18.2 cl. 16.4, EEMUA 191)."""

    starts_above: int = Field(default=10, ge=1, le=10_000, description="alarms within the window")
    ends_below: int = Field(default=5, ge=1, le=10_000, description="alarms within the window")
    window_min: float = Field(default=10.0, gt=0, le=60)


class Nuisance(Model):
    """What counts as chattering and fleeting (practice after ISA-TR18.2.5 and EEMUA 191)."""

    chattering_activations: int = Field(default=3, ge=2, le=10)
    chattering_within_s: float = Field(default=60.0, gt=0, le=3600)
    fleeting_s: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="gone again within so long, before anybody acknowledged it",
    )


class SuppressedKind(Model):
    """Which hazard kinds, and where, a window or a machine state suppresses."""

    hazards: tuple[Name, ...] = Field(min_length=1, description="kinds of the catalogue")
    area: Name
    zone: Name | None = Field(default=None, description="zone of a camera; absent: whole area")


class MaintenanceWindow(SuppressedKind):
    """A time at which work is done that would raise alarms of some kinds in one place."""

    reason: str = Field(min_length=1, max_length=500)
    times: tuple[Weekly, ...] = Field(min_length=1)


class MachineState(SuppressedKind):
    """A state of a machine in which alarms of some kinds mean nothing.

    Only a good and fresh reading of the sensor suppresses: silent or bad means that it does not.
    """

    sensor: Name = Field(description="a sensor whose readings are 0 or 1 (true or false)")
    when: bool = Field(default=True, description="the state in which it suppresses")
    reason: str = Field(min_length=1, max_length=500)
    stale_after_s: float = Field(
        default=30.0, gt=0, le=86400, description="an older reading counts as none"
    )
    longest_h: float = Field(
        default=24.0, gt=0, le=168, description="ends by itself, until the state changes again"
    )


class User(Model):
    """A person or program that may send MQTT commands, and as what."""

    role: Role
    areas: tuple[Name, ...] = Field(default=(), description="empty: all areas")


RealarmMinutes = Annotated[float, Field(ge=0, le=10_080)]
"""A week at most."""


class AlarmHandling(Model):
    """How the plant handles alarms."""

    shifts: dict[Name, Weekly] = Field(
        default_factory=dict, description="in the order in which they are tried"
    )
    positions: dict[Name, Position] = Field(
        default_factory=dict, description="absent: one position that watches all areas"
    )
    escalation: tuple[Escalation, ...] = Field(
        default=(), description="empty: every channel is told at once of what it takes"
    )
    realarm_after_min: dict[Severity, RealarmMinutes] = Field(
        default_factory=dict,
        description="minutes after which an acknowledged alarm that still stands asks again",
    )
    longest_shelf_h: float = Field(default=12.0, gt=0, le=12)
    longest_permit_h: float = Field(default=12.0, gt=0, le=24)
    longest_out_of_service_h: float = Field(default=168.0, gt=0, le=720)
    flood: Flood = Field(default_factory=Flood)
    nuisance: Nuisance = Field(default_factory=Nuisance)
    maintenance: dict[Name, MaintenanceWindow] = Field(default_factory=dict)
    machine_states: dict[Name, MachineState] = Field(default_factory=dict)
    users: dict[Name, User] = Field(
        default_factory=dict, description="who may send MQTT commands; nobody else may"
    )
