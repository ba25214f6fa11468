"""The alarm as a frozen value: its parts, what was seen when, its case, and its revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, model_validator

from hazard.alarms.parts import Attention, Suppression, isa_state
from hazard.types import (
    CaseFile,
    Cause,
    IsaState,
    Model,
    ProcessCondition,
    Severity,
    SuppressionCause,
    SuppressionNote,
    UtcTime,
)

KEPT_ACTIVATIONS = 10
"""Times of activation that an alarm remembers: enough for any setting of chattering."""

NOT_ESCALATED: Mapping[str, Any] = {"escalation_step": 0, "steps_taken": (), "told": ()}
"""The fields of an alarm whose ladder is at its foot."""


class Alarm(Model):
    """One alarm. Every function of `hazard.alarms` gives a new one and leaves this as it is.

    What a release without suppression orders has stored is read as well: see `_as_stored_before`.

    Attributes:
        revision: number of the last revision; each change, also of words and evidence, adds one.
        changed_revision: the revision that last changed what a person must have seen before they
            act: severity, hazard kinds, or that it asks again.
        severity: as it stands now, low to critical.
        highest_severity: the highest that was ever published; the latch follows it.
        seen_severity: the severity that the last acknowledgement covered.
        kinds: hazard kinds of the incident's events so far.
        activations: when it was raised and when its condition came back, the last few.
        returned_at: since when the condition is normal.
        asked_at: since when it asks for an acknowledgement, anew when it comes off its shelf, and
            not counting the time for which orders suppressed it; None: it is acknowledged.
        escalation_step: the step of the escalation ladder that was taken last since it asked, from
            1; 0: none.
        steps_taken: all steps that were, each as number and channels told, so that the ladder of
            the next shift repeats none and leaves out none.
        told: channels that were told since it asked, by a step or without one; None: nobody kept
            that when it was stored.
        suppressed_by: what suppresses it beside a shelf: orders, floods, out of service.
        suppressed_since: since when it does not annunciate, for whichever reason.
        covered: since it was raised, orders have kept it from annunciating without a break.
        never_until_seen: it was found not to be suppressible, and nobody has acknowledged that.
        members: of a flood alert, the alarms grouped in it.
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
    activations: tuple[UtcTime, ...] = Field(default=(), max_length=KEPT_ACTIVATIONS)
    returned_at: UtcTime | None = None
    chattering: bool = False
    fleeting: bool = False
    first_out_alert_id: str | None = None
    attention: Attention = Attention.UNACKNOWLEDGED
    acknowledged_by: str | None = None
    acknowledged_at: UtcTime | None = None
    asked_at: UtcTime | None = None
    escalation_step: int = Field(default=0, ge=0)
    steps_taken: tuple[str, ...] = ()
    told: tuple[str, ...] | None = None
    comment: str | None = None
    shelved_at: UtcTime | None = None
    shelved_until: UtcTime | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None
    suppressed_by: tuple[SuppressionNote, ...] = ()
    suppressed_since: UtcTime | None = None
    covered: bool = False
    never_until_seen: bool = False
    members: tuple[str, ...] = Field(default=(), max_length=500)
    case: CaseFile = Field(default_factory=CaseFile)

    @model_validator(mode="before")
    @classmethod
    def _as_stored_before(cls, data: Any) -> Any:
        """Read what the release before suppression orders has stored.

        Its one `suppression` is in the fields of the shelf already. It did not keep since when an
        alarm asks: at the longest since it was raised, which tells too many rather than too few.
        """
        if not isinstance(data, dict) or "suppression" not in data:
            return data
        values = {name: value for name, value in data.items() if name != "suppression"}
        values.setdefault("activations", (values.get("raised_at"),))
        if not Attention(values.get("attention", Attention.UNACKNOWLEDGED)).acknowledged:
            values.setdefault("asked_at", values.get("raised_at"))
        if data["suppression"] == Suppression.SHELVED:
            values.setdefault("suppressed_since", values.get("shelved_at"))
        return values

    @property
    def shelf(self) -> Suppression:
        """The suppression by a shelf: shelved or none."""
        return Suppression.NONE if self.shelved_until is None else Suppression.SHELVED

    @property
    def suppressions(self) -> tuple[Suppression, ...]:
        """All suppressions that hold, side by side; empty: it annunciates."""
        held = {part_of(note) for note in self.suppressed_by} | {self.shelf}
        return tuple(sorted(held - {Suppression.NONE}))

    @property
    def state(self) -> IsaState:
        """The state of ISA-18.2, derived from the parts."""
        return isa_state(self.condition, self.attention, self.suppressions)

    @property
    def underlying(self) -> IsaState:
        """The state that would show without any suppression."""
        return isa_state(self.condition, self.attention)

    @property
    def ended(self) -> bool:
        """Whether the alarm is back to normal: nothing is left for anyone to do."""
        return self.state is IsaState.NORMAL

    @property
    def flood_alert_id(self) -> str | None:
        """The flood alert that it is grouped under."""
        for note in self.suppressed_by:
            if note.cause is SuppressionCause.FLOOD:
                return note.order_id
        return None

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
            "shelved_by": self.shelved_by,
            "shelve_reason": self.shelve_reason,
            "suppressed_by": self.suppressed_by,
            "asked_at": self.asked_at,
            "escalation_step": self.escalation_step,
            "first_out_alert_id": self.first_out_alert_id,
            "chattering": self.chattering,
            "fleeting": self.fleeting,
            "flood_alert_id": self.flood_alert_id,
            "members": self.members,
            "case": self.case,
        }


