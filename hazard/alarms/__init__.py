"""Alarms after ISA-18.2 / IEC 62682: parts with one table each, and a case; pure functions only.

Beside what is named here: `suppressing` and `site_orders` (which orders hold), `shifts`,
`escalation` (whose turn it is), `first_out`, `arguments` and `authorization` (of requests).
"""

from __future__ import annotations

from hazard.alarms.actions import LONGEST_SHELF, on_action
from hazard.alarms.alarm import Alarm, Transition
from hazard.alarms.case import on_case
from hazard.alarms.clock import on_clock, on_expiry, on_realarm
from hazard.alarms.escalation import on_escalation
from hazard.alarms.machine import (
    LATCHES_FROM,
    on_assessment,
    on_condition,
    on_note,
    raise_alarm,
)
from hazard.alarms.parts import Attention, Suppression, isa_state
from hazard.alarms.suppressed import on_members, on_suppressions

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
    "on_case",
    "on_clock",
    "on_condition",
    "on_escalation",
    "on_expiry",
    "on_members",
    "on_note",
    "on_realarm",
    "on_suppressions",
    "raise_alarm",
]
