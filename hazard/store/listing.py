"""The list of alarms: filters, orders and pages, as quick with a million alerts as with a thousand.

Lists go by facets (`hazard.store.facets`): the combinations of area, kind, severity, state and so
on, some hundreds whatever the number of alerts. A filter chooses facets and an order groups them;
in each facet the index `ix_alert_facet` holds the alerts by the time raised. A page asks each facet
for its newest alert, and only the facets with the newest ones for more: it never reads alerts that
do not match, and never counts or skips those before it. Pages go by key, so no alert is shown twice
or left out when new ones arrive meanwhile. Words are looked for in `hazard.store.search`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, func, select

from hazard.errors import StoreError
from hazard.store import search
from hazard.store.search import Look, anywhere, found_by_words, moment_of
from hazard.store.strands import Alerts, Key, newest_of, within
from hazard.store.tables import AlertRow, Base
from hazard.store.views import (
    ENDED,
    MAX_PAGE,
    OPEN_STATES,
    SUPPRESSED,
    UNACKNOWLEDGED,
    AlertFilter,
    AlertPage,
    Counted,
    Order,
)
from hazard.store.words import normalised
from hazard.types import AlertMessage, IsaState

COUNTED = 2000
"""Alerts of a time range that are counted; more are said to be more."""
_FACETS = Base.metadata.tables["alert_facet"]
_STAGES: Mapping[str, int] = {
    **dict.fromkeys(OPEN_STATES, 1),
    **dict.fromkeys(UNACKNOWLEDGED, 0),
    **dict.fromkeys(SUPPRESSED, 2),
    ENDED: 3,
}
_STATES = sorted(IsaState, key=lambda state: (_STAGES[state.value], list(IsaState).index(state)))
_PLACES = {state.value: place for place, state in enumerate(_STATES)}


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, or its reverse: of `raised` the oldest first, of others the last group first."""

    by: Order = Order.RAISED
    reverse: bool = False


NEWEST_FIRST = Ordered()

_GroupKey = tuple[int | str, ...]
_COLUMNS: Mapping[Order, tuple[str, ...]] = {
    Order.ATTENTION: ("state", "severity_rank"),
    Order.RAISED: (),
    Order.SEVERITY: ("severity_rank",),
    Order.AREA: ("area",),
    Order.HAZARD: ("hazard",),
    Order.STATE: ("state",),
}
_KEYS: Mapping[Order, Callable[[Any], _GroupKey]] = {
    Order.ATTENTION: lambda row: (_STAGES[row.state], -row.severity_rank),
    Order.RAISED: lambda _row: (),
    Order.SEVERITY: lambda row: (-row.severity_rank,),
    Order.AREA: lambda row: (row.area,),
    Order.HAZARD: lambda row: (row.hazard,),
    Order.STATE: lambda row: (_PLACES[row.state],),
}


@dataclass(slots=True)
class _Group:
    """Facets that are equal in the order: the values of its columns, and how many alerts."""

    key: _GroupKey
    values: list[tuple[Any, ...]] = field(default_factory=list)
    alerts: int = 0

    def conditions(self, order: Order) -> list[ColumnElement[bool]]:
        columns = _COLUMNS[order]
        return [
            _FACETS.c[column].in_({value[place] for value in self.values})
            for place, column in enumerate(columns)
        ]


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page ended: the group, and the last alert's key in it (None: its beginning)."""

    group: _GroupKey
    after: Key | int | None


