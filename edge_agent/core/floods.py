"""Alarm floods in the core: counted, grouped under one alert for each area, and shown again.

Each operator position has a meter (`hazard.alarms.flood`). While it is in flood, each of its areas
that has new alarms gets one flood alert, an ordinary alert of the kind `alarm_flood`; alarms raised
meanwhile are stored, published and suppressed by it. Never: what is critical or must never be
suppressed, an alarm that was shown already, what is `high` and asks after the flood alert was
acknowledged, and any alarm while the flood alert itself is shelved.

The flood alert is in the same unit of work as the first alarm that it stands for, and its severity
is never below theirs, so that an area never looks milder for it. When the flood is over, its
members are shown in the unit that clears it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from edge_agent.core.alerts import Alerts
from edge_agent.core.cases import Case
from hazard.alarms import on_members
from hazard.alarms.flood import FLOOD_KIND, FloodMeter
from hazard.alarms.flood_alert import (
    WORST_LEVEL,
    flood_found,
    flood_over,
    flood_worse,
    position_of,
    stands_alone,
    suppression_note,
)
from hazard.alarms.suppressing import why_not_suppressible
from hazard.catalogue import HazardKind
from hazard.ports import Tick
from hazard.site.models import Site
from hazard.site.positions import position_by_area
from hazard.store.performance import Asked
from hazard.store.restore import OpenAlert
from hazard.types import Condition, HazardEvent, IsaState, Severity, SuppressionNote

LONGEST_WINDOW = timedelta(hours=1)
"""The longest window that a site file can name: alarms are remembered for so long."""

MEMBERS_EVERY = timedelta(seconds=1)
"""New members of a flood alert are named together: each naming is a revision."""

_HIDDEN = (IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE)

log = structlog.get_logger()


@dataclass(slots=True)
class _Group:
    """The flood alert of one area.

    Attributes:
        event: the finding that made it, as last told.
        alert_id: of the alert; empty until it is raised.
        case: the alert; None until it is raised or, after a restart, looked for.
        members: ids of the alarms that it names, in the order in which they came.
    """

    position: str
    event: HazardEvent
    alert_id: str = ""
    case: Case | None = None
    members: dict[str, None] = field(default_factory=dict)

    @property
    def level(self) -> Severity:
        """The severity that it was told with."""
        return Severity(self.event.level)


class Floods:
    """Flood control over all positions of a site.

    It joins the alerts as a source of suppressions and as a listener to alarms that ask.

    Args:
        tell: takes the areas whose position is in flood, whenever they may have changed.
    """

    def __init__(
        self,
        alerts: Alerts,
        site: Site,
        catalogue: Mapping[str, HazardKind],
        *,
        tell: Callable[[frozenset[str]], None],
    ) -> None:
        self._alerts, self._site, self._catalogue, self._tell = alerts, site, catalogue, tell
        self._asked: list[tuple[datetime, str]] = []
        self._groups: dict[str, _Group] = {}
        self._shown: set[str] = set()
        self._named_at: datetime | None = None
        self._meters: dict[str, FloodMeter] = {}
        self._home: dict[str, str] = {}
        self._take_over({})
        alerts.settler.sources.append(self)
        alerts.scribe.annunciated.append(self.asked)

    def _take_over(self, since: Mapping[str, datetime]) -> None:
        """Count anew by the positions of the site file in force."""
        self._home = position_by_area(self._site)
        times: dict[str, list[datetime]] = {name: [] for name in self._home.values()}
        for at, area in self._asked:
            if area in self._home:
                times[self._home[area]].append(at)
        self._meters = {name: FloodMeter(self._site.alarms.flood) for name in times}
        for name, meter in self._meters.items():
            meter.restore(times[name], since.get(name))

    # ------------------------------------------------------------ start and reload

    def restore(self, alerts: Iterable[OpenAlert], asked: Iterable[Asked]) -> None:
        """Go on after a restart; call it before the alerts are taken up.

        A flood that stood goes on from the stored flood alerts, the count from the stored times;
        the first tick says whether it stands still.
        """
        self._asked = [(each.at, each.area) for each in asked]
        since: dict[str, datetime] = {}
        for alert in alerts:
            message = alert.message
            if message.hazard == FLOOD_KIND:
                event = max(message.events, key=lambda each: each.updated_at)
                if event.condition is not Condition.CLEARED:
                    position, members = position_of(event), dict.fromkeys(message.members)
                    group = _Group(position, event, message.alert_id, members=members)
                    self._groups[message.area] = group
                    since[position] = min(since.get(position, event.started_at), event.started_at)
            elif message.flood_alert_id is None and message.state not in _HIDDEN:
                self._shown.add(message.alert_id)
        self._take_over(since)

    def reconfigure(self, site: Site, now: datetime) -> None:
        """Go on under a new site file: other positions and figures count at once."""
        self._site = site
        since = {name: m.since for name, m in self._meters.items() if m.since is not None}
        self._take_over(since)
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
        position = self._home.get(area)
        meter = self._meters.get(position or "")
        if position is None or meter is None or meter.since is None:
            return ()
        if alarm.alert_id in self._shown or alarm.ended or alarm.severity >= Severity.CRITICAL:
            return ()
        if why_not_suppressible(case.incident, case.verdict, self._catalogue):
            return ()
        group = self._group(area, alarm.severity, now)
        flood = self._alert(group)
        if flood is not None and (flood.alarm.ended or flood.alarm.state in _HIDDEN):
            return ()
        if flood is not None and stands_alone(alarm, flood.alarm):
            return ()
        group.members.setdefault(alarm.alert_id)
        return (suppression_note(group.alert_id, position, meter.settings),)

    def tick(self, now: datetime) -> None:
        """Time has passed: floods begin and end, and flood alerts name their members."""
        oldest = now - LONGEST_WINDOW
        self._asked = [(min(at, now), area) for at, area in self._asked if at > oldest]
        for position, meter in self._meters.items():
            if meter.tick(now) and meter.since is not None:
                self._begun(position, now)
        ended = {
            area: group
            for area, group in self._groups.items()
            if self._home.get(area) != group.position or not self._in_flood(group.position)
        }
        if ended:
            self._end(ended, now)
        elif self._named_at is None or abs(now - self._named_at) >= MEMBERS_EVERY:
            self._follow_members(now)
        self._know_shown()
        self._tell(self.areas)

    @property
    def areas(self) -> frozenset[str]:
        """The areas whose position is in flood."""
        return frozenset(area for area, name in self._home.items() if self._in_flood(name))

    # ------------------------------------------------------------ how it is done

    def _in_flood(self, position: str) -> bool:
        meter = self._meters.get(position)
        return meter is not None and meter.since is not None

    def _know_shown(self) -> None:
        """What is shown while there is a flood stays shown; what is over is forgotten."""
        known = self._shown
        self._shown = set()
        for case in self._alerts.cases:
            alarm = case.alarm
            hidden = alarm.state in _HIDDEN
            if alarm.alert_id in known or not hidden:
                self._shown.add(alarm.alert_id)

    def _begun(self, position: str, at: datetime) -> None:
        """Tell of each area with alarms in the window, with what is open there as members."""
        meter = self._meters[position]
        log.warning("flood.began", position=position, alarms=meter.count)
        recent = {area for when, area in self._asked if when > at - meter.window}
        for area in sorted(recent):
            if self._home.get(area) == position:
                self._group(area, self._worst(area), at)
        self._follow_members(at)
        self._tell(self.areas)

    def _worst(self, area: str) -> Severity:
        """The worst severity among the area's open alarms, as a flood alert can have it."""
        ranks = [case.alarm.severity.rank for case in self._members(area)]
        return Severity.from_rank(min(max([Severity.LOW.rank, *ranks]), WORST_LEVEL.rank))

    def _members(self, area: str) -> list[Case]:
        return [
            case
            for case in self._alerts.cases
            if case.incident.area == area
            and case.incident.hazard != FLOOD_KIND
            and not case.alarm.ended
        ]

    def _group(self, area: str, severity: Severity, now: datetime) -> _Group:
        """The area's flood alert, raised or made worse if need be."""
        group = self._groups.get(area)
        if group is not None and severity <= group.level:
            return group
        position, at = self._home[area], Tick(now, time.monotonic())
        meter = self._meters[position]
        if group is None:
            event = flood_found(position, area, meter, severity, at)
            group = self._groups[area] = _Group(position, event)
        else:
            group.event = flood_worse(group.event, meter, severity, at)
        self._alerts.found(group.event)
        group.case = self._case_with(group.event)
        group.alert_id = group.case.alarm.alert_id
        return group

    def _case_with(self, event: HazardEvent) -> Case:
        return next(
            case
            for case in reversed(self._alerts.cases)
            if any(each.event_id == event.event_id for each in case.incident.events)
        )

    def _alert(self, group: _Group) -> Case | None:
        """The flood alert; None while alerts are taken up after a restart, and once it is over."""
        if group.case is None:
            group.case = self._alerts.case_of(group.alert_id)
        return group.case

    def _end(self, ended: Mapping[str, _Group], now: datetime) -> None:
        """Show what was grouped, and clear the flood alerts, all at once."""
        with self._alerts.scribe.together():
            self._follow_members(now)
            for area in ended:
                del self._groups[area]
            self._alerts.settle_all(now)
            for area, group in ended.items():
                log.warning("flood.ended", position=group.position, area=area)
                self._alerts.found(flood_over(group.event, Tick(now, time.monotonic())))

    def _follow_members(self, now: datetime) -> None:
        """Let each flood alert name the alarms of its area, and be as bad as the worst of them."""
        self._named_at = now
        for area in list(self._groups):
            group = self._group(area, self._worst(area), now)
            for case in self._members(area):
                group.members.setdefault(case.alarm.alert_id)
            flood = self._alert(group)
            if flood is not None and not flood.alarm.ended:
                named = on_members(flood.alarm, tuple(group.members), now)
                self._alerts.scribe.revise(flood, named)