def part_of(note: SuppressionNote) -> Suppression:
    """The part that an order belongs to: out of service, or by design as all others."""
    if note.cause is SuppressionCause.OUT_OF_SERVICE:
        return Suppression.OUT_OF_SERVICE
    return Suppression.BY_DESIGN


def in_order(notes: Iterable[SuppressionNote]) -> tuple[SuppressionNote, ...]:
    """The notes in the one order in which an alarm has them."""
    return tuple(sorted(notes, key=lambda note: (note.cause, note.order_id)))


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
    """The alarm's next revision with some fields changed, validated.

    What follows from the parts is kept true here, whoever changes them: since when the alarm asks
    and does not annunciate, how far its ladder was climbed, when its condition returned.
    """
    values = {name: getattr(alarm, name) for name in Alarm.model_fields} | fields
    values |= {"revision": alarm.revision + 1, "updated_at": at}
    values |= _returned(alarm, values, at)
    values |= _asking(alarm, values, at)
    values |= _suppressed(alarm, values, at)
    return Transition(alarm=Alarm(**values), cause=cause, changed=True, text=text, at=at)


def _returned(before: Alarm, values: dict[str, Any], at: datetime) -> dict[str, Any]:
    if values["condition"] is not ProcessCondition.NORMAL:
        return {"returned_at": None}
    return {} if before.condition is ProcessCondition.NORMAL else {"returned_at": at}


def _asking(before: Alarm, values: dict[str, Any], at: datetime) -> dict[str, Any]:
    if values["attention"].acknowledged:
        return {"asked_at": None, **NOT_ESCALATED, "never_until_seen": False}
    if before.attention.acknowledged:
        return {"asked_at": at, **NOT_ESCALATED}
    return {}


def _suppressed(before: Alarm, values: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The pause of an alarm that does not annunciate: it does not count as waiting.

    Off its shelf it is told anew, from the foot of its ladder: a shelf is rare and somebody's
    choice. Orders may come and go with a machine, and an alarm must reach the end of its ladder.
    """
    orders = any(note.cause is not SuppressionCause.FLOOD for note in values["suppressed_by"])
    changes: dict[str, Any] = {"covered": values["covered"] and orders}
    since, asked_at = before.suppressed_since, values["asked_at"]
    if values["suppressed_by"] or values["shelved_until"] is not None:
        return changes | {"suppressed_since": since or at}
    if since is not None and asked_at is not None:
        if before.shelved_until is not None:  # annunciates anew, unlike what an order kept quiet
            changes |= {"asked_at": at, **NOT_ESCALATED}
        else:
            changes["asked_at"] = asked_at + max(at - max(since, asked_at), timedelta(0))
    return changes | {"suppressed_since": None}