def list_page(
    connection: Connection, where: AlertFilter, order: Ordered, *, page: str | None, limit: int
) -> AlertPage:
    """One page of alerts.

    Raises:
        StoreError: if `page` is not one that this function gave for this order.
    """
    limit = max(1, min(limit, MAX_PAGE))
    mark = _read_mark(page, where, order) if page is not None else None
    words = normalised(where.text)
    if where.text and not words:
        return AlertPage(alerts=(), next_page=None)
    alerts: list[str] = []
    searched_to = None
    last: _Mark | None = None
    groups = _groups(connection, where, order, mark)
    if words and len(groups) > 1 and not anywhere(connection, tuple(words)):
        return AlertPage(alerts=(), next_page=None)
    if not words and sum(group.alerts for group in groups) <= search.FEW:
        return _short_list(connection, where, order, mark, limit)
    for group in groups:
        after = mark.after if mark is not None and mark.group == group.key else None
        wanted = limit + 1 - len(alerts)
        chosen = Alerts(
            facets=(*facet_conditions(where), *group.conditions(order.by)),
            after=where.after,
            before=where.before,
            oldest_first=order.by is Order.RAISED and order.reverse,
        )
        if words:
            implied = _implied(where, order, group)
            look = Look(words=tuple(words), implied=implied, alerts=group.alerts)
            found = found_by_words(connection, chosen, look, _number(after), wanted)
            keys: list[Key | int] = [number for number, _ in found.alerts]
            names = [name for _, name in found.alerts]
            stopped = found.stopped_at
        else:
            rows = newest_of(connection, chosen, _key(after), wanted)
            keys, names, stopped = list(rows), [row.alert_id for row in rows], None
        room = limit - len(alerts)
        alerts += names[:room]
        if len(names) > room:
            last = _Mark(group.key, keys[room - 1] if room else None)
            break
        if stopped is not None:
            last, searched_to = _Mark(group.key, stopped), moment_of(stopped)
            break
    return AlertPage(
        alerts=messages_of(connection, alerts),
        next_page=None if last is None else _write_mark(last, where, order),
        searched_to=searched_to,
    )


def _short_list(
    connection: Connection, where: AlertFilter, order: Ordered, mark: _Mark | None, limit: int
) -> AlertPage:
    """A page of so few alerts that all are read at once, and put in order here."""
    chosen = Alerts(facets=facet_conditions(where), after=where.after, before=where.before)
    ids = connection.execute(within(connection, chosen, None)).scalars().all()
    columns = [getattr(AlertRow, name) for name in _COLUMNS[order.by]]
    query = select(AlertRow.alert_id, AlertRow.raised_at, *columns)
    rows = connection.execute(query.where(AlertRow.alert_id.in_(ids))).all() if ids else []
    found = [(_KEYS[order.by](row), Key(row.raised_at, row.alert_id)) for row in rows]
    oldest_first = order.by is Order.RAISED and order.reverse
    backwards = order.reverse and not oldest_first
    found.sort(key=lambda each: each[1], reverse=not oldest_first)
    found.sort(key=lambda each: each[0], reverse=backwards)  # stable: in a group as before
    if mark is not None:
        found = [each for each in found if _is_behind(each, mark, order)]
    shown = found[:limit]
    last = _Mark(*shown[-1]) if len(found) > limit else None
    return AlertPage(
        alerts=messages_of(connection, [key.alert_id for _, key in shown]),
        next_page=None if last is None else _write_mark(last, where, order),
    )


def _is_behind(each: tuple[_GroupKey, Key], mark: _Mark, order: Ordered) -> bool:
    group, key = each
    if group != mark.group:
        return group < mark.group if order.reverse else group > mark.group
    if not isinstance(mark.after, Key):
        return True
    oldest_first = order.by is Order.RAISED and order.reverse
    return key > mark.after if oldest_first else key < mark.after


def _implied(where: AlertFilter, order: Ordered, group: _Group) -> tuple[str, ...]:
    """The words of the one area and the one kind of hazard that all alerts of the group are of."""
    of_group = {Order.AREA: "area", Order.HAZARD: "hazard"}.get(order.by)
    named = {"area": where.areas, "hazard": where.hazards}
    if of_group is not None:
        named[of_group] = (str(group.key[0]),)
    single = [names[0] for names in named.values() if len(names) == 1]
    return tuple(word for name in single for word in normalised(name))


def count(connection: Connection, where: AlertFilter, *, at_most: int | None = None) -> Counted:
    """How many alerts match, whatever their words: of a time range counted to `at_most`."""
    conditions = facet_conditions(where)
    if where.after is None and where.before is None:
        query = select(func.coalesce(func.sum(_FACETS.c.alerts), 0)).where(*conditions)
        return Counted(number=int(connection.execute(query).scalar_one()))
    chosen = Alerts(facets=tuple(conditions), after=where.after, before=where.before)
    rows = within(connection, chosen, None if at_most is None else at_most + 1)
    number = int(connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one())
    if at_most is not None and number > at_most:
        return Counted(number=at_most, more=True)
    return Counted(number=number)


