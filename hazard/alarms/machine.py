"""The alarm's life: how findings, decisions, people and the clock change it.

Pure functions of an alarm and a time. Decisions that the standard leaves to us:

* `high` and above latch, by the highest severity that was ever published: lowering it later does
  not take the latch away. A latch ends by a reset, which needs a normal condition and an
  acknowledgement, and comes again with the hazard. A decision that comes after the end with
  nothing worse in it does not bring the alarm back.
* Every alarm, also a low one, that returns to normal before it was acknowledged waits for its
  acknowledgement.
* Acknowledged means: this severity, these kinds of hazard, this occurrence. More severity than was
  acknowledged, a new kind, or a condition that comes back asks again. An alarm that still waits
  for its acknowledgement when its condition comes back goes on waiting: one that chatters must not
  start its escalation anew each time.
* A held condition never clears by itself. Where its evidence is gone for good (a sensor was taken
  down), a person who has looked may reset it after acknowledging, and must say what was found.
* Critical is never shelved, and a shelved alarm that gets worse (severity, kind, or the condition
  comes back) leaves the shelf.
* An alarm that asks again opens its case again: what it was said to be, it was not all.
* Chattering and fleeting are shown and suppress nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hazard.alarms.alarm import (
    KEPT_ACTIVATIONS,
    NOT_ESCALATED,
    Alarm,
    Transition,
    in_order,
    revised,
    unchanged,
)
from hazard.alarms.case import opened_again
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
from hazard.site.alarms import Nuisance
from hazard.types import Cause, ProcessCondition, Severity, SuppressionCause, SuppressionNote

LATCHES_FROM = Severity.HIGH


def raise_alarm(
    alert_id: str,
    severity: Severity,
    kinds: Iterable[str],
    at: datetime,
    *,
    first_out_alert_id: str | None = None,
    suppressed_by: Sequence[SuppressionNote] = (),
) -> Alarm:
    """A new alarm, revision 1.

    `first_out_alert_id` is the alarm that came first in this upset of its area; may be itself.
    What is in `suppressed_by` suppresses it from the start, so that no horn sounds before.

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
        activations=(at,),
        first_out_alert_id=first_out_alert_id,
        attention=Attention.LATCHED_UNACKNOWLEDGED if latched else Attention.UNACKNOWLEDGED,
        asked_at=at,
        told=(),
        suppressed_by=in_order(suppressed_by),
        suppressed_since=at if suppressed_by else None,
        covered=any(note.cause is not SuppressionCause.FLOOD for note in suppressed_by),
    )


_PROCESS_EVENTS = {
    ProcessCondition.ACTIVE: ProcessEvent.SEEN,
    ProcessCondition.HELD: ProcessEvent.LOST,
    ProcessCondition.NORMAL: ProcessEvent.CLEARED,
}


def on_condition(
    alarm: Alarm, condition: ProcessCondition, at: datetime, nuisance: Nuisance | None = None
) -> Transition:
    """The incident's condition is now this one. The same again changes nothing.

    `nuisance` says what counts as chattering and fleeting; None: as a site file that says nothing.
    """
    following = advance(PROCESS_TRANSITIONS, alarm.condition, _PROCESS_EVENTS[condition])
    if following is alarm.condition:
        return unchanged(alarm, Cause.CONDITION, at)
    nuisance = nuisance or Nuisance()
    fields: dict[str, Any] = {"condition": following}
    text = f"condition {alarm.condition} -> {following}"
    if alarm.condition is ProcessCondition.NORMAL:
        fields |= asked(alarm) | _activated(alarm, at, nuisance)
        if alarm.highest_severity >= LATCHES_FROM:
            fields["attention"] = _latched(fields["attention"])
        text += ": asks for acknowledgement"
        text += "; comes and goes (chattering)" if fields["chattering"] else ""
    elif following is ProcessCondition.NORMAL and _is_fleeting(alarm, at, nuisance):
        fields["fleeting"] = True
        text += "; went by itself at once (fleeting)"
    return revised(alarm, Cause.CONDITION, at, text, **fields)


def _activated(alarm: Alarm, at: datetime, nuisance: Nuisance) -> dict[str, Any]:
    activations = (*alarm.activations, at)[-KEPT_ACTIVATIONS:]
    window = timedelta(seconds=nuisance.chattering_within_s)
    recent = sum(at - window <= each <= at for each in activations)
    return {
        "activations": activations,
        "chattering": recent >= nuisance.chattering_activations,
        "fleeting": False,
    }


def _is_fleeting(alarm: Alarm, at: datetime, nuisance: Nuisance) -> bool:
    """Whether an alarm that clears now was too short for anybody to act on."""
    if alarm.acknowledged_at is not None:
        return False
    began = alarm.activations[-1] if alarm.activations else alarm.raised_at
    return timedelta(0) <= at - began <= timedelta(seconds=nuisance.fleeting_s)


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
        fields |= asked(alarm, covered=not new_kind and seen is not None and severity <= seen)
        if "attention" in fields:
            fields |= {"asked_at": at, **NOT_ESCALATED}
    present = alarm.condition is not ProcessCondition.NORMAL
    if severity >= LATCHES_FROM and (present or "attention" in fields):
        fields["attention"] = _latched(fields.get("attention", alarm.attention))
    return revised(alarm, cause, at, "; ".join(told), **fields)


def on_note(alarm: Alarm, cause: Cause, at: datetime, text: str = "") -> Transition:
    """Words, evidence or measured values have come: a revision that changes no part."""
    return revised(alarm, cause, at, text)


def off_the_shelf(alarm: Alarm, event: SuppressionEvent) -> dict[str, Any]:
    """The fields of the alarm without its shelf.

    Raises:
        IllegalTransition: if it is not shelved.
    """
    advance(SUPPRESSION_TRANSITIONS, alarm.shelf, event)
    return {
        "shelved_at": None,
        "shelved_until": None,
        "shelved_by": None,
        "shelve_reason": None,
    }


def _latched(attention: Attention) -> Attention:
    return advance(ATTENTION_TRANSITIONS, attention, AttentionEvent.LATCH)


def asked(alarm: Alarm, *, covered: bool = False) -> dict[str, Any]:
    """The fields of an alarm that asks again: off the shelf, and unacknowledged unless covered."""
    fields: dict[str, Any] = {"changed_revision": alarm.revision + 1}
    if alarm.shelf is Suppression.SHELVED:
        fields |= off_the_shelf(alarm, SuppressionEvent.BREAK)
    if not covered:
        fields["attention"] = advance(ATTENTION_TRANSITIONS, alarm.attention, AttentionEvent.ASK)
        fields |= {"acknowledged_by": None, "acknowledged_at": None, "seen_severity": None}
        fields["case"] = opened_again(alarm.case)
    return fields
