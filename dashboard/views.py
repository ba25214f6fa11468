"""Alarms as the pages show them: words, shapes and numbers made from stored messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from dashboard.stages import HealthView
from dashboard.wording import (
    AUTHORITY_TEXT,
    CONDITION_TEXT,
    DECIDED_TEXT,
    PRIORITY,
    STATE_TEXT,
    SUPPRESSED,
    UNACKNOWLEDGED,
)
from hazard.site.models import Site
from hazard.store.queries import AreaCounts
from hazard.types import (
    AlertMessage,
    Health,
    IsaState,
    Measured,
    Severity,
)


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm at one time, in one language."""

    message: AlertMessage
    title: str
    area: str
    now: datetime

    @property
    def severity(self) -> Severity:
        """The severity in force."""
        return self.message.severity

    @property
    def priority(self) -> int:
        """1 (critical) to 5 (journal only)."""
        return PRIORITY[self.message.severity]

    @property
    def unacknowledged(self) -> bool:
        """Whether somebody must still acknowledge it."""
        return self.message.state in UNACKNOWLEDGED

    @property
    def suppressed(self) -> bool:
        """Whether it is shelved, suppressed by design or out of service."""
        return self.message.state in SUPPRESSED

    @property
    def ended(self) -> bool:
        """Whether it is back to normal, with nothing left to do."""
        return self.message.state is IsaState.NORMAL

    @property
    def state_text(self) -> str:
        """The ISA-18.2 state in words."""
        return STATE_TEXT[self.message.state]

    @property
    def condition_text(self) -> str:
        """Whether the hazard is still there, in words."""
        return CONDITION_TEXT[self.message.condition]

    @property
    def decided_text(self) -> str:
        """Who decided the severity, in words."""
        return DECIDED_TEXT[self.message.decided_by]

    @property
    def authority_text(self) -> str:
        """What the model may do, in words."""
        return AUTHORITY_TEXT[self.message.authority]

    @property
    def age_s(self) -> float:
        """Seconds since it was raised."""
        return max(0.0, (self.now - self.message.times.raised).total_seconds())

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What was measured, the newest of each name and source, at most 16."""
        newest: dict[tuple[str, str], Measured] = {}
        for event in sorted(self.message.events, key=lambda event: event.updated_at):
            for measured in event.measured:
                newest[measured.name, measured.source] = measured
        return tuple(newest.values())[:16]

    @property
    def matter(self) -> str:
        """What a person who acts must have seen: changes of it are pointed out before they act."""
        parts = [self.message.severity.value, self.message.state.value]
        parts += [self.message.condition.value]
        parts += sorted(f"{event.hazard}:{event.level}" for event in self.message.events)
        return "|".join(parts)


def alarm_view(message: AlertMessage, site: Site, now: datetime, language: str) -> AlarmView:
    """One alarm as the pages show it."""
    return AlarmView(
        message=message,
        title=in_language(message.hazard_name, language) or message.hazard,
        area=area_name(site, message.area),
        now=now,
    )


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in the reader's language, else in English, else in any."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")


def area_name(site: Site, area: str) -> str:
    """The area's name in the site file, else its id."""
    found = site.areas.get(area)
    return found.name if found is not None else area


@dataclass(frozen=True, slots=True)
class AreaView:
    """One area with its worst alarm, and whether it is watched at all.

    Attributes:
        unwatched: cameras and sensors that do not watch it now, and how they are.
    """

    area: str
    name: str
    alarms: int
    unacknowledged: int
    worst: Severity | None
    sources: int
    unwatched: tuple[tuple[str, Health], ...]

    @property
    def status(self) -> Literal["alarm", "unknown", "clear"]:
        """Clear only where every source is healthy."""
        if self.worst is not None:
            return "alarm"
        return "unknown" if self.unwatched or not self.sources else "clear"


def area_views(site: Site, counts: Mapping[str, AreaCounts], health: HealthView) -> list[AreaView]:
    """Every area of the site, and every other that has an alarm, worst first.

    `counts` must be of all alarms, not of those that a page lists: else an area whose alarms were
    left out in a flood would look calm.
    """
    names = list(site.areas) + sorted(set(counts) - set(site.areas))
    views = [_area_view(area, site, counts.get(area), health) for area in names]
    order = {"alarm": 0, "unknown": 1, "clear": 2}
    return sorted(
        views,
        key=lambda view: (
            order[view.status],
            PRIORITY[view.worst] if view.worst else 9,
            names.index(view.area),
        ),
    )


def _area_view(area: str, site: Site, counts: AreaCounts | None, health: HealthView) -> AreaView:
    sources = [f"camera/{name}" for name, item in site.cameras.items() if item.area == area]
    sources += [f"sensor/{name}" for name, item in site.sensors.items() if item.area == area]
    unwatched = []
    for source in sources:
        stage = health.stage(source)
        if health.silent or stage is None or stage.health is not Health.READY:
            state = Health.UNKNOWN if health.silent or stage is None else stage.health
            unwatched.append((source.partition("/")[2], state))
    return AreaView(
        area=area,
        name=area_name(site, area),
        alarms=sum(counts.by_severity.values()) if counts else 0,
        unacknowledged=counts.unacknowledged if counts else 0,
        worst=counts.worst if counts else None,
        sources=len(sources),
        unwatched=tuple(unwatched),
    )


def age_text(seconds: float, day: str = "d") -> str:
    """A duration in at most two units: `8 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    whole = max(0, int(seconds))
    steps = ((86400, day), (3600, "h"), (60, "min"), (1, "s"))
    parts: list[str] = []
    for size, unit in steps:
        count, whole = divmod(whole, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def local_time(at: datetime, zone: str, now: datetime | None = None) -> str:
    """A time in the site's zone; with its date when that is not today."""
    there = at.astimezone(ZoneInfo(zone))
    if now is not None and there.date() == now.astimezone(ZoneInfo(zone)).date():
        return f"{there:%H:%M:%S}"
    return f"{there:%Y-%m-%d %H:%M:%S}"
