"""The alarm as a frozen value: its three parts, what was seen when, and its revision."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from hazard.alarms.parts import Attention, Suppression, isa_state
from hazard.types import Cause, IsaState, Model, ProcessCondition, Severity, UtcTime


class Alarm(Model):
    """One alarm. Every function of `hazard.alarms` gives a new one and leaves this as it is.

    Attributes:
        revision: number of the last revision; each change, also of words and evidence, adds one.
        changed_revision: the revision that last changed what a person must have seen before they
            act: severity, hazard kinds, or a return of the condition.
        severity: as it stands now, low to critical.
        highest_severity: the highest that was ever published; the latch follows it.
        seen_severity: the severity that the last acknowledgement covered.
        kinds: hazard kinds of the incident's events so far.
    """

    alert_id: str
    revision: int = Field(ge=1)
    changed_revision: int = Field(ge=1)
    raised_at: UtcTime
    updated_at: UtcTime
    severity: Severity
    highest_severity: Severity
    seen_severity: Severity | None = None
    kinds: tuple[str, ...]
    condition: ProcessCondition = ProcessCondition.ACTIVE
    attention: Attention = Attention.UNACKNOWLEDGED
    acknowledged_by: str | None = None
    acknowledged_at: UtcTime | None = None
    comment: str | None = None
    suppression: Suppression = Suppression.NONE
    shelved_at: UtcTime | None = None
    shelved_until: UtcTime | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None

    @property
    def state(self) -> IsaState:
        """The state of ISA-18.2, derived from the three parts."""
        return isa_state(self.condition, self.attention, self.suppression)

    @property
    def underlying(self) -> IsaState:
        """The state that would show without shelving."""
        return isa_state(self.condition, self.attention)

    @property
    def ended(self) -> bool:
        """Whether the alarm is back to normal: nothing is left for anyone to do."""
        return self.state is IsaState.NORMAL

    def message_fields(self) -> dict[str, Any]:
        """The fields of an AlertMessage that the alarm knows."""
        return {
            "alert_id": self.alert_id,
            "revision": self.revision,
            "severity": self.severity,
            "state": self.state,
            "condition": self.condition,
            "acknowledged": self.attention.acknowledged,
            "latched": self.attention.latched,
            "acknowledged_by": self.acknowledged_by,
            "comment": self.comment,
            "shelved_until": self.shelved_until,
        }


class Transition(Model):
    """What an event or an action made of an alarm.

    `changed` False means that nothing happened and no revision is due. `text` says in words what
    happened, for the audit and as the request's outcome.
    """

    alarm: Alarm
    cause: Cause
    changed: bool
    text: str
    at: UtcTime


def unchanged(alarm: Alarm, cause: Cause, at: datetime) -> Transition:
    """A transition that changes nothing."""
    return Transition(alarm=alarm, cause=cause, changed=False, text="", at=at)


def revised(alarm: Alarm, cause: Cause, at: datetime, text: str, **fields: Any) -> Transition:
    """The alarm's next revision with some fields changed, validated."""
    values = {name: getattr(alarm, name) for name in Alarm.model_fields} | fields
    values |= {"revision": alarm.revision + 1, "updated_at": at}
    return Transition(alarm=Alarm(**values), cause=cause, changed=True, text=text, at=at)
