"""How the alarm system performs: the figures of ISA-18.2 / IEC 62682 and EEMUA 191, by position.

Pure: made from plain records of what was stored. Counted are alarms that asked a person for
attention, raised or again (`hazard.alarms.flood.asks_anew`), those that a flood alert stood for
among them, so that grouping never makes the figures look better; the flood alerts themselves are
left out of every figure but the number of floods.

Hours, periods of ten minutes and days are counted from the beginning of the window, the last ones
may be shorter; the peak is the most alarms within any ten minutes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from hazard.alarm_load import Times, crowded, floods, microseconds, peak
from hazard.alarms.flood import FLOOD_KIND
from hazard.targets import (
    BAD_ACTORS,
    CROWDED_10_MIN,
    CROWDED_HOUR,
    LEAST_WINDOW_DAYS,
    STALE_AFTER_H,
    TARGETS,
    Held,
)
from hazard.types import IsaState, Model, Severity, UtcTime

HOUR = timedelta(hours=1)
TEN_MIN = timedelta(minutes=10)
DAY = timedelta(days=1)
STALE_AFTER = timedelta(hours=STALE_AFTER_H)
PRIORITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
SUPPRESSED = (IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE)
NOT_SHOWN = frozenset((*SUPPRESSED, IsaState.NORMAL))
UNAUTHORISED_NOTE = "the agent refuses every suppression that the role does not allow"


class Point(NamedTuple):
    """What a person can mend: a rule, and the camera or sensor that it looks through."""

    area: str
    hazard: str
    rule_id: str
    source: str


class AlarmChange(NamedTuple):
    """One revision of one alarm, as far as figures need it."""

    at: datetime
    alert_id: str
    revision: int
    severity: Severity
    state: IsaState
    point: Point
    acknowledged: bool
    asks_anew: bool
    chattering: bool
    fleeting: bool


class Figure(Model):
    """One figure with the standard's target; `value` is None where nothing could be counted."""

    name: str = Field(description="ends in its unit")
    value: float | None
    target: str = Field(default="", description="empty: the standards have none")
    held: Held | None = None
    source: str = Field(default="", description="standard and clause of the target")
    note: str = ""


class PointAlarms(Model):
    """How many alarms came from one point."""

    area: str
    hazard: str
    rule_id: str
    source: str
    alarms: int
    share_percent: float = Field(description="of all alarms of the position")


class PositionReport(Model):
    """The figures of one operator position."""

    position: str
    areas: tuple[str, ...]
    alarms: int = Field(description="raised, or asking again")
    alarms_by_severity: dict[Severity, int]
    floods: int
    figures: tuple[Figure, ...]
    bad_actors: tuple[PointAlarms, ...] = Field(description="most frequent first, at most 10")
    chattering: tuple[PointAlarms, ...] = Field(description="alarms that came and went, by point")
    fleeting: tuple[PointAlarms, ...] = Field(description="alarms gone in seconds, by point")

    def figure(self, name: str) -> Figure:
        """The figure of this name.

        Raises:
            KeyError: if there is none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


class AlarmReport(Model):
    """The report over one window, from `began_at` on, up to but not `ended_at`."""

    began_at: UtcTime
    ended_at: UtcTime
    window_days: float
    enough_data: bool = Field(description="the window is as long as the standards ask for")
    positions: tuple[PositionReport, ...]


def performance(
    changes: Iterable[AlarmChange],
    *,
    began_at: datetime,
    ended_at: datetime,
    positions: Mapping[str, Collection[str]],
) -> AlarmReport:
    """The report from the changes of all alarms that were not over when the window began.

    Args:
        changes: in the order in which they were stored, with those before the window of alarms
            that reach into it; those after it are ignored.
        began_at: beginning of the window.
        ended_at: end of the window.
        positions: areas of each position; changes elsewhere are ignored.

    Raises:
        ValueError: if the window is empty.
    """
    if ended_at <= began_at:
        raise ValueError(f"the window ends at {ended_at}, not after its beginning {began_at}")
    tallies = {name: Tally(began_at, ended_at) for name in positions}
    home = {area: tallies[name] for name, areas in positions.items() for area in areas}
    for change in changes:
        tally = home.get(change.point.area)
        if tally is not None and change.at < ended_at and change.point.hazard != FLOOD_KIND:
            tally.take(change)
    days = (ended_at - began_at) / DAY
    return AlarmReport(
        began_at=began_at,
        ended_at=ended_at,
        window_days=round(days, 3),
        enough_data=days >= LEAST_WINDOW_DAYS,
        positions=tuple(
            position_report(name, tuple(sorted(areas)), tallies[name].counts())
            for name, areas in positions.items()
        ),
    )


@dataclass(slots=True)
class _Life:
    """One alarm so far: since when it is shown, since when it asks, and its state.

    `revision` is the newest that was seen: where the clock was put back, an older one comes later
    and says nothing of how the alarm is.
    """

    revision: int = 0
    state: IsaState = IsaState.NORMAL
    shown_since: datetime | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the figures of one position are made from.

    Attributes:
        times: of each alarm that asked for attention.
        points: alarms by what a person can mend; `chattering` and `fleeting` count alarms once.
        states: of all alarms at the end.
        stale_by_day: stale alarms of each day of the window.
        waits_s: from asking to acknowledged; None: not counted here.
    """

    began_at: datetime
    ended_at: datetime
    times: Times
    severities: Counter[Severity]
    points: Counter[Point]
    chattering: Counter[Point]
    fleeting: Counter[Point]
    states: Counter[IsaState]
    stale_by_day: Counter[int]
    waits_s: Sequence[float] | None


