"""The report of the alarm system, aggregated in the database: for periods with a million alarms.

It says what `hazard.performance.performance` says of the same revisions, but for the time to
acknowledge, which the figures of responses tell. Alarms are counted over `ix_revision_asked`; only
those that were shown for long, or that stand at the end, are followed revision by revision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import BigInteger, Connection, String, cast, func, or_, select, type_coerce

from hazard.alarm_load import Times
from hazard.alarms.flood import FLOOD_KIND
from hazard.performance import (
    DAY,
    STALE_AFTER,
    AlarmReport,
    Counts,
    Point,
    Tally,
    position_report,
)
from hazard.store.performance import changes_of
from hazard.store.tables import AlertRow, RevisionRow
from hazard.targets import LEAST_WINDOW_DAYS
from hazard.types import Severity

_POINT = (RevisionRow.area, RevisionRow.hazard, RevisionRow.rule_id, RevisionRow.source)


def alarm_report(
    connection: Connection,
    began_at: datetime,
    ended_at: datetime,
    positions: Mapping[str, Collection[str]],
) -> AlarmReport:
    """The report over one window, from `began_at` on, up to but not `ended_at`.

    Raises:
        ValueError: if the window is empty.
    """
    if ended_at <= began_at:
        raise ValueError(f"the window ends at {ended_at}, not after its beginning {began_at}")
    home = {area: name for name, areas in positions.items() for area in areas}
    tallies = {name: Tally(began_at, ended_at) for name in positions}
    for change in changes_of(connection, _followed(connection, began_at, ended_at), ended_at):
        name = home.get(change.point.area)
        if name is not None:
            tallies[name].take(change)
    counts = {
        name: replace(
            tally.counts(),
            times=_times(connection, began_at, ended_at, positions[name]),
            severities=Counter(),
            points=Counter(),
            chattering=Counter(),
            fleeting=Counter(),
            waits_s=None,
        )
        for name, tally in tallies.items()
    }
    _count(connection, began_at, ended_at, {area: counts[name] for area, name in home.items()})
    days = (ended_at - began_at) / DAY
    return AlarmReport(
        began_at=began_at,
        ended_at=ended_at,
        window_days=round(days, 3),
        enough_data=days >= LEAST_WINDOW_DAYS,
        positions=tuple(
            position_report(name, tuple(sorted(areas)), counts[name])
            for name, areas in positions.items()
        ),
    )


def _followed(connection: Connection, began_at: datetime, ended_at: datetime) -> list[str]:
    """Alerts that stand at the end, or reach into the window and were there for a stale one's time.

    `returned_s` is cut to whole seconds, so that none is missed; what is too much, counts nothing.
    """
    long_s = STALE_AFTER // timedelta(seconds=1)
    query = select(AlertRow.alert_id).where(
        AlertRow.raised_at < ended_at,
        or_(
            AlertRow.returned_at.is_(None),
            AlertRow.returned_at >= ended_at,
            (AlertRow.returned_at >= began_at) & (AlertRow.returned_s >= long_s),
        ),
        AlertRow.hazard != FLOOD_KIND,
    )
    return list(connection.execute(query).scalars())


def _count(
    connection: Connection, began_at: datetime, ended_at: datetime, by_area: Mapping[str, Counts]
) -> None:
    within = (
        RevisionRow.stored_at >= began_at,
        RevisionRow.stored_at < ended_at,
        RevisionRow.hazard != FLOOD_KIND,
    )
    asked = (
        select(*_POINT, RevisionRow.severity, func.count())
        .where(*within, RevisionRow.asks_anew)
        .group_by(*_POINT, RevisionRow.severity)
    )
    for area, hazard, rule_id, source, severity, number in connection.execute(asked):
        if (found := by_area.get(area)) is not None:
            found.severities[Severity(severity)] += number
            found.points[Point(area, hazard, rule_id, source)] += number
    for mark in (RevisionRow.chattering, RevisionRow.fleeting):
        marked = (
            select(*_POINT, func.count(RevisionRow.alert_id.distinct()))
            .where(*within, mark)
            .group_by(*_POINT)
        )
        for *names, number in connection.execute(marked):
            if (found := by_area.get(names[0])) is not None:
                points = found.chattering if mark is RevisionRow.chattering else found.fleeting
                points[Point(*names)] += number


def _times(
    connection: Connection, began_at: datetime, ended_at: datetime, areas: Collection[str]
) -> Times:
    """When each alarm of these areas asked for attention."""
    sqlite = connection.dialect.name == "sqlite"
    column = (
        type_coerce(RevisionRow.stored_at, String)
        if sqlite
        else cast(func.extract("epoch", RevisionRow.stored_at) * 1_000_000, BigInteger)
    )
    query = (
        select(column)
        .where(
            RevisionRow.stored_at >= began_at,
            RevisionRow.stored_at < ended_at,
            RevisionRow.asks_anew,
            RevisionRow.hazard != FLOOD_KIND,
            RevisionRow.area.in_(areas),
        )
        .order_by(RevisionRow.stored_at)
    )
    values = connection.execute(query).scalars().all()
    if sqlite:
        return np.array(values, dtype="datetime64[us]").astype(np.int64)
    return np.array(values, dtype=np.int64)
