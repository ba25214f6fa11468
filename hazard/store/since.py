"""What has changed since somebody was here: raised, escalated, returned to normal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, tuple_

from hazard.store.listing import facet_conditions, messages_of
from hazard.store.tables import Base, RevisionRow
from hazard.store.views import ENDED, AlertFilter
from hazard.types import AlertMessage, Cause, IsaState, Model, Severity

LOOKED_AT = 3000
"""Revisions that are looked at, the newest; what was before them is not told."""
SHOWN = 50


class Change(StrEnum):
    """What became of an alert meanwhile, the most important first."""

    ESCALATED = "escalated"
    RAISED = "raised"
    CLEARED = "cleared"


class Changes(Model):
    """What changed since a moment.

    Attributes:
        counts: alerts of each change; an alert that was raised and cleared counts in both.
        alerts: the worst of them, of the same severity those that still stand and then the newest
            first, with what became of each.
        whole: False where there was more than is looked at: the counts are then too low.
    """

    since: datetime
    counts: dict[Change, int]
    alerts: tuple[tuple[AlertMessage, tuple[Change, ...]], ...]
    whole: bool

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return any(self.counts.values())


def changes_since(connection: Connection, since: datetime) -> Changes:
    """Read from the index of the revisions (`ix_revision_figures`), never from its whole length."""
    query = (
        select(
            RevisionRow.alert_id,
            RevisionRow.revision,
            RevisionRow.cause,
            RevisionRow.severity,
            RevisionRow.state,
        )
        .where(RevisionRow.stored_at > since)
        .order_by(RevisionRow.stored_at.desc())
        .limit(LOOKED_AT + 1)
    )
    rows = connection.execute(query).all()
    whole = len(rows) <= LOOKED_AT
    became: dict[str, set[Change]] = {}
    oldest_first = rows[LOOKED_AT - 1 :: -1] if not whole else rows[::-1]
    before = _before(connection, oldest_first)
    lowest = {name: Severity(row.severity).rank for name, row in before.items() if row is not None}
    ranks: dict[str, int] = {}
    for row in oldest_first:  # severities are compared on their way
        found = became.pop(row.alert_id, set())
        became[row.alert_id] = found  # what changed last stands last
        rank = ranks[row.alert_id] = Severity(row.severity).rank
        if row.cause == Cause.RAISED:
            found.add(Change.RAISED)
        if row.cause == Cause.ESCALATED or rank > lowest.get(row.alert_id, rank):
            found.add(Change.ESCALATED)
        if row.state == IsaState.NORMAL:
            found.add(Change.CLEARED)
        else:
            found.discard(Change.CLEARED)
        lowest[row.alert_id] = min(rank, lowest.get(row.alert_id, rank))
    told = [alert_id for alert_id in reversed(became) if became[alert_id]]
    told.sort(key=lambda alert_id: (-ranks[alert_id], Change.CLEARED in became[alert_id]))
    messages = messages_of(connection, told[:SHOWN])
    return Changes(
        since=since,
        counts={change: sum(change in found for found in became.values()) for change in Change},
        alerts=tuple(
            (message, tuple(change for change in Change if change in became[message.alert_id]))
            for message in messages
        ),
        whole=whole,
    )


def came_since(connection: Connection, where: AlertFilter, since: datetime) -> int:
    """How many alerts have come to belong to a list since: they match now, and did not then.

    The newest revisions are looked at, as by `changes_since`. What somebody has said of a case, and
    words, are taken as they are now.
    """
    query = (
        select(RevisionRow.alert_id, RevisionRow.revision)
        .where(RevisionRow.stored_at > since)
        .order_by(RevisionRow.stored_at.desc())
        .limit(LOOKED_AT)
    )
    then = _before(connection, connection.execute(query).all()[::-1])
    table = Base.metadata.tables["alert"]
    matching = select(table.c.alert_id).where(
        table.c.alert_id.in_(then), *facet_conditions(where, table)
    )
    if where.after is not None:
        matching = matching.where(table.c.raised_at >= where.after)
    if where.before is not None:
        matching = matching.where(table.c.raised_at < where.before)
    now = connection.execute(matching).scalars()
    return sum(not _belonged(then[alert_id], where) for alert_id in now)


def _belonged(then: Any, where: AlertFilter) -> bool:
    """Whether an alert matched as it was in that revision; None: it was not there yet."""
    if then is None:
        return False
    severity = Severity(then.severity)
    return (
        (where.active is None or where.active == (then.state != ENDED))
        and (where.min_severity is None or severity.rank >= where.min_severity.rank)
        and (not where.states or then.state in where.states)
        and (not where.severities or severity in where.severities)
        and (not where.decided_by or then.decided_by in where.decided_by)
    )


def _before(connection: Connection, oldest_first: Sequence[Any]) -> dict[str, Any]:
    """What each alert was before the first of these revisions; None for one that was not there."""
    first: dict[str, int] = {}
    for row in oldest_first:
        first.setdefault(row.alert_id, row.revision)
    wanted = [(alert_id, number - 1) for alert_id, number in first.items() if number > 1]
    query = select(
        RevisionRow.alert_id, RevisionRow.severity, RevisionRow.state, RevisionRow.decided_by
    ).where(tuple_(RevisionRow.alert_id, RevisionRow.revision).in_(wanted))
    rows = connection.execute(query).all() if wanted else []
    found = {row.alert_id: row for row in rows}
    return {alert_id: found.get(alert_id) for alert_id in first}
