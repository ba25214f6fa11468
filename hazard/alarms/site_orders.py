"""Orders of the site file: maintenance windows by the clock, machine states by their sensor."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from hazard.alarms.shifts import Occurrence, occurrence
from hazard.site.alarms import AlarmHandling, MachineState, SuppressedKind
from hazard.types import Quality, SuppressionCause, SuppressionOrder, UtcTime

SITE_FILE = "site file"
"""Who grants the orders that the site file gives."""


class MachineReading(NamedTuple):
    """The newest reading of a machine's sensor.

    Attributes:
        value: 0 or 1; anything else says nothing.
        quality: only good counts.
        measured_at: when it was measured, aware UTC.
        since: since when the machine has been in this state, aware UTC.
    """

    value: float | None
    quality: Quality
    measured_at: UtcTime
    since: UtcTime


def site_orders(
    handling: AlarmHandling,
    timezone: str,
    machine: Mapping[str, MachineReading],
    now: datetime,
) -> tuple[SuppressionOrder, ...]:
    """The orders that the site file gives now, one for each hazard kind that it names.

    The same window or state gives the same order, with the same id, for as long as it lasts.

    `timezone` is the IANA name of the plant's zone; `machine` has the newest reading by sensor.
    """
    found: list[SuppressionOrder] = []
    for name, window in handling.maintenance.items():
        times = (occurrence(weekly, timezone, now) for weekly in window.times)
        last = max((each for each in times if each), key=lambda each: each.ends_at, default=None)
        if last is not None:
            found += _orders(name, window, SuppressionCause.MAINTENANCE, last, window.reason)
    for name, state in handling.machine_states.items():
        span = _in_state(state, machine.get(state.sensor), now)
        if span is not None:
            found += _orders(name, state, SuppressionCause.MACHINE_STATE, span, state.reason)
    return tuple(found)


def _in_state(
    state: MachineState, reading: MachineReading | None, now: datetime
) -> Occurrence | None:
    """From when to when the machine's state suppresses; None unless it does so for certain."""
    if reading is None or reading.quality is not Quality.GOOD or reading.value is None:
        return None
    if not math.isfinite(reading.value) or reading.value != float(state.when):
        return None
    if abs((now - reading.measured_at).total_seconds()) > state.stale_after_s:
        return None
    span = Occurrence(reading.since, reading.since + timedelta(hours=state.longest_h))
    return span if span.starts_at <= now < span.ends_at else None


def _orders(
    name: str, place: SuppressedKind, cause: SuppressionCause, span: Occurrence, reason: str
) -> Iterator[SuppressionOrder]:
    for hazard in place.hazards:
        parts = (cause.value, name, hazard, place.area, place.zone or "", str(span.starts_at))
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        yield SuppressionOrder(
            order_id=f"site-{digest[:32]}",
            cause=cause,
            hazard=hazard,
            area=place.area,
            zone=place.zone,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            granted_by=SITE_FILE,
            reason=reason,
            reference=name,
        )
