"""What a person may ask of an alarm now: by its state, their role, and their areas."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.access import Permission, Person
from dashboard.views import AlarmView
from hazard.alarms.authorization import MAY
from hazard.catalogue import catalogue
from hazard.types import AlertMessage, ProcessCondition, Severity, Verb

PERMISSION: Mapping[Verb, Permission] = {
    Verb.ACKNOWLEDGE: Permission.ACT,
    Verb.RESET: Permission.ACT,
    Verb.SHELVE: Permission.ACT,
    Verb.UNSHELVE: Permission.ACT,
    Verb.COMMENT: Permission.ACT,
    Verb.ASSIGN: Permission.ACT,
    Verb.CHECK_ACTION: Permission.ACT,
    Verb.PLAN_ACTION: Permission.HANDLE,
    Verb.COMPLETE_ACTION: Permission.HANDLE,
    Verb.CLOSE_CASE: Permission.HANDLE,
    Verb.REOPEN_CASE: Permission.HANDLE,
    Verb.GRANT_PERMIT: Permission.SUPPRESS,
    Verb.TAKE_OUT_OF_SERVICE: Permission.SUPPRESS,
}
"""What may be asked on the page of an alarm, and the permission that it takes."""
ANY_OF = tuple(dict.fromkeys(PERMISSION.values()))
"""One of these lets a request about an alarm in; which of them it takes depends on the verb."""


def may_ask(person: Person, verb: Verb, area: str) -> bool:
    """Whether this person may ask for it in that area; the agent core checks it once more."""
    return person.role in MAY[verb] and person.may(PERMISSION[verb], area)


def offers(alarm: AlarmView, person: Person) -> tuple[Verb, ...]:
    """What makes sense for this person now, the most urgent first."""
    message = alarm.message
    return tuple(
        verb
        for verb in (*_of_alarm(alarm), *_of_case(message), *_of_orders(message))
        if may_ask(person, verb, message.area)
    )


def _of_alarm(alarm: AlarmView) -> list[Verb]:
    message = alarm.message
    verbs = [Verb.ACKNOWLEDGE] if not message.acknowledged and not alarm.ended else []
    latched = message.latched and message.condition is ProcessCondition.NORMAL
    held = message.condition is ProcessCondition.HELD
    if message.acknowledged and (latched or held):
        verbs.append(Verb.RESET)
    if message.shelved_until is not None:
        verbs.append(Verb.UNSHELVE)
    elif not (alarm.suppressed or alarm.ended or message.severity is Severity.CRITICAL):
        verbs.append(Verb.SHELVE)
    return [*verbs, Verb.COMMENT]


def _of_case(message: AlertMessage) -> list[Verb]:
    if message.case.closed:
        return [Verb.REOPEN_CASE]
    return [
        Verb.CHECK_ACTION,
        Verb.ASSIGN,
        Verb.PLAN_ACTION,
        Verb.COMPLETE_ACTION,
        Verb.CLOSE_CASE,
    ]


def _of_orders(message: AlertMessage) -> list[Verb]:
    kind = catalogue().get(message.hazard)
    if kind is None or kind.never_suppress or kind.about_alarms:
        return []
    return [Verb.GRANT_PERMIT, Verb.TAKE_OUT_OF_SERVICE]
