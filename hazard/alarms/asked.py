"""What every request about one alarm is checked for, and what its comment becomes."""

from __future__ import annotations

from typing import Any

from hazard.alarms.alarm import Alarm
from hazard.errors import Conflict, IllegalTransition
from hazard.types import ActionRequest


def check_alert(alarm: Alarm, request: ActionRequest) -> None:
    """Refuse a request that is for another alarm.

    Raises:
        IllegalTransition: if it is.
    """
    if request.alert_id != alarm.alert_id:
        raise IllegalTransition(f"the request is for alert {request.alert_id}, not this one")


def check_revision(alarm: Alarm, request: ActionRequest, *, must_have_looked: bool) -> None:
    """Refuse a request that was made on the strength of something else than what is.

    A verb that hides or ends something asks for `must_have_looked`: the actor must have seen what
    the alarm is now. New words, evidence and comments do not count.

    Raises:
        Conflict: if the revision does not exist, or is from before the severity, the kinds of
            hazard or the occurrence changed.
    """
    expected = request.expected_revision
    if expected > alarm.revision:
        raise Conflict(
            f"revision {expected} does not exist, the newest is {alarm.revision}: load it again"
        )
    if must_have_looked and expected < alarm.changed_revision:
        raise Conflict(
            f"the alarm has changed since revision {expected}: severity is {alarm.severity}, "
            f"hazards are {', '.join(alarm.kinds)}. Look at revision {alarm.revision} first"
        )


def with_comment(request: ActionRequest, text: str) -> tuple[dict[str, Any], str]:
    """The fields that the request's comment changes, and `text` with the comment."""
    if not request.comment:
        return {}, text
    return {"comment": request.comment}, f"{text}: {request.comment}"
