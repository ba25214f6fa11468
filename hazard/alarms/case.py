"""The case beside an alarm: who looks after it, what is to be done, what it turned out to be.

A workflow of its own: it opens with the alarm, goes on when the alarm is back to normal, and opens
again when the alarm asks again. It changes no part of the alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from hazard.alarms.alarm import Alarm, Transition, revised
from hazard.alarms.arguments import (
    Assign,
    CheckAction,
    CloseCase,
    CompleteAction,
    PlanAction,
    arguments_as,
)
from hazard.alarms.asked import check_alert, check_revision, with_comment
from hazard.catalogue import catalogue
from hazard.errors import Conflict, IllegalTransition
from hazard.types import (
    ActionRequest,
    CaseFile,
    Cause,
    CheckedAction,
    CorrectiveAction,
    Verb,
)

MOST_ACTIONS = 50
"""Corrective actions of one case, done ones too; `CaseFile.actions` holds no more."""


def opened_again(case: CaseFile) -> CaseFile:
    """The case of an alarm that asks again: open, and none of what is recommended counts as done.

    What was ticked before was done about what was known then; the revisions keep it.
    """
    if not case.closed and not case.checks:
        return case
    return _reopened(case).model_copy(update={"checks": ()})


def _reopened(case: CaseFile) -> CaseFile:
    return case.model_copy(
        update={"cause": None, "closing_note": "", "closed_by": None, "closed_at": None}
    )


def on_case(alarm: Alarm, request: ActionRequest, at: datetime) -> Transition:
    """Carry out what a person asked for about the case; also when the alarm is back to normal.

    Raises:
        Conflict: if the request names a revision that does not exist, the case is to be closed on
            the strength of one from before the alarm got worse or came back, or a recommended
            action is ticked that somebody else has ticked.
        IllegalTransition: if the case or the alarm does not allow it, or an argument is wrong.
    """
    check_alert(alarm, request)
    carry_out = _CASE_ACTIONS.get(request.verb)
    if carry_out is None:
        raise IllegalTransition(f"{request.verb} is nothing that a case can do")
    looked = request.verb is Verb.CLOSE_CASE and request.expected_revision > 0
    check_revision(alarm, request, must_have_looked=looked)
    case, text = carry_out(alarm, request, at)
    fields, text = with_comment(request, text)
    return revised(alarm, Cause.CASE, at, text, case=case, **fields)


def _assign(alarm: Alarm, request: ActionRequest, _at: datetime) -> tuple[CaseFile, str]:
    assignee = arguments_as(Assign, request).assignee
    _refuse_closed(alarm.case)
    if assignee == alarm.case.assignee:
        raise IllegalTransition(f"is already assigned to {assignee or 'nobody'}")
    case = alarm.case.model_copy(update={"assignee": assignee})
    return case, f"assigned to {assignee or 'nobody'} by {request.actor}"


def _plan(alarm: Alarm, request: ActionRequest, at: datetime) -> tuple[CaseFile, str]:
    plan = arguments_as(PlanAction, request)
    case = alarm.case
    _refuse_closed(case)
    if plan.due_at <= at:
        raise IllegalTransition(
            f"due_at {plan.due_at.isoformat(timespec='seconds')} has passed: name a time to come"
        )
    if len(case.actions) >= MOST_ACTIONS:
        raise IllegalTransition(
            f"the case has {MOST_ACTIONS} actions already: put this one into the text of a comment"
        )
    action = CorrectiveAction(
        action_id=f"action-{len(case.actions) + 1}",
        text=plan.text,
        owner=plan.owner,
        due_at=plan.due_at,
        planned_by=request.actor,
        planned_at=at,
    )
    text = (
        f"{action.action_id} planned by {request.actor} for {action.owner}, due "
        f"{action.due_at.isoformat(timespec='seconds')}: {action.text}"
    )
    return case.model_copy(update={"actions": (*case.actions, action)}), text


def _complete(alarm: Alarm, request: ActionRequest, at: datetime) -> tuple[CaseFile, str]:
    action_id = arguments_as(CompleteAction, request).action_id
    case = alarm.case
    _refuse_closed(case)
    wanted = next((each for each in case.actions if each.action_id == action_id), None)
    if wanted is None:
        known = ", ".join(each.action_id for each in case.actions)
        raise IllegalTransition(f"no action {action_id!r}: this case has {known or 'none'}")
    if wanted.done_at is not None:
        raise IllegalTransition(f"{action_id} was done by {wanted.done_by} already")
    done = wanted.model_copy(update={"done_at": at, "done_by": request.actor})
    actions = tuple(done if each is wanted else each for each in case.actions)
    return case.model_copy(update={"actions": actions}), f"{action_id} done by {request.actor}"


def _check(alarm: Alarm, request: ActionRequest, at: datetime) -> tuple[CaseFile, str]:
    wanted = arguments_as(CheckAction, request)
    case = alarm.case
    _refuse_closed(case)
    kinds = [catalogue()[kind] for kind in alarm.kinds if kind in catalogue()]
    known = {action.id: action.text["en"] for kind in kinds for action in kind.actions}
    if wanted.action_id not in known:
        raise IllegalTransition(
            f"no recommended action {wanted.action_id!r}: this alarm has "
            f"{', '.join(known) or 'none'}"
        )
    text = f"{wanted.action_id} ({known[wanted.action_id]})"
    present = next((each for each in case.checks if each.action_id == wanted.action_id), None)
    if wanted.done:
        if present is not None:
            raise Conflict(f"{text} was ticked by {present.checked_by} already")
        check = CheckedAction(action_id=wanted.action_id, checked_by=request.actor, checked_at=at)
        checks = (*case.checks, check)
        return case.model_copy(update={"checks": checks}), f"{text} done by {request.actor}"
    if present is None:
        raise Conflict(f"{text} is not ticked: somebody else has taken the tick away")
    checks = tuple(each for each in case.checks if each is not present)
    told = f"tick of {present.checked_by} at {text} taken away by {request.actor}"
    return case.model_copy(update={"checks": checks}), told


def _close(alarm: Alarm, request: ActionRequest, at: datetime) -> tuple[CaseFile, str]:
    cause = arguments_as(CloseCase, request).cause
    case = alarm.case
    _refuse_closed(case)
    if not alarm.ended:
        raise IllegalTransition(
            f"the alarm is {alarm.state}, not normal: acknowledge it, see that the hazard is "
            "gone and reset it; then close the case"
        )
    undone = [each.action_id for each in case.actions if each.done_at is None]
    if undone:
        raise IllegalTransition(
            f"not done yet: {', '.join(undone)}. Complete them first, then close the case"
        )
    closed = {
        "cause": cause,
        "closing_note": request.comment,
        "closed_by": request.actor,
        "closed_at": at,
    }
    return case.model_copy(update=closed), f"case closed by {request.actor} as {cause}"


def _reopen(alarm: Alarm, request: ActionRequest, _at: datetime) -> tuple[CaseFile, str]:
    if not alarm.case.closed:
        raise IllegalTransition("the case is open: there is nothing to reopen")
    return _reopened(alarm.case), f"case reopened by {request.actor}"


def _refuse_closed(case: CaseFile) -> None:
    if case.closed:
        raise IllegalTransition(
            f"the case was closed by {case.closed_by} as {case.cause}: reopen it first"
        )


_CASE_ACTIONS: Mapping[Verb, Callable[[Alarm, ActionRequest, datetime], tuple[CaseFile, str]]] = {
    Verb.ASSIGN: _assign,
    Verb.PLAN_ACTION: _plan,
    Verb.COMPLETE_ACTION: _complete,
    Verb.CHECK_ACTION: _check,
    Verb.CLOSE_CASE: _close,
    Verb.REOPEN_CASE: _reopen,
}
