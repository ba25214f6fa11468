"""The alarm's life: how findings, decisions, people and the clock change it.

Pure functions of an alarm and a time. Decisions that the standard leaves to us:

* `high` and above latch, by the highest severity that was ever published: lowering it later does
  not take the latch away. A latch ends by a reset, which needs a normal condition and an
  acknowledgement, and comes again with the hazard. A decision that comes after the end with
  nothing worse in it does not bring the alarm back.
* Every alarm, also a low one, that returns to normal before it was acknowledged waits for its
  acknowledgement.
* Acknowledged means: this severity, these kinds of hazard, this occurrence. More severity than was
  acknowledged, a new kind, or a condition that comes back asks again.
* A held condition never clears by itself. Where its evidence is gone for good (a sensor was taken
  down), a person who has looked may reset it after acknowledging, and must say what was found.
* Critical is never shelved, and a shelved alarm that gets worse (severity, kind, or the condition
  comes back) leaves the shelf.
* A shelf ends at its time, at the latest after 12 h, and also when the clock was put back before
  its start.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from hazard.alarms.alarm import Alarm, Transition, revised, unchanged
from hazard.alarms.parts import (
    ATTENTION_TRANSITIONS,
    PROCESS_TRANSITIONS,
    SUPPRESSION_TRANSITIONS,
    Attention,
    AttentionEvent,
    ProcessEvent,
    Suppression,
    SuppressionEvent,
    advance,
)
from hazard.types import Cause, ProcessCondition, Severity

LATCHES_FROM = Severity.HIGH


def raise_alarm(alert_id: str, severity: Severity, kinds: Iterable[str], at: datetime) -> Alarm:
    """A new alarm, revision 1.

    Raises:
        ValueError: if the severity is info (it goes to the journal and raises no alarm) or there
            is no hazard kind.
    """
    if severity < Severity.LOW:
        raise ValueError("info raises no alarm: write it to the journal of events")
    named = tuple(sorted(set(kinds)))
    if not named:
        raise ValueError("an alarm needs at least one hazard kind")
    latched = severity >= LATCHES_FROM
    return Alarm(
        alert_id=alert_id,
        revision=1,
        changed_revision=1,
        raised_at=at,
        updated_at=at,
        severity=severity,
        highest_severity=severity,
        kinds=named,
        attention=Attention.LATCHED_UNACKNOWLEDGED if latched else Attention.UNACKNOWLEDGED,
    )


_PROCESS_EVENTS = {
    ProcessCondition.ACTIVE: ProcessEvent.SEEN,
    ProcessCondition.HELD: ProcessEvent.LOST,
    ProcessCondition.NORMAL: ProcessEvent.CLEARED,
}


def on_condition(alarm: Alarm, condition: ProcessCondition, at: datetime) -> Transition:
    """The incident's condition is now this one. The same again changes nothing."""
    following = advance(PROCESS_TRANSITIONS, alarm.condition, _PROCESS_EVENTS[condition])
    if following is alarm.condition:
        return unchanged(alarm, Cause.CONDITION, at)
    fields: dict[str, Any] = {"condition": following}
    text = f"condition {alarm.condition} -> {following}"
    if alarm.condition is ProcessCondition.NORMAL:
        fields |= _asked(alarm)
        if alarm.highest_severity >= LATCHES_FROM:
            fields["attention"] = _latched(fields["attention"])
        text += ": asks for acknowledgement again"
    return revised(alarm, Cause.CONDITION, at, text, **fields)


def on_assessment(
    alarm: Alarm,
    severity: Severity,
    at: datetime,
    *,
    kinds: Iterable[str] = (),
    cause: Cause = Cause.DECIDED,
    text: str = "",
) -> Transition:
    """Triage has decided, or events have joined: a new severity, perhaps new hazard kinds.

    Always a revision, also when the severity stays: who decided it has changed. A severity under
    low is taken as low, since a raised alarm never goes below it.
    """
    severity = max(severity, Severity.LOW, key=lambda each: each.rank)
    known = tuple(sorted({*alarm.kinds, *kinds}))
    new_kind = known != alarm.kinds
    fields: dict[str, Any] = {
        "severity": severity,
        "kinds": known,
        "highest_severity": max(alarm.highest_severity, severity, key=lambda each: each.rank),
    }
    if severity is not alarm.severity or new_kind:
        fields["changed_revision"] = alarm.revision + 1
    told = [text] if text else []
    if severity is not alarm.severity:
        told.append(f"severity {alarm.severity} -> {severity}")
    if new_kind:
        told.append(f"hazards now {', '.join(known)}")
    seen = alarm.seen_severity
    if new_kind or severity > alarm.severity or (seen is not None and severity > seen):
        fields |= _asked(alarm, covered=not new_kind and seen is not None and severity <= seen)
    present = alarm.condition is not ProcessCondition.NORMAL
    if severity >= LATCHES_FROM and (present or "attention" in fields):
        fields["attention"] = _latched(fields.get("attention", alarm.attention))
    return revised(alarm, cause, at, "; ".join(told), **fields)


def on_note(alarm: Alarm, cause: Cause, at: datetime, text: str = "") -> Transition:
    """Words, evidence or measured values have come: a revision that changes no part."""
    return revised(alarm, cause, at, text)


def on_expiry(alarm: Alarm, now: datetime) -> Transition:
    """Time has passed: a shelf that has run out ends, one with time left changes nothing."""
    if alarm.suppression is not Suppression.SHELVED:
        return unchanged(alarm, Cause.EXPIRY, now)
    until, since = alarm.shelved_until, alarm.shelved_at
    if until is not None and since is not None and since <= now < until:
        return unchanged(alarm, Cause.EXPIRY, now)
    fields = off_the_shelf(alarm, SuppressionEvent.EXPIRE)
    return revised(alarm, Cause.EXPIRY, now, "shelving ended by itself", **fields)


def off_the_shelf(alarm: Alarm, event: SuppressionEvent) -> dict[str, Any]:
    """The fields of the alarm without its shelf.

    Raises:
        IllegalTransition: if it is not shelved.
    """
    following = advance(SUPPRESSION_TRANSITIONS, alarm.suppression, event)
    return {
        "suppression": following,
        "shelved_at": None,
        "shelved_until": None,
        "shelved_by": None,
        "shelve_reason": None,
    }


def _latched(attention: Attention) -> Attention:
    return advance(ATTENTION_TRANSITIONS, attention, AttentionEvent.LATCH)


def _asked(alarm: Alarm, *, covered: bool = False) -> dict[str, Any]:
    """The fields of an alarm that got worse: off the shelf, and unacknowledged unless covered."""
    fields: dict[str, Any] = {"changed_revision": alarm.revision + 1}
    if alarm.suppression is Suppression.SHELVED:
        fields |= off_the_shelf(alarm, SuppressionEvent.BREAK)
    if not covered:
        fields["attention"] = advance(ATTENTION_TRANSITIONS, alarm.attention, AttentionEvent.ASK)
        fields |= {"acknowledged_by": None, "acknowledged_at": None, "seen_severity": None}
    return fields
