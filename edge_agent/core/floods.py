"""Alarm floods in the core: counted, grouped under one alert for each area, and shown again.

Each operator position has a meter (`hazard.alarms.flood`). While it is in flood, each of its areas
that has new alarms gets one flood alert, an ordinary alert of the kind `alarm_flood`; alarms raised
meanwhile are stored, published and suppressed by it. Never: what is critical or must never be
suppressed, an alarm that was shown already, and any alarm while the flood alert itself is shelved.

The flood alert is in the same unit of work as the first alarm that it stands for, and its severity
is never below theirs, so that an area never looks milder for it. When the flood is over, its
members are shown in the unit that clears it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from edge_agent.core.cases import Case
from edge_agent.core.revisions import Scribe
from hazard.alarms import on_members
from hazard.alarms.flood import FLOOD_KIND, FLOOD_RULE, FloodMeter
from hazard.rules.finding import Subject, event_id
from hazard.site.models import Site
from hazard.site.positions import position_by_area
from hazard.store.performance import Asked
from hazard.types import (
    Condition,
    HazardEvent,
    IsaState,
    Measured,
    ProcessCondition,
    Severity,
    SuppressionCause,
    SuppressionNote,
)

LONGEST_WINDOW = timedelta(hours=1)
"""The longest window that a site file can name: alarms are remembered for so long."""

CONTROL = "flood control"
"""Who groups alarms, in their suppression notes."""

_HIDDEN = (IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE)

log = structlog.get_logger()


class OpenAlerts(Protocol):
    """What flood control needs of the core's alerts."""

    scribe: Scribe

    @property
    def cases(self) -> tuple[Case, ...]:
        """The alerts that are not over, oldest first."""
        ...

    def found(self, event: HazardEvent) -> None:
        """A finding was made, held or cleared."""
        ...

    def settle_all(self, now: datetime) -> None:
        """Bring the suppressions of every open alarm up to date."""
        ...


@dataclass(slots=True)
class _Grouped:
    """One area in flood: the event of its flood alert, and the alarms that are its members."""

    event: HazardEvent
    position: str
    members: dict[str, None] = field(default_factory=dict)


