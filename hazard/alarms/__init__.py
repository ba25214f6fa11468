"""Alarms after ISA-18.2 / IEC 62682: three parts, each with one table; pure functions only."""

from __future__ import annotations

from hazard.alarms.actions import LONGEST_SHELF, on_action
from hazard.alarms.alarm import Alarm, Transition
from hazard.alarms.machine import (
    LATCHES_FROM,
    on_assessment,
    on_condition,
    on_expiry,
    on_note,
    raise_alarm,
)
from hazard.alarms.parts import Attention, Suppression, isa_state

__all__ = [
    "LATCHES_FROM",
    "LONGEST_SHELF",
    "Alarm",
    "Attention",
    "Suppression",
    "Transition",
    "isa_state",
    "on_action",
    "on_assessment",
    "on_condition",
    "on_expiry",
    "on_note",
    "raise_alarm",
]
