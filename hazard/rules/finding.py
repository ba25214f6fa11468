"""One subject's finding over time: raised, held, cleared; shared by all rules.

Every function here takes a value and returns the next one, with the events to emit. The fail-safe
rule of the product lives here once: only `off`, which callers use for good evidence alone, can
clear; whatever is lost, stale or blind goes through `hold`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from hazard.ports import Tick
from hazard.types import (
    CameraReport,
    Condition,
    HazardEvent,
    Measured,
    Observation,
    Reading,
    Track,
)

Events = tuple[HazardEvent, ...]

EVENT_NAMESPACE = UUID("6f1f3c0a-5b2e-5d0e-9c55-7d0a6a2b8e11")
"""Namespace of event ids (any fixed value will do, as long as it never changes)."""

CLOCK_RESTART_S = 60.0
"""A stream whose clock jumps back by more than this has been restarted; less is a late item."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When an input was captured or measured, and when it was detected or received."""

    at: datetime
    captured_at: datetime
    detected_at: datetime
    monotonic_s: float
    detected_monotonic_s: float

    @classmethod
    def of(cls, item: Observation | CameraReport | Reading | Tick) -> Stamp:
        """The stamp of any rule input."""
        if isinstance(item, Observation):
            return cls(
                at=item.captured_at,
                captured_at=item.captured_at,
                detected_at=item.detected_at,
                monotonic_s=item.captured_monotonic_s,
                detected_monotonic_s=item.detected_monotonic_s,
            )
        if isinstance(item, Reading):
            return cls(
                at=item.received_at,
                captured_at=item.measured_at,
                detected_at=item.received_at,
                monotonic_s=item.received_monotonic_s,
                detected_monotonic_s=item.received_monotonic_s,
            )
        return cls(item.at, item.at, item.at, item.at_monotonic_s, item.at_monotonic_s)

    @property
    def usable(self) -> bool:
        """Whether its clocks are numbers at all."""
        return math.isfinite(self.monotonic_s) and math.isfinite(self.detected_monotonic_s)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about: the parts of a HazardEvent that never change."""

    rule_id: str
    hazard: str
    area: str
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a finding says: the parts of a HazardEvent that may change while it lasts."""

    confidence: float
    measured: tuple[Measured, ...] = ()
    level: str = ""
    occupied: bool | None = None
    sources: tuple[str, ...] = ()
    boxes: tuple[Track, ...] = ()

    def fields(self) -> dict[str, Any]:
        """As keyword arguments of HazardEvent."""
        return {
            "confidence": self.confidence,
            "measured": self.measured,
            "level": self.level,
            "occupied": self.occupied,
            "sources": self.sources,
            "boxes": self.boxes,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one subject.

    Attributes:
        on_since: first input of the present run of evidence for the hazard.
        last_on_s: last input of that run, monotonic.
        off_since_s: first input of the present run of good evidence against it, monotonic.
        event: the event that stands (active or held), or None.
    """

    on_since: Stamp | None = None
    last_on_s: float = -math.inf
    off_since_s: float | None = None
    event: HazardEvent | None = None

    def forget_times(self) -> Finding:
        """The same finding with its timers at zero, for a clock that was restarted."""
        return Finding(event=self.event)


def event_id(subject: Subject, started_at: datetime) -> str:
    """The same id for the same rule, hazard, subject and start, on any machine."""
    text = f"{subject.rule_id}|{subject.hazard}|{subject.name}|{started_at.isoformat()}"
    return str(uuid5(EVENT_NAMESPACE, text))


def open_event(subject: Subject, start: Stamp, cause: Stamp, content: Content) -> HazardEvent:
    """A new active event that began at `start` and was raised by the input at `cause`."""
    return HazardEvent(
        event_id=event_id(subject, start.at),
        rule_id=subject.rule_id,
        hazard=subject.hazard,
        area=subject.area,
        subject=subject.name[:200],
        condition=Condition.ACTIVE,
        started_at=start.at,
        updated_at=cause.at,
        updated_monotonic_s=cause.monotonic_s,
        captured_at=cause.captured_at,
        detected_at=cause.detected_at,
        detected_monotonic_s=cause.detected_monotonic_s,
        **content.fields(),
    )


def renew(
    event: HazardEvent, stamp: Stamp, condition: Condition, content: Content | None = None
) -> HazardEvent:
    """`event` again, with a new condition and, where given, new content.

    A held event keeps the times of the last input that supported it.
    """
    changes: dict[str, Any] = {
        "condition": condition,
        "updated_at": max(stamp.at, event.updated_at),
        "updated_monotonic_s": stamp.monotonic_s,
    }
    if condition is Condition.CLEARED:
        changes["ended_at"] = changes["updated_at"]
    if content is not None:
        changes |= content.fields()
        changes |= {
            "captured_at": stamp.captured_at,
            "detected_at": stamp.detected_at,
            "detected_monotonic_s": stamp.detected_monotonic_s,
        }
    return event.model_copy(update=changes)


def on(
    finding: Finding,
    subject: Subject,
    stamp: Stamp,
    content: Content,
    delay_s: float = 0.0,
    *,
    changed: bool = False,
) -> tuple[Finding, Events]:
    """Evidence for the hazard at `stamp`; raised after `delay_s` of it.

    A standing event is emitted again where it was held or where `changed` says that it says
    something new.
    """
    start = finding.on_since or stamp
    now = stamp.monotonic_s
    seen = replace(finding, on_since=start, last_on_s=now, off_since_s=None)
    if finding.event is not None:
        if finding.event.condition is Condition.ACTIVE and not changed:
            return seen, ()
        event = renew(finding.event, stamp, Condition.ACTIVE, content)
        return replace(seen, event=event), (event,)
    if now - start.monotonic_s < delay_s:
        return seen, ()
    event = open_event(subject, start, stamp, content)
    return replace(seen, event=event), (event,)


def off(
    finding: Finding, stamp: Stamp, delay_s: float, *, gap_s: float = 0.0
) -> tuple[Finding, Events]:
    """Good evidence against the hazard at `stamp`; a standing event is cleared after `delay_s`.

    Before an event is raised, evidence against it for no more than `gap_s` is forgiven.
    """
    now = stamp.monotonic_s
    if finding.event is None:
        if finding.on_since is not None and now - finding.last_on_s <= gap_s:
            return finding, ()
        return Finding(), ()
    since = now if finding.off_since_s is None else finding.off_since_s
    if now - since < delay_s:
        return replace(finding, off_since_s=since), ()
    return Finding(), (renew(finding.event, stamp, Condition.CLEARED),)


def hold(finding: Finding, stamp: Stamp) -> tuple[Finding, Events]:
    """No good evidence any more: a standing event is held (said once), nothing is cleared."""
    waiting = replace(finding, off_since_s=None)
    if finding.event is None or finding.event.condition is Condition.HELD:
        return waiting, ()
    event = renew(finding.event, stamp, Condition.HELD)
    return replace(waiting, event=event), (event,)


def resumed(rule_id: str, events: Events) -> Events:
    """Of stored events, those of this rule that still stand, oldest first."""
    mine = [e for e in events if e.rule_id == rule_id and e.condition is not Condition.CLEARED]
    return tuple(sorted(mine, key=lambda e: (e.started_at, e.event_id)))
