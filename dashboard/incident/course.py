"""The way of an alarm to its end: what is done, what is due now, what is waited for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.i18n import N_
from dashboard.incident.saying import Say
from dashboard.views import AlarmView
from hazard.alarms import LATCHES_FROM
from hazard.types import AlertMessage, Condition, ProcessCondition, Verb

Standing = Literal["done", "now", "waits", "later"]
STANDING_TEXT: dict[Standing, str] = {
    "done": N_("done"),
    "now": N_("now"),
    "waits": N_("is waited for"),
    "later": N_("later"),
}
_NAMED = 3
"""Findings that are named while the hazard is there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        standing: `now` is for this person to do; `waits` is for the plant or for somebody else.
        told: what to do, what is waited for, or who did it; empty for what comes later.
    """

    key: str
    name: str
    standing: Standing
    told: str = ""

    @property
    def standing_text(self) -> str:
        """How it stands, in a word."""
        return STANDING_TEXT[self.standing]


def course(alarm: AlarmView, verbs: Collection[Verb], say: Say) -> tuple[Step, ...]:
    """The steps of an alarm; `verbs` is what this person may ask for now.

    Of those that are not done only the first is due or waited for.
    """
    steps: list[Step] = []
    reached = True
    for step in _steps(alarm, verbs, say):
        if reached or step.standing == "done":
            steps.append(step)
        else:
            steps.append(replace(step, standing="later", told=""))
        reached = reached and step.standing == "done"
    return tuple(steps)


def _steps(alarm: AlarmView, verbs: Collection[Verb], say: Say) -> Iterator[Step]:
    message = alarm.message
    yield _acknowledge(alarm, verbs, say)
    if alarm.suppressed:
        told = N_("It is put aside: {state}. It goes on when that ends.")
        standing: Standing = "waits"
        if Verb.UNSHELVE in verbs:
            told, standing = N_("It is shelved: press Unshelve, or wait until that ends."), "now"
        text = say(told, state=say.word(message.state))
        yield Step("return", say(N_("No longer put aside")), standing, text)
    yield _hazard_gone(message, say)
    if message.latched or message.severity.rank >= LATCHES_FROM.rank:
        yield _reset(alarm, verbs, say)
    yield _close(alarm, verbs, say)


def _acknowledge(alarm: AlarmView, verbs: Collection[Verb], say: Say) -> Step:
    name = say(N_("Somebody takes it on"))
    message = alarm.message
    if message.acknowledged or alarm.ended:
        who = message.acknowledged_by
        return Step("acknowledge", name, "done", say(N_("by {who}"), who=who) if who else "")
    if Verb.ACKNOWLEDGE in verbs:
        return Step("acknowledge", name, "now", say(N_("Press Acknowledge.")))
    told = say(N_("An operator or safety officer of this area does this."))
    return Step("acknowledge", name, "waits", told)


def _hazard_gone(message: AlertMessage, say: Say) -> Step:
    name = say(N_("The hazard is gone"))
    if message.condition is ProcessCondition.NORMAL:
        return Step("gone", name, "done")
    if message.condition is ProcessCondition.HELD:
        told = N_(
            "Camera or sensor gives no good evidence any more. Look on site; this goes on when "
            "evidence is back, or when somebody writes what was found and presses Reset."
        )
        return Step("gone", name, "waits", say(told))
    active = [each.hazard for each in message.events if each.condition is Condition.ACTIVE]
    kinds = ", ".join(say.kind(kind, message) for kind in dict.fromkeys(active[:_NAMED]))
    told = N_(
        "Still found: {kinds}. Make the place safe and work through the recommended actions; this "
        "page goes on by itself."
    )
    return Step("gone", name, "waits", say(told, kinds=kinds or say.kind(message.hazard, message)))


def _reset(alarm: AlarmView, verbs: Collection[Verb], say: Say) -> Step:
    name = say(N_("Somebody resets it"))
    message = alarm.message
    held = message.condition is ProcessCondition.HELD
    if alarm.ended or not (message.latched or held):
        return Step("reset", name, "done")
    if Verb.RESET in verbs:
        return Step("reset", name, "now", say(N_("See that the place is safe, then press Reset.")))
    told = say(N_("An operator or safety officer of this area does this."))
    return Step("reset", name, "waits", told)


def _close(alarm: AlarmView, verbs: Collection[Verb], say: Say) -> Step:
    name = say(N_("The case is closed"))
    case = alarm.message.case
    if case.closed:
        cause = "" if case.cause is None else say.word(case.cause)
        told = say(N_("{cause}, by {who}"), cause=cause, who=case.closed_by or "")
        return Step("close", name, "done", told)
    if any(action.done_at is None for action in case.actions):
        told = N_("First complete the corrective actions that are planned below.")
        return Step("close", name, "waits", say(told))
    if Verb.CLOSE_CASE in verbs:
        told = N_("Say what it was, then press Close the case.")
        return Step("close", name, "now", say(told))
    return Step("close", name, "waits", say(N_("A safety officer of this area does this.")))
