"""An alarm under orders: what suppresses it beside a shelf, and the members of a flood alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hazard.alarms.alarm import Alarm, Transition, in_order, part_of, revised, unchanged
from hazard.alarms.machine import LATCHES_FROM, off_the_shelf
from hazard.alarms.parts import (
    ATTENTION_TRANSITIONS,
    SUPPRESSION_TRANSITIONS,
    AttentionEvent,
    Suppression,
    SuppressionEvent,
    advance,
)
from hazard.types import Cause, ProcessCondition, SuppressionCause, SuppressionNote

MOST_MEMBERS = 500
"""Members that a flood alert names; `AlertMessage.members` holds no more."""

_BEGINS = {
    Suppression.BY_DESIGN: SuppressionEvent.ORDER,
    Suppression.OUT_OF_SERVICE: SuppressionEvent.TAKE_OUT,
}
_ENDS = {
    Suppression.BY_DESIGN: SuppressionEvent.END,
    Suppression.OUT_OF_SERVICE: SuppressionEvent.RETURN,
}


def on_suppressions(
    alarm: Alarm, notes: Sequence[SuppressionNote], at: datetime, *, never: str = ""
) -> Transition:
    """These orders and floods suppress the alarm now, beside a shelf; the same ones change nothing.

    An alarm that is back to normal is not suppressed any more. One that orders have covered since
    it was raised, that was never `high` or above and is back to normal when the last order ends,
    ends with it: whoever granted the order took note of it beforehand.

    `notes` are all that hold now; those that hold when it is raised go to `raise_alarm`, too.
    `never` says why this alarm may not be suppressed (the answer of
    `why_not_suppressible`; empty: it may): no note counts then, and none will until somebody has
    acknowledged the alarm, also if its hazard has become less meanwhile.
    """
    refused = bool(never) or alarm.never_until_seen
    wanted = () if refused else in_order(notes)
    to_be_seen = bool(never and (notes or alarm.suppressed_by) and not alarm.never_until_seen)
    to_be_seen = to_be_seen and not alarm.attention.acknowledged
    if alarm.ended or (wanted == alarm.suppressed_by and not to_be_seen):
        return unchanged(alarm, Cause.SUPPRESSION, at)
    _advance_parts(alarm, wanted)
    told = _told(alarm.suppressed_by, wanted)
    fields: dict[str, Any] = {"suppressed_by": wanted}
    if never:
        told.append(f"is not suppressed: {never}")
    if to_be_seen:
        fields["never_until_seen"] = True
    if not refused and _ends_with_its_orders(alarm, wanted):
        orders = [n for n in alarm.suppressed_by if n.cause is not SuppressionCause.FLOOD]
        by = orders[-1].granted_by
        told.append(f"back to normal under an order of {by}, who took note of it by that order")
        fields |= _covered_by(alarm, by, at)
    return revised(alarm, Cause.SUPPRESSION, at, "; ".join(told), **fields)


def on_members(alarm: Alarm, members: Sequence[str], at: datetime) -> Transition:
    """A flood alert groups these alarms now, in this order; the first 500 are named."""
    named = tuple(dict.fromkeys(members))[:MOST_MEMBERS]
    if named == alarm.members:
        return unchanged(alarm, Cause.FLOOD, at)
    text = f"groups {len(set(members))} alarms"
    return revised(alarm, Cause.FLOOD, at, text, members=named)


def _advance_parts(alarm: Alarm, wanted: Sequence[SuppressionNote]) -> None:
    """Take each part along its table; the notes themselves are the part's state."""
    for part in (Suppression.BY_DESIGN, Suppression.OUT_OF_SERVICE):
        before = part in alarm.suppressions
        after = any(part_of(note) is part for note in wanted)
        if before != after:
            state = part if before else Suppression.NONE
            advance(SUPPRESSION_TRANSITIONS, state, (_ENDS if before else _BEGINS)[part])


def _told(before: Sequence[SuppressionNote], after: Sequence[SuppressionNote]) -> list[str]:
    """In words, what has begun, changed and ended."""
    had, has = {each.order_id: each for each in before}, {each.order_id: each for each in after}
    began = [in_words(note) for key, note in has.items() if had.get(key) != note]
    ended = [f"no longer {in_words(note)}" for key, note in had.items() if key not in has]
    return began + ended


def in_words(note: SuppressionNote) -> str:
    """Who suppresses it by what until when, and why."""
    cause = note.cause.value.replace("_", " ")
    if note.cause is SuppressionCause.FLOOD:
        return f"suppressed by flood alert {note.order_id}"
    until = f" until {note.until.isoformat(timespec='seconds')}" if note.until else ""
    return f"suppressed by {cause} ({note.order_id}) of {note.granted_by}{until}: {note.reason}"


def _ends_with_its_orders(alarm: Alarm, wanted: Sequence[SuppressionNote]) -> bool:
    return (
        not wanted
        and alarm.covered
        and alarm.condition is ProcessCondition.NORMAL
        and alarm.highest_severity < LATCHES_FROM
    )


def _covered_by(alarm: Alarm, by: str, at: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if alarm.shelf is Suppression.SHELVED:
        fields |= off_the_shelf(alarm, SuppressionEvent.BREAK)
    if alarm.attention.acknowledged:
        return fields
    return fields | {
        "attention": advance(ATTENTION_TRANSITIONS, alarm.attention, AttentionEvent.COVER),
        "acknowledged_by": by,
        "acknowledged_at": at,
        "seen_severity": alarm.highest_severity,
    }
