"""Room on the node's disk as a finding: low, full, and well again.

Pure: how much is free comes with the tick. Low is told at once, since evidence is given up from
then on; well again only when there has been clearly more room for a while, so that a disk at the
limit does not come and go. A disk that cannot be looked at holds the finding.
"""

from __future__ import annotations

from dataclasses import dataclass

from hazard.ports import Tick
from hazard.rules.finding import Content, Stamp, Subject, open_event, renew
from hazard.types import Condition, HazardEvent, Measured

STORAGE_KIND = "storage_low"
"""The catalogue's kind."""
STORAGE_RULE = "storage"
"""`rule_id` of the finding; no rule of a site file."""
LOW, FULL = "low", "full"
"""Levels: evidence is given up; and alerts may soon find no room in the database."""

LOW_BYTES, LOW_SHARE = 200_000_000, 0.05
FULL_BYTES, FULL_SHARE = 20_000_000, 0.005
CLEAR_FACTOR = 1.25
"""It clears with a quarter more room than the limit below which it is low."""
CLEAR_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the disk of the data folder."""

    free: int
    total: int


def low_bytes(total: int) -> int:
    """Free bytes below which a disk of this size is low: 200 MB or a twentieth, the less."""
    return min(LOW_BYTES, int(total * LOW_SHARE))


def full_bytes(total: int) -> int:
    """Free bytes below which it is as good as full: 20 MB or a two-hundredth, the less."""
    return min(FULL_BYTES, int(total * FULL_SHARE))


class StorageWatch:
    """Follows the room on one disk; `step` gives a finding whenever it changes."""

    def __init__(self, event: HazardEvent | None = None) -> None:
        self._event = event if event and event.condition is not Condition.CLEARED else None
        self._well_since_s: float | None = None

    def step(self, now: Tick, room: Room | None, *, node: str, area: str) -> HazardEvent | None:
        """What is found now, if that is news. `room` None: the disk cannot be looked at.

        A finding that stands stays in the area in which it was made.
        """
        found = self._next(now, room, node, area)
        if found is not None:
            self._event = None if found.condition is Condition.CLEARED else found
        return found

    def _next(self, now: Tick, room: Room | None, node: str, area: str) -> HazardEvent | None:
        event, level = self._event, _level(room) if room is not None else ""
        if room is None or level or event is None:
            self._well_since_s = None
        if room is None:
            active = event is not None and event.condition is Condition.ACTIVE
            return renew(event, Stamp.of(now), Condition.HELD) if event and active else None
        if level:
            return self._short(now, room, level, Subject(STORAGE_RULE, STORAGE_KIND, area, node))
        return self._well(now, room, event) if event is not None else None

    def _short(self, now: Tick, room: Room, level: str, subject: Subject) -> HazardEvent | None:
        """There is little room: news if it was not known, or is worse, or was held."""
        event, stamp = self._event, Stamp.of(now)
        if event is None:
            return open_event(subject, stamp, stamp, _content(room, level))
        worst = FULL if FULL in (level, event.level) else level
        if worst == event.level and event.condition is Condition.ACTIVE:
            return None
        return renew(event, stamp, Condition.ACTIVE, _content(room, worst))

    def _well(self, now: Tick, room: Room, event: HazardEvent) -> HazardEvent | None:
        """There is room: news once it has been clearly enough, for long enough."""
        if room.free < CLEAR_FACTOR * low_bytes(room.total):
            self._well_since_s = None
            return None
        if self._well_since_s is None:
            self._well_since_s = now.at_monotonic_s
        if now.at_monotonic_s - self._well_since_s < CLEAR_AFTER_S:
            return None
        return renew(event, Stamp.of(now), Condition.CLEARED, _content(room, event.level))


def _level(room: Room) -> str:
    if room.free < full_bytes(room.total):
        return FULL
    return LOW if room.free < low_bytes(room.total) else ""


def _content(room: Room, level: str) -> Content:
    free = Measured(
        name="free_space",
        value=round(room.free / 1e6, 1),
        unit="MB",
        threshold=round(low_bytes(room.total) / 1e6, 1),
    )
    return Content(confidence=1.0, measured=(free,), level=level)
