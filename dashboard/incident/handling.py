"""How an alarm is handled, in words: suppressions, escalation, first-out, its case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from dashboard.i18n import N_
from dashboard.incident.saying import Say
from hazard.types import AlertMessage, CaseFile

_At = Callable[[datetime], str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what there is to say; `alert_id` of an alarm that it leads to, or empty."""

    name: str
    text: str
    alert_id: str = ""


def handling(message: AlertMessage, zone: str, now: datetime, say: Say) -> tuple[Fact, ...]:
    """What there is to say, in the order in which it matters; times in the site's zone."""

    def at(time: datetime) -> str:
        return say.clock(time, zone, now)

    facts = [*_suppressions(message, at, say), *_course(message, say)]
    return (*facts, *_case(message.case, at, say))


def _suppressions(message: AlertMessage, at: _At, say: Say) -> Iterator[Fact]:
    if message.shelved_until is not None:
        parts = [say(N_("until {time}"), time=at(message.shelved_until))]
        if message.shelved_by:
            parts.append(say(N_("by {who}"), who=message.shelved_by))
        why = f": {message.shelve_reason}" if message.shelve_reason else ""
        yield Fact(say(N_("Shelved")), f"{', '.join(parts)}{why}")
    for note in message.suppressed_by:
        until = (
            say(N_("until {time}"), time=at(note.until))
            if note.until is not None
            else say(N_("while its cause lasts"))
        )
        by = say(N_("by {who}"), who=note.granted_by)
        yield Fact(say.word(note.cause), f"{until}, {by}: {note.reason}")


def _course(message: AlertMessage, say: Say) -> Iterator[Fact]:
    if message.escalation_step:
        text = say(N_("step {number}: nobody has acknowledged it"), number=message.escalation_step)
        yield Fact(say(N_("Escalated")), text)
    first = say(N_("First out"))
    if message.first_out_alert_id == message.alert_id:
        yield Fact(first, say(N_("this alarm came first in the present upset of its area")))
    elif message.first_out_alert_id is not None:
        yield Fact(first, say(N_("another alarm came first")), message.first_out_alert_id)
    if message.chattering:
        text = say(N_("it comes and goes: have the sensor or the rule looked at"))
        yield Fact(say(N_("Chattering")), text)
    if message.fleeting:
        yield Fact(say(N_("Fleeting")), say(N_("it went by itself before anybody could act")))
    if message.flood_alert_id is not None:
        text = say(N_("grouped under the flood alert"))
        yield Fact(say(N_("Alarm flood")), text, message.flood_alert_id)
    if message.members:
        text = say(N_("{count} alarms are grouped here"), count=len(message.members))
        yield Fact(say(N_("Members")), text)


def _case(case: CaseFile, at: _At, say: Say) -> Iterator[Fact]:
    if case.closed_at is not None:
        cause = say.word(case.cause) if case.cause is not None else say(N_("no cause given"))
        text = say(
            N_("{cause}, by {who} at {time}"),
            cause=cause,
            who=case.closed_by or "",
            time=at(case.closed_at),
        )
        note = f": {case.closing_note}" if case.closing_note else ""
        yield Fact(say(N_("Case closed")), f"{text}{note}")
    elif case.assignee:
        yield Fact(say(N_("Case")), say(N_("assigned to {who}"), who=case.assignee))
    for action in case.actions:
        state = (
            say(N_("done by {who} at {time}"), who=action.done_by or "", time=at(action.done_at))
            if action.done_at
            else say(N_("due {time}"), time=at(action.due_at))
        )
        yield Fact(say(N_("Corrective action")), f"{action.text}: {action.owner}, {state}")
