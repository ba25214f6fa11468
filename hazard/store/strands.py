"""The newest alerts of chosen facets, each asked for through the index that lies behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Join, Select, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from hazard.store.tables import FACET, Base

_FACETS = Base.metadata.tables["alert_facet"]
_ALERTS = Base.metadata.tables["alert"]


class Key(NamedTuple):
    """What alerts are ordered by."""

    raised_at: datetime
    alert_id: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """Which alerts are meant.

    Attributes:
        facets: conditions on the table of facets.
        after: raised then or later.
        before: raised earlier.
    """

    facets: Sequence[ColumnElement[bool]] = ()
    after: datetime | None = None
    before: datetime | None = None
    oldest_first: bool = False


def newest_of(connection: Connection, chosen: Alerts, after: Key | None, limit: int) -> list[Key]:
    """The newest alerts, in order; `after` is the last one of those before."""
    strands = _first_of_each(connection, chosen, after, limit)
    if not strands:
        return []
    bounds = list(_bounds(chosen, after))
    if len(strands) >= limit:  # nothing behind the last of them can be among the newest
        far = strands[-1][1]
        bounds.append(
            _ALERTS.c.raised_at <= far if chosen.oldest_first else _ALERTS.c.raised_at >= far
        )
    query = _some_of_each(connection, [strand for strand, _ in strands], bounds, chosen, limit)
    return [Key(row.raised_at, row.alert_id) for row in connection.execute(query)]


def within(connection: Connection, chosen: Alerts, limit: int | None) -> Select[Any]:
    """The alerts that are meant, in no order, at most so many: to count them, or look at them."""
    some = (
        select(_ALERTS.c.alert_id, _ALERTS.c.raised_at)
        .where(*_behind(), *_bounds(chosen, None))
        .limit(limit)
        .correlate(_FACETS)
    )
    alerts, joined = _joined(connection, some)
    return select(alerts.c.alert_id).select_from(joined).where(*chosen.facets).limit(limit)


def _first_of_each(
    connection: Connection, chosen: Alerts, after: Key | None, limit: int
) -> list[tuple[int, datetime]]:
    """The facets with the newest alerts, and the time of the newest of each.

    They are `limit` at most, but for others with an alert of the last one's very moment.
    """
    first = (
        select(_ALERTS.c.raised_at)
        .where(*_behind(), *_bounds(chosen, after))
        .order_by(*_order(chosen)[:1])
        .limit(1)
        .correlate(_FACETS)
        .scalar_subquery()
    )
    heads = select(_FACETS.c.facet_id, first.label("head")).where(*chosen.facets).subquery()
    order = heads.c.head if chosen.oldest_first else heads.c.head.desc()
    query = select(heads).where(heads.c.head.is_not(None)).order_by(order)
    found = [(row.facet_id, row.head) for row in connection.execute(query.limit(limit + 1))]
    if len(found) <= limit:
        return found
    far = found[limit - 1][1]
    if found[limit][1] != far:
        return found[:limit]
    rows = ((row.facet_id, row.head) for row in connection.execute(query))
    return [
        (facet, head) for place, (facet, head) in enumerate(rows) if place < limit or head == far
    ]


def _some_of_each(
    connection: Connection,
    strands: Sequence[int],
    bounds: Sequence[ColumnElement[bool]],
    chosen: Alerts,
    limit: int,
) -> Select[Any]:
    some = (
        select(_ALERTS.c.alert_id, _ALERTS.c.raised_at)
        .where(*_behind(), *bounds)
        .order_by(*_order(chosen))
        .limit(limit)
        .correlate(_FACETS)
    )
    alerts, joined = _joined(connection, some)
    order = alerts.c.raised_at, alerts.c.alert_id
    return (
        select(alerts.c.alert_id, alerts.c.raised_at)
        .select_from(joined)
        .where(_FACETS.c.facet_id.in_(strands))
        .order_by(*(each if chosen.oldest_first else each.desc() for each in order))
        .limit(limit)
    )


def _joined(connection: Connection, some: Select[Any]) -> tuple[Any, FromClause]:
    """The facets, each with some of its alerts: these as a table, and the join of both.

    So the facets are read first: SQLite knows no numbers of rows, and would begin at the alerts.
    """
    if connection.dialect.name == "postgresql":
        alerts: Any = some.lateral("some")
        return alerts, _FACETS.join(alerts, true())
    alerts = _ALERTS.alias("some")  # SQLite has no LATERAL: each alert is looked up by its key
    behind = alerts.c.alert_id.in_(some.with_only_columns(_ALERTS.c.alert_id))
    return alerts, _InOrder(_FACETS, alerts, behind)


class _InOrder(Join):
    """A join whose left side is read first, which SQLite promises of CROSS JOIN alone."""

    inherit_cache = True


@compiles(_InOrder, "sqlite")
def _in_order(join: _InOrder, compiler: SQLCompiler, **words: Any) -> str:
    text: str = compiler.visit_join(join, **words)  # type: ignore[no-untyped-call]
    return text.replace(" JOIN ", " CROSS JOIN ", 1)


def _behind() -> list[ColumnElement[bool]]:
    """That an alert is of a facet."""
    return [_ALERTS.c[name] == _FACETS.c[name] for name in FACET]


def _order(chosen: Alerts) -> list[ColumnElement[Any]]:
    columns = [_ALERTS.c.raised_at, _ALERTS.c.alert_id]
    return [column.asc() if chosen.oldest_first else column.desc() for column in columns]


def _bounds(chosen: Alerts, after: Key | None) -> list[ColumnElement[bool]]:
    """The range of time, as the index takes it, and behind the last alert that was shown."""
    raised_at, alert_id = _ALERTS.c.raised_at, _ALERTS.c.alert_id
    found: list[ColumnElement[bool]] = []
    if chosen.after is not None:
        found.append(raised_at >= chosen.after)
    if chosen.before is not None:
        found.append(raised_at < chosen.before)
    if after is not None and chosen.oldest_first:
        found += [
            raised_at >= after.raised_at,
            or_(raised_at > after.raised_at, alert_id > after.alert_id),
        ]
    elif after is not None:
        found += [
            raised_at <= after.raised_at,
            or_(raised_at < after.raised_at, alert_id < after.alert_id),
        ]
    return found
