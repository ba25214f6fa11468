"""What time alone does to an alarm: shelves and orders end, and what still stands asks again."""

from __future__ import annotations

from datetime import datetime, timedelta

from hazard.alarms.alarm import Alarm, Transition, revised, unchanged
from hazard.alarms.machine import asked, off_the_shelf
from hazard.alarms.parts import SuppressionEvent
from hazard.alarms.suppressed import on_suppressions
from hazard.site.alarms import AlarmHandling
from hazard.types import Cause, ProcessCondition

SMALL_STEP_BACK = timedelta(seconds=60)
"""A clock that is set right by less than this was not wrong enough to matter."""


def on_clock(alarm: Alarm, at: datetime, handling: AlarmHandling) -> Transition:
    """What is due now, one thing at a time: the next call gives what else is due."""
    expired = on_expiry(alarm, at)
    return expired if expired.changed else on_realarm(alarm, handling, at)


def on_expiry(alarm: Alarm, now: datetime) -> Transition:
    """A shelf, or else the orders, that have run out end; with time left nothing changes.

    A shelf ends at its time and also when the clock was put back before its start: nobody knows
    then how long it has lain there.
    """
    if alarm.shelved_until is not None and not _in_time(alarm, now):
        fields = off_the_shelf(alarm, SuppressionEvent.EXPIRE)
        return revised(alarm, Cause.EXPIRY, now, "shelving ended by itself", **fields)
    left = [note for note in alarm.suppressed_by if note.until is None or now < note.until]
    if len(left) < len(alarm.suppressed_by):
        return on_suppressions(alarm, left, now)
    return unchanged(alarm, Cause.EXPIRY, now)


def _in_time(alarm: Alarm, now: datetime) -> bool:
    since, until = alarm.shelved_at, alarm.shelved_until
    return since is not None and until is not None and since <= now < until


def on_realarm(alarm: Alarm, handling: AlarmHandling, at: datetime) -> Transition:
    """An acknowledged alarm that still stands after the time of its severity asks again.

    While it is suppressed it does not. A clock that was put back before the acknowledgement makes
    it ask at once: nobody knows then how long it has stood.
    """
    minutes = handling.realarm_after_min.get(alarm.severity)
    since = alarm.acknowledged_at
    stands = alarm.condition is not ProcessCondition.NORMAL
    if minutes is None or since is None or not stands or alarm.suppressions:
        return unchanged(alarm, Cause.REALARM, at)
    if since - SMALL_STEP_BACK <= at < since + timedelta(minutes=minutes):
        return unchanged(alarm, Cause.REALARM, at)
    text = (
        f"still there, acknowledged by {alarm.acknowledged_by} at "
        f"{since.isoformat(timespec='seconds')}: asks again after {minutes:g} min"
    )
    return revised(alarm, Cause.REALARM, at, text, **asked(alarm))
