"""What the figures of the alarm system are made from, read from the stored revisions.

The revisions of a window come from an index that holds all that is asked for: the payloads, a
hundred times as large, are not touched. Each function takes a connection of its caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from hazard.alarms.flood import FLOOD_KIND
from hazard.performance import AlarmChange, Point
from hazard.store.queries import OPEN_STATES
from hazard.store.tables import AlertRow, AuditRow, RevisionRow
from hazard.types import Cause, IsaState, Severity

QUIET = (Cause.WORDS.value, Cause.EVIDENCE.value)
"""Revisions of these causes change nothing that figures are made from."""

IDS_AT_ONCE = 500

_SEVERITIES = {each.value: each for each in Severity}
_STATES = {each.value: each for each in IsaState}


class Asked(NamedTuple):
    """One alarm that asked for attention, raised or again."""

    at: datetime
    alert_id: str
    area: str


def asked_since(connection: Connection, node: str, after: datetime) -> list[Asked]:
    """The node's alarms that asked for attention later than `after`, oldest first.

    Flood alerts are not among them: they never ask anew by `hazard.alarms.flood.asks_anew`.
    """
    query = (
        select(RevisionRow.stored_at, RevisionRow.alert_id, RevisionRow.area)
        .where(RevisionRow.stored_at > after, RevisionRow.asks_anew, RevisionRow.node == node)
        .order_by(RevisionRow.stored_at)
    )
    return [Asked(*row) for row in connection.execute(query)]


def recorded_since(connection: Connection) -> datetime | None:
    """Time of the first revision or line of the audit that this database holds; None: it is empty.

    The audit has no index by time: its first line is the one with the smallest number.
    """
    firsts = (
        connection.execute(select(func.min(RevisionRow.stored_at))).scalar_one(),
        connection.execute(
            select(AuditRow.at).order_by(AuditRow.audit_id).limit(1)
        ).scalar_one_or_none(),
    )
    return min((first for first in firsts if first is not None), default=None)


def alarm_changes(
    connection: Connection, began_at: datetime, ended_at: datetime
) -> Iterator[AlarmChange]:
    """The changes of all alarms that were not over at `began_at`, up to but not `ended_at`.

    First those before the window, of alarms that reach into it, then those of the window; each in
    the order in which they were stored. Flood alerts are left out.
    """
    rows = connection.execute(
        _figures().where(RevisionRow.stored_at >= began_at, RevisionRow.stored_at < ended_at)
    ).all()
    yield from changes_of(connection, _older_alerts(connection, rows, began_at, ended_at), began_at)
    yield from map(_change, rows)


_COLUMNS: tuple[InstrumentedAttribute[Any], ...] = (
    RevisionRow.stored_at,
    RevisionRow.alert_id,
    RevisionRow.revision,
    RevisionRow.severity,
    RevisionRow.state,
    RevisionRow.area,
    RevisionRow.hazard,
    RevisionRow.rule_id,
    RevisionRow.source,
    RevisionRow.acknowledged,
    RevisionRow.asks_anew,
    RevisionRow.chattering,
    RevisionRow.fleeting,
)


def _figures() -> Select[Any]:
    return (
        select(*_COLUMNS)
        .where(RevisionRow.cause.not_in(QUIET), RevisionRow.hazard != FLOOD_KIND)
        .order_by(RevisionRow.stored_at, RevisionRow.alert_id, RevisionRow.revision)
    )


def _older_alerts(
    connection: Connection, rows: Sequence[Row[Any]], began_at: datetime, ended_at: datetime
) -> list[str]:
    """Alerts that were raised before the window and not over when it began."""
    raised = {row.alert_id for row in rows if row.revision == 1}
    older = {row.alert_id for row in rows} - raised
    before = select(AlertRow.alert_id).where(AlertRow.raised_at < began_at)
    older.update(connection.execute(before.where(AlertRow.state.in_(OPEN_STATES))).scalars())
    newest = connection.execute(select(func.max(RevisionRow.stored_at))).scalar_one()
    if newest is not None and newest >= ended_at:
        older.update(connection.execute(before.where(AlertRow.returned_at >= ended_at)).scalars())
    return sorted(older)


def changes_of(
    connection: Connection, alert_ids: Sequence[str], before: datetime
) -> Iterator[AlarmChange]:
    """The changes of these alarms that were stored before then, in order for each of them."""
    for first in range(0, len(alert_ids), IDS_AT_ONCE):
        ids = alert_ids[first : first + IDS_AT_ONCE]
        query = _figures().where(RevisionRow.alert_id.in_(ids), RevisionRow.stored_at < before)
        yield from map(_change, connection.execute(query))


def _change(row: Row[Any]) -> AlarmChange:
    values: tuple[Any, ...] = tuple(row)
    at, alert_id, revision, severity, state = values[:5]
    point = Point(*values[5:9])
    return AlarmChange(
        at, alert_id, revision, _SEVERITIES[severity], _STATES[state], point, *values[9:]
    )