@dataclass(slots=True)
class Tally:
    """Counts what one position went through, change by change."""

    began_at: datetime
    ended_at: datetime
    times: list[datetime] = field(default_factory=list)
    severities: Counter[Severity] = field(default_factory=Counter)
    points: Counter[Point] = field(default_factory=Counter)
    chattering: set[tuple[Point, str]] = field(default_factory=set)
    fleeting: set[tuple[Point, str]] = field(default_factory=set)
    lives: dict[str, _Life] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)
    stale_by_day: Counter[int] = field(default_factory=Counter)

    def take(self, change: AlarmChange) -> None:
        """Count one change."""
        life = self.lives.setdefault(change.alert_id, _Life())
        within = change.at >= self.began_at
        if change.asks_anew:
            life.asked_at = life.asked_at or change.at
            if within:
                self.times.append(change.at)
                self.severities[change.severity] += 1
                self.points[change.point] += 1
        if within and change.chattering:
            self.chattering.add((change.point, change.alert_id))
        if within and change.fleeting:
            self.fleeting.add((change.point, change.alert_id))
        if change.revision > life.revision:
            life.revision = change.revision
            self._follow(life, change)

    def _follow(self, life: _Life, change: AlarmChange) -> None:
        if change.acknowledged and life.asked_at is not None:
            if life.asked_at >= self.began_at:
                self.waits_s.append((change.at - life.asked_at).total_seconds())
            life.asked_at = None
        life.state = change.state
        if change.state in NOT_SHOWN:
            if life.shown_since is not None:
                self._stale(life.shown_since, change.at)
            life.shown_since = None
        elif life.shown_since is None:
            life.shown_since = change.at
        if change.state is IsaState.NORMAL:
            life.asked_at = None

    def _stale(self, since: datetime, until: datetime) -> None:
        """Count the days of the window on which an alarm shown for so long was stale."""
        start = max(since + STALE_AFTER, self.began_at)
        end = min(until, self.ended_at)
        if start < end:
            first = (start - self.began_at) // DAY
            last = math.ceil((end - self.began_at) / DAY)
            self.stale_by_day.update(range(first, last))

    def counts(self) -> Counts:
        """What was counted, once all changes were taken."""
        for life in self.lives.values():
            if life.shown_since is not None:
                self._stale(life.shown_since, self.ended_at)
        return Counts(
            began_at=self.began_at,
            ended_at=self.ended_at,
            times=microseconds(self.times),
            severities=self.severities,
            points=self.points,
            chattering=Counter(point for point, _ in self.chattering),
            fleeting=Counter(point for point, _ in self.fleeting),
            states=Counter(life.state for life in self.lives.values()),
            stale_by_day=self.stale_by_day,
            waits_s=self.waits_s,
        )