def facet_conditions(where: AlertFilter, table: FromClause = _FACETS) -> list[ColumnElement[bool]]:
    """Which facets a filter chooses, as conditions on their table, or on that of the alerts."""
    facet = table.c
    found: list[ColumnElement[bool]] = []
    if where.active is not None:
        found.append(facet.state.in_(OPEN_STATES) if where.active else facet.state == ENDED)
    if where.min_severity is not None:
        found.append(facet.severity_rank >= where.min_severity.rank)
    if where.case_closed is not None:
        found.append(facet.case_closed.is_(where.case_closed))
    for column, values in (
        (facet.area, where.areas),
        (facet.hazard, where.hazards),
        (facet.state, [state.value for state in where.states]),
        (facet.severity_rank, [severity.rank for severity in where.severities]),
        (facet.decided_by, [each.value for each in where.decided_by]),
        (facet.node, where.nodes),
    ):
        if values:
            found.append(column.in_(values))
    return found


def _groups(
    connection: Connection, where: AlertFilter, order: Ordered, mark: _Mark | None
) -> list[_Group]:
    """The groups of facets that have alerts, in order, from where the last page ended."""
    columns = [_FACETS.c[name] for name in _COLUMNS[order.by]]
    total = func.sum(_FACETS.c.alerts).label("alerts")
    query = select(*columns, total).where(*facet_conditions(where)).group_by(*columns)
    groups: dict[_GroupKey, _Group] = {}
    for row in connection.execute(query):
        if not row.alerts:
            continue
        key = _KEYS[order.by](row)
        group = groups.setdefault(key, _Group(key))
        group.values.append(tuple(row)[:-1])
        group.alerts += int(row.alerts)
    backwards = order.reverse and order.by is not Order.RAISED
    found = sorted(groups.values(), key=lambda group: group.key, reverse=backwards)
    if mark is None:
        return found
    start = mark.group
    return [each for each in found if (each.key <= start if backwards else each.key >= start)]


def messages_of(connection: Connection, alerts: Sequence[str]) -> tuple[AlertMessage, ...]:
    """These alerts as they are now, in this order; unknown ones are left out."""
    query = select(AlertRow.alert_id, AlertRow.payload).where(AlertRow.alert_id.in_(alerts))
    found = {row.alert_id: row.payload for row in connection.execute(query)} if alerts else {}
    return tuple(AlertMessage.model_validate(found[alert]) for alert in alerts if alert in found)


# ---------------------------------------------------------------- marks


def _key(after: Key | int | None) -> Key | None:
    return after if isinstance(after, Key) else None


def _number(after: Key | int | None) -> int | None:
    return after if isinstance(after, int) else None


def _write_mark(mark: _Mark, where: AlertFilter, order: Ordered) -> str:
    after: Any = mark.after
    if isinstance(after, Key):
        after = [after.raised_at.isoformat(), after.alert_id]
    parts = [order.by.value, order.reverse, bool(where.text), list(mark.group), after]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode()


def _read_mark(page: str, where: AlertFilter, order: Ordered) -> _Mark:
    fault = StoreError("page is not one that an earlier list gave: start without it")
    try:
        by, reverse, by_words, group, after = json.loads(base64.urlsafe_b64decode(page.encode()))
        if isinstance(after, list):
            raised_at, alert_id = after
            after = Key(datetime.fromisoformat(raised_at), str(alert_id))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise fault from error
    if [by, reverse, by_words] != [order.by.value, order.reverse, bool(where.text)]:
        raise fault
    if isinstance(after, Key):
        fits = after.raised_at.tzinfo is not None and not by_words
    else:
        fits = after is None or (type(after) is int and by_words and abs(after) < 2**63)
    kinds = [type(value) for value in group] if isinstance(group, list) else [None]
    if not fits or kinds != _KINDS[order.by]:
        raise fault
    return _Mark(tuple(group), after)


_KINDS: Mapping[Order, list[type]] = {
    Order.ATTENTION: [int, int],
    Order.RAISED: [],
    Order.SEVERITY: [int],
    Order.AREA: [str],
    Order.HAZARD: [str],
    Order.STATE: [int],
}