class Floods:
    """Flood control over all positions of a site.

    It joins the core's alerts as a source of suppressions (`notes_for`) and as a listener to alarms
    that ask (`asked`).

    Args:
        alerts: the core's open alerts.
        site: the site file in force.
        tell: takes the areas that are in flood, whenever they may have changed.
    """

    def __init__(
        self, alerts: OpenAlerts, site: Site, *, tell: Callable[[frozenset[str]], None]
    ) -> None:
        self._alerts, self._tell = alerts, tell
        self._asked: list[tuple[datetime, str]] = []
        self._meters: dict[str, FloodMeter] = {}
        self._home: dict[str, str] = {}
        self._grouped: dict[str, _Grouped] = {}
        self._shown: set[str] = set()
        self._take_over(site)

    def _take_over(self, site: Site) -> None:
        self._site = site
        self._home = position_by_area(site)
        meters = {name: FloodMeter(site.alarms.flood) for name in self._home.values()}
        for at, area in self._asked:
            if area in self._home:
                meters[self._home[area]].add(at)
        for name, meter in meters.items():
            before = self._meters.get(name)
            meter.since = before.since if before is not None else None
        self._meters = meters

    # ------------------------------------------------------------ start and reload

    def resume(self, asked: Iterable[Asked], now: datetime) -> None:
        """Go on after a restart, once the alerts have been taken up.

        A flood that stood goes on from the stored flood alerts, the count from the stored times.
        """
        self._asked = [(each.at, each.area) for each in asked]
        for case in self._alerts.cases:
            if case.incident.hazard == FLOOD_KIND:
                self._resume_flood(case)
            elif case.alarm.flood_alert_id is None:
                self._shown.add(case.alarm.alert_id)
        self._take_over(self._site)
        self.tick(now)

    def _resume_flood(self, case: Case) -> None:
        event = max(case.incident.events, key=lambda each: each.updated_at)
        if event.condition is Condition.CLEARED:
            return
        position = event.subject.removesuffix(f"/{event.area}")
        members = dict.fromkeys(case.alarm.members)
        self._grouped[event.area] = _Grouped(event, position, members)
        meter = self._meters.get(position)
        if meter is not None:
            meter.since = min(meter.since or event.started_at, event.started_at)

    def reconfigure(self, site: Site, now: datetime) -> None:
        """Go on under a new site file: other positions and figures count at once."""
        self._take_over(site)
        self.tick(now)

    # ------------------------------------------------------------ what the core says

    def asked(self, case: Case, at: datetime) -> None:
        """An alarm asks for attention, raised or again."""
        area = case.incident.area
        if case.alarm.flood_alert_id is None:
            self._shown.add(case.alarm.alert_id)
        meter = self._meters.get(self._home.get(area, ""))
        if meter is None:
            return
        self._asked.append((at, area))
        if meter.asked(at):
            self._begun(self._home[area], at)

    def notes_for(self, case: Case, now: datetime) -> tuple[SuppressionNote, ...]:
        """The flood alert that this alarm is grouped under, if it is."""
        area, alarm = case.incident.area, case.alarm
        position = self._home.get(area, "")
        meter = self._meters.get(position)
        if meter is None or meter.since is None or alarm.alert_id in self._shown:
            return ()
        if alarm.severity >= Severity.CRITICAL:
            return ()
        flood = self._flood_alert(area, alarm.severity, now)
        if flood is None or flood.alarm.state in _HIDDEN or flood.alarm.ended:
            return ()
        self._grouped[area].members.setdefault(alarm.alert_id)
        settings = self._site.alarms.flood
        reason = (
            f"more than {settings.starts_above} alarms in {settings.window_min:g} min at position "
            f"{position}"
        )
        return (
            SuppressionNote(
                cause=SuppressionCause.FLOOD,
                order_id=flood.alarm.alert_id,
                granted_by=CONTROL,
                reason=reason,
            ),
        )

    def tick(self, now: datetime) -> None:
        """Time has passed: floods end, and flood alerts name their members."""
        self._asked = [each for each in self._asked if each[0] > now - LONGEST_WINDOW]
        for position, meter in self._meters.items():
            if meter.tick(now) and meter.since is not None:
                self._begun(position, now)
        over = {
            area: grouped
            for area, grouped in self._grouped.items()
            if self._home.get(area) != grouped.position or self._over(grouped.position)
        }
        if over:
            self._end(over, now)
        self._name_members(now)
        open_ids = {case.alarm.alert_id for case in self._alerts.cases}
        self._shown &= open_ids
        self._tell(self.areas)

    @property
    def areas(self) -> frozenset[str]:
        """The areas whose position is in flood."""
        return frozenset(area for area, name in self._home.items() if not self._over(name))

    def _over(self, position: str) -> bool:
        meter = self._meters.get(position)
        return meter is None or meter.since is None

    # ------------------------------------------------------------ how it is done

    def _begun(self, position: str, at: datetime) -> None:
        """Each area with alarms within the window is told of, at the severity that it shows."""
        meter = self._meters[position]
        log.warning("flood.began", position=position, alarms=meter.count)
        recent = {area for when, area in self._asked if when > at - meter.window}
        for area in sorted(recent):
            if self._home.get(area) == position:
                self._flood_alert(area, Severity.LOW, at)
        self._tell(self.areas)

    def _flood_alert(self, area: str, severity: Severity, now: datetime) -> Case | None:
        """The area's flood alert, raised or made worse if need be."""
        grouped = self._grouped.get(area)
        worse = grouped is None or severity > Severity(grouped.event.level)
        if worse:
            self._found(area, severity, now)
        wanted = self._grouped[area].event.event_id
        for case in reversed(self._alerts.cases):
            if any(event.event_id == wanted for event in case.incident.events):
                return case
        return None

    def _found(self, area: str, severity: Severity, now: datetime) -> None:
        """Tell of a flood, or of a worse one, as a rule tells of a hazard."""
        position = self._home[area]
        meter, grouped = self._meters[position], self._grouped.get(area)
        began_at = grouped.event.started_at if grouped is not None else meter.since or now
        subject = Subject(FLOOD_RULE, FLOOD_KIND, area, f"{position}/{area}"[:200])
        monotonic_s = time.monotonic()
        count = Measured(
            name="alarms",
            value=meter.count,
            unit=f"/{meter.settings.window_min:g} min",
            threshold=meter.settings.starts_above,
            source=position,
        )
        event = HazardEvent(
            event_id=event_id(subject, began_at),
            rule_id=subject.rule_id,
            hazard=subject.hazard,
            area=area,
            subject=subject.name,
            condition=Condition.ACTIVE,
            started_at=began_at,
            updated_at=max(now, began_at),
            updated_monotonic_s=monotonic_s,
            confidence=1.0,
            measured=(count,),
            level=severity.value,
            sources=(position,),
            captured_at=now,
            detected_at=now,
            detected_monotonic_s=monotonic_s,
        )
        if grouped is None:
            self._grouped[area] = _Grouped(event, position)
        else:
            grouped.event = event
        self._alerts.found(event)

    def _end(self, over: dict[str, _Grouped], now: datetime) -> None:
        """Show what was grouped, and clear the flood alerts, all at once."""
        with self._together():
            self._name_members(now)
            for area in over:
                del self._grouped[area]
            self._alerts.settle_all(now)
            for grouped in over.values():
                log.warning("flood.ended", position=grouped.position, area=grouped.event.area)
                changes = {
                    "condition": Condition.CLEARED,
                    "updated_at": max(now, grouped.event.updated_at),
                    "updated_monotonic_s": time.monotonic(),
                    "ended_at": max(now, grouped.event.started_at),
                }
                self._alerts.found(grouped.event.model_copy(update=changes))

    def _name_members(self, now: datetime) -> None:
        """Let each flood alert name the open alarms of its area, and those that it grouped."""
        if not self._grouped:
            return
        for case in self._alerts.cases:
            grouped = self._grouped.get(case.incident.area)
            if grouped is None or case.incident.hazard == FLOOD_KIND:
                continue
            grouped.members.setdefault(case.alarm.alert_id)
        for case in self._alerts.cases:
            grouped = self._grouped.get(case.incident.area)
            mine = grouped is not None and any(
                event.event_id == grouped.event.event_id for event in case.incident.events
            )
            if grouped is not None and mine and not case.alarm.ended:
                transition = on_members(case.alarm, tuple(grouped.members), now)
                self._alerts.scribe.revise(case, transition)

    def _together(self) -> AbstractContextManager[None]:
        return self._alerts.scribe.together()
