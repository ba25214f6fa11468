"""How an alarm is handled, in words: suppressions, escalation, first-out, its case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from dashboard.views import local_time
from dashboard.wording import CASE_CAUSE_TEXT, SUPPRESSION_TEXT
from hazard.types import AlertMessage, CaseFile

_At = Callable[[datetime], str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what there is to say; `alert_id` of an alarm that it leads to, or empty."""

    name: str
    text: str
    alert_id: str = ""


def handling(message: AlertMessage, zone: str, now: datetime) -> tuple[Fact, ...]:
    """What there is to say, in the order in which it matters; times in the site's zone."""

    def at(time: datetime) -> str:
        return local_time(time, zone, now)

    facts = [*_suppressions(message, at), *_course(message)]
    return (*facts, *_case(message.case, at))


def _suppressions(message: AlertMessage, at: _At) -> Iterator[Fact]:
    if message.shelved_until is not None:
        text = f"until {at(message.shelved_until)}"
        by = f" by {message.shelved_by}" if message.shelved_by else ""
        why = f": {message.shelve_reason}" if message.shelve_reason else ""
        yield Fact("Shelved", f"{text}{by}{why}")
    for note in message.suppressed_by:
        until = f"until {at(note.until)}" if note.until is not None else "while its cause lasts"
        yield Fact(SUPPRESSION_TEXT[note.cause], f"{until}, by {note.granted_by}: {note.reason}")


def _course(message: AlertMessage) -> Iterator[Fact]:
    if message.escalation_step:
        yield Fact("Escalated", f"{message.escalation_step} step(s): nobody has acknowledged it")
    if message.first_out_alert_id == message.alert_id:
        yield Fact("First out", "this alarm came first in the present upset of its area")
    elif message.first_out_alert_id is not None:
        yield Fact("First out", "another alarm came first", message.first_out_alert_id)
    if message.chattering:
        yield Fact("Chattering", "it comes and goes: have the sensor or the rule looked at")
    if message.fleeting:
        yield Fact("Fleeting", "it went by itself before anybody could act")
    if message.flood_alert_id is not None:
        yield Fact("Alarm flood", "grouped under the flood alert", message.flood_alert_id)
    if message.members:
        yield Fact("Members", f"{len(message.members)} alarms are grouped here")


def _case(case: CaseFile, at: _At) -> Iterator[Fact]:
    if case == CaseFile():
        return
    if case.closed_at is not None:
        cause = CASE_CAUSE_TEXT[case.cause] if case.cause is not None else "no cause given"
        note = f": {case.closing_note}" if case.closing_note else ""
        yield Fact("Case closed", f"{cause}, by {case.closed_by} at {at(case.closed_at)}{note}")
    else:
        yield Fact("Case", f"assigned to {case.assignee}" if case.assignee else "open")
    for action in case.actions:
        done = action.done_at
        state = f"done by {action.done_by} at {at(done)}" if done else f"due {at(action.due_at)}"
        yield Fact("Corrective action", f"{action.text}: {action.owner}, {state}")
