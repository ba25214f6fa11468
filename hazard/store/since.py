"""What has changed since somebody was here: raised, escalated, returned to normal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, tuple_

from hazard.store.listing import messages_of
from hazard.store.tables import RevisionRow
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
        alerts: the newest of them, with what became of each.
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
    lowest = _before(connection, oldest_first)
    for row in oldest_first:  # severities are compared on their way
        found = became.setdefault(row.alert_id, set())
        rank = Severity(row.severity).rank
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


def _before(connection: Connection, oldest_first: Sequence[Any]) -> dict[str, int]:
    """The rank of the severity that each alert had before the first of these revisions."""
    first: dict[str, int] = {}
    for row in oldest_first:
        first.setdefault(row.alert_id, row.revision)
    wanted = [(alert_id, number - 1) for alert_id, number in first.items() if number > 1]
    query = select(RevisionRow.alert_id, RevisionRow.severity).where(
        tuple_(RevisionRow.alert_id, RevisionRow.revision).in_(wanted)
    )
    rows = connection.execute(query) if wanted else ()
    return {row.alert_id: Severity(row.severity).rank for row in rows}