def position_report(position: str, areas: tuple[str, ...], counts: Counts) -> PositionReport:
    """The figures of one position."""
    flooded = floods(counts.times, counts.ended_at)
    flooded_s = sum(flood.lasted_s for flood in flooded)
    return PositionReport(
        position=position,
        areas=areas,
        alarms=len(counts.times),
        alarms_by_severity={each: counts.severities[each] for each in PRIORITIES},
        floods=len(flooded),
        figures=tuple(_figures(counts, flooded_s)),
        bad_actors=_ranked(counts.points, counts)[:BAD_ACTORS],
        chattering=_ranked(counts.chattering, counts),
        fleeting=_ranked(counts.fleeting, counts),
    )


def _ranked(points: Counter[Point], counts: Counts) -> tuple[PointAlarms, ...]:
    ranked = sorted(points.items(), key=lambda item: (-item[1], item[0]))
    total = len(counts.times)
    return tuple(
        PointAlarms(**point._asdict(), alarms=count, share_percent=_percent(count, total) or 0.0)
        for point, count in ranked
    )


def _figures(counts: Counts, flooded_s: float) -> Iterator[Figure]:
    total, lasted = len(counts.times), counts.ended_at - counts.began_at
    states = counts.states
    top = sum(count for _, count in counts.points.most_common(BAD_ACTORS))
    yield _figure("alarms_per_h_average", total / (lasted / HOUR))
    yield _figure("alarms_per_10_min_average", total / (lasted / TEN_MIN))
    yield _figure("alarms_per_10_min_peak", peak(counts.times, TEN_MIN))
    yield _figure("hours_above_30_alarms_percent", _crowded(counts, HOUR, CROWDED_HOUR))
    yield _figure(
        "periods_of_10_min_above_10_alarms_percent", _crowded(counts, TEN_MIN, CROWDED_10_MIN)
    )
    yield _figure("time_in_flood_percent", _percent(flooded_s, lasted.total_seconds()))
    yield _figure("bad_actors_share_percent", _percent(top, total))
    yield _figure("chattering_points", len(counts.chattering))
    yield _figure("fleeting_points", len(counts.fleeting))
    yield _figure("stale_alarms_on_the_worst_day", max(counts.stale_by_day.values(), default=0))
    shown = sum(count for state, count in states.items() if state not in NOT_SHOWN)
    note = "the target is for sites with more than 1000 configured alarms"
    yield _figure("standing_alarms_at_the_end", shown, note)
    yield _figure("shelved_alarms_at_the_end", states[IsaState.SHELVED])
    yield _figure(
        "suppressed_by_design_alarms_at_the_end",
        states[IsaState.SUPPRESSED_BY_DESIGN],
        "windows, machine states, permits and floods",
    )
    yield _figure("out_of_service_alarms_at_the_end", states[IsaState.OUT_OF_SERVICE])
    yield _figure("unauthorised_suppressions", 0, UNAUTHORISED_NOTE)
    for severity in PRIORITIES:
        share = _percent(counts.severities[severity], total)
        yield _figure(f"priority_{severity.value}_percent", share)
    if counts.waits_s is not None:
        yield _figure("time_to_acknowledge_median_s", quantile(counts.waits_s, 0.5))
        yield _figure("time_to_acknowledge_p90_s", quantile(counts.waits_s, 0.9))


def _crowded(counts: Counts, length: timedelta, above: int) -> float | None:
    return _percent(*crowded(counts.times, counts.began_at, counts.ended_at, length, above))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole else None


def _figure(name: str, value: float | None, note: str = "") -> Figure:
    target = TARGETS.get(name)
    return Figure(
        name=name,
        value=None if value is None else round(float(value), 3),
        target=target.text if target else "",
        held=target.held(value) if target and value is not None else None,
        source=target.source if target else "",
        note=note,
    )
