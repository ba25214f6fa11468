"""What people may ask of an alarm, and what they get. Of its case: `hazard.alarms.case`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from hazard.alarms.alarm import Alarm, Transition, revised
from hazard.alarms.arguments import NoArguments, arguments_as
from hazard.alarms.asked import check_alert, check_revision, with_comment
from hazard.alarms.machine import off_the_shelf
from hazard.alarms.parts import (
    ATTENTION_TRANSITIONS,
    PROCESS_TRANSITIONS,
    SUPPRESSION_TRANSITIONS,
    AttentionEvent,
    ProcessEvent,
    SuppressionEvent,
    advance,
)
from hazard.errors import Conflict, IllegalTransition
from hazard.types import ActionRequest, Cause, ProcessCondition, Severity, Verb

LONGEST_SHELF = timedelta(hours=12)
"""One shift: nobody finds an alarm silenced by people who have gone home. A site may say less."""

_HARMLESS = (Verb.COMMENT, Verb.UNSHELVE)
"""What may be asked on the strength of any older revision: it hides nothing."""


def on_action(
    alarm: Alarm,
    request: ActionRequest,
    at: datetime,
    *,
    longest_shelf: timedelta = LONGEST_SHELF,
) -> Transition:
    """Carry out what a person asked for; a shelf lasts at most what the site allows.

    Raises:
        Conflict: if the request names a revision that does not exist, or one before the severity,
            the kinds of hazard or the occurrence changed, or somebody else has acknowledged it
            since: the person has not seen that yet.
        IllegalTransition: if the alarm's state does not allow it, in words for the person.
    """
    check_alert(alarm, request)
    carry_out = _ACTIONS.get(request.verb)
    if carry_out is None:
        raise IllegalTransition(f"{request.verb} is nothing that an alarm can do")
    arguments_as(NoArguments, request)
    check_revision(alarm, request, must_have_looked=request.verb not in _HARMLESS)
    if request.verb is Verb.SHELVE:
        _check_shelf(request, min(longest_shelf, LONGEST_SHELF))
    return carry_out(alarm, request, at)


def _acknowledge(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    if alarm.attention.acknowledged:
        told = f"it is already acknowledged by {alarm.acknowledged_by}."
        if 0 < request.expected_revision < alarm.revision:
            raise Conflict(told)
        raise IllegalTransition(told)
    fields, text = with_comment(request, f"acknowledged by {request.actor}")
    following = advance(ATTENTION_TRANSITIONS, alarm.attention, AttentionEvent.ACKNOWLEDGE)
    return revised(
        alarm,
        Cause.ACTION,
        at,
        text,
        attention=following,
        acknowledged_by=request.actor,
        acknowledged_at=at,
        seen_severity=alarm.highest_severity,
        **fields,
    )


def _reset(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    if alarm.condition is ProcessCondition.ACTIVE:
        raise IllegalTransition("the hazard is still there: only a normal condition can be reset")
    if not alarm.attention.acknowledged:
        raise IllegalTransition("acknowledge it first, then reset it")
    fields, text = with_comment(request, f"reset by {request.actor}")
    if alarm.condition is ProcessCondition.HELD:
        if not request.comment.strip():
            raise IllegalTransition(
                "its evidence is lost, so nothing has shown that the hazard is gone: "
                "look, and say in the comment what was found"
            )
        fields["condition"] = advance(
            PROCESS_TRANSITIONS, alarm.condition, ProcessEvent.DECLARED_CLEAR
        )
        text = f"declared clear and {text}"
    elif not alarm.attention.latched:
        raise IllegalTransition("is not latched: there is nothing to reset")
    if alarm.attention.latched:
        fields["attention"] = advance(ATTENTION_TRANSITIONS, alarm.attention, AttentionEvent.RESET)
    return revised(alarm, Cause.ACTION, at, text, **fields)


def _check_shelf(request: ActionRequest, longest: timedelta) -> None:
    if not request.comment.strip():
        raise IllegalTransition("shelving needs a reason: say it in the comment")
    longest_s = longest.total_seconds()
    if request.duration_s is None or request.duration_s > longest_s:
        raise IllegalTransition(
            f"shelving needs a duration of at most {longest_s:.0f} s ({longest_s / 3600:g} h), "
            f"got {request.duration_s or 'none'}"
        )


def _shelve(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    advance(SUPPRESSION_TRANSITIONS, alarm.shelf, SuppressionEvent.SHELVE)
    if alarm.ended:
        raise IllegalTransition("is back to normal: there is nothing to shelve")
    if alarm.severity is Severity.CRITICAL:
        raise IllegalTransition("a critical alarm cannot be shelved: acknowledge it and act on it")
    until = at + timedelta(seconds=request.duration_s or 0.0)
    return revised(
        alarm,
        Cause.ACTION,
        at,
        f"shelved by {request.actor} until {until.isoformat(timespec='seconds')}: "
        f"{request.comment}",
        shelved_at=at,
        shelved_until=until,
        shelved_by=request.actor,
        shelve_reason=request.comment,
        comment=request.comment,
    )


def _unshelve(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    shelf = off_the_shelf(alarm, SuppressionEvent.UNSHELVE)
    fields, text = with_comment(request, f"unshelved by {request.actor}")
    return revised(alarm, Cause.ACTION, at, text, **shelf, **fields)


def _comment(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    if not request.comment.strip():
        raise IllegalTransition("the comment is empty")
    fields, text = with_comment(request, f"comment by {request.actor}")
    return revised(alarm, Cause.ACTION, at, text, **fields)


_ACTIONS: Mapping[Verb, Callable[[Alarm, ActionRequest, datetime], Transition]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.RESET: _reset,
    Verb.SHELVE: _shelve,
    Verb.UNSHELVE: _unshelve,
    Verb.COMMENT: _comment,
}
