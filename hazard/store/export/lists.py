"""Lists of alerts, revisions, readings and audit lines, read page by page.

Each page is a read of its own, so that an export of a million rows holds up nobody, and begins
where the last one ended: what is written meanwhile is in it or not, but never twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from hazard.errors import StoreError
from hazard.store.export.atomic import replacing
from hazard.store.export.writers import Column, Format, Line, open_writer
from hazard.store.side_tables import ReadingRow
from hazard.store.tables import AlertRow, AuditRow, Base, RevisionRow
from hazard.types import Model, Name, UtcTime

PAGE = 1000


class Kind(StrEnum):
    """What can be listed."""

    ALERTS = "alerts"
    REVISIONS = "revisions"
    READINGS = "readings"
    AUDIT = "audit"


class Where(Model):
    """Which rows: from a time on, up to but not another, in one area. None: all."""

    after: UtcTime | None = None
    before: UtcTime | None = None
    area: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """One kind: its table, the order of its pages, its columns, and a row as a line."""

    table: type[Base]
    order: tuple[InstrumentedAttribute[Any], ...]
    time: InstrumentedAttribute[Any]
    area: Callable[[str], ColumnElement[bool]] | None
    columns: tuple[Column, ...]
    line: Callable[[Mapping[str, Any]], Line]


def export_list(
    engine: Engine, kind: Kind, form: Format, target: Path, where: Where | None = None
) -> int:
    """Write a list to a file, which is there whole or not at all; gives the number of rows.

    Raises:
        StoreError: if the file cannot be written, or audit lines are asked for by area.
        SQLAlchemyError: if the database cannot be read.
    """
    what = _LISTS[kind]
    where = where or Where()
    if where.area is not None and what.area is None:
        raise StoreError(f"{kind.value} belong to no area: leave the area out")
    written = 0
    with replacing(target) as path, open_writer(form, path, what.columns) as writer:
        for page in _pages(engine, what, where):
            writer.write([what.line(row) for row in page])
            written += len(page)
    return written


def _pages(engine: Engine, what: _List, where: Where) -> Iterator[list[Mapping[str, Any]]]:
    last: tuple[Any, ...] | None = None
    while True:
        query = _filtered(select(what.table.__table__), what, where)
        if last is not None:
            seen = [literal(value, key.type) for value, key in zip(last, what.order, strict=True)]
            query = query.where(tuple_(*what.order) > tuple_(*seen))
        with engine.connect() as connection:
            found = connection.execute(query.order_by(*what.order).limit(PAGE))
            page: list[Mapping[str, Any]] = [dict(row) for row in found.mappings()]
        if page:
            yield page
        if len(page) < PAGE:
            return
        last = tuple(page[-1][key.key] for key in what.order)


def _filtered(query: Select[Any], what: _List, where: Where) -> Select[Any]:
    if where.after is not None:
        query = query.where(what.time >= where.after)
    if where.before is not None:
        query = query.where(what.time < where.before)
    if where.area is not None and what.area is not None:
        query = query.where(what.area(where.area))
    return query


# ---------------------------------------------------------------- the lines


def _alert(row: Mapping[str, Any]) -> Line:
    payload = row["payload"]
    case = payload.get("case") or {}
    words = payload.get("words") or {}
    return {
        **_alert_fields(payload),
        **{name: row[name] for name in ("alert_id", "incident_id", "site", "node", "area")},
        **{name: row[name] for name in ("hazard", "severity", "decided_by", "state", "revision")},
        "raised_at_utc": row["raised_at"],
        "updated_at_utc": row["updated_at"],
        "returned_at_utc": row["returned_at"],
        "case_assignee": case.get("assignee"),
        "case_cause": case.get("cause"),
        "case_closed_at_utc": _time(case.get("closed_at")),
        "summary": (words.get("summary") or {}),
    }


def _revision(row: Mapping[str, Any]) -> Line:
    payload = row["payload"]
    return {
        **_alert_fields(payload),
        **{name: row[name] for name in ("node", "sequence", "alert_id", "revision", "cause")},
        **{name: row[name] for name in ("severity", "decided_by", "state")},
        **{name: payload.get(name) for name in ("incident_id", "site", "area", "hazard")},
        "stored_at_utc": row["stored_at"],
        "message": payload,
    }


def _alert_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    names = ("floor", "default", "condition", "acknowledged", "acknowledged_by", "latched")
    return {
        **{name: payload.get(name) for name in names},
        "comment": payload.get("comment"),
        "reason": payload.get("reason"),
        "shelved_until_utc": _time(payload.get("shelved_until")),
        "shelved_by": payload.get("shelved_by"),
    }


def _reading(row: Mapping[str, Any]) -> Line:
    return {**row, "measured_at_utc": row["measured_at"]}


def _audit(row: Mapping[str, Any]) -> Line:
    return {**row, "at_utc": row["at"]}


def _time(text: str | None) -> UtcTime | None:
    return None if text is None else _Moment.model_validate({"at": text}).at


class _Moment(Model):
    at: UtcTime


_ALERT_FIELDS = (
    Column("floor"),
    Column("default"),
    Column("condition"),
    Column("acknowledged", "boolean"),
    Column("acknowledged_by"),
    Column("latched", "boolean"),
    Column("comment"),
    Column("reason"),
    Column("shelved_until_utc", "time"),
    Column("shelved_by"),
)

_LISTS = {
    Kind.ALERTS: _List(
        table=AlertRow,
        order=(AlertRow.raised_at, AlertRow.alert_id),
        time=AlertRow.raised_at,
        area=lambda area: AlertRow.area == area,
        columns=(
            *map(Column, ("alert_id", "incident_id", "site", "node", "area", "hazard")),
            *map(Column, ("severity", "decided_by", "state")),
            Column("revision", "integer"),
            *(Column(f"{when}_at_utc", "time") for when in ("raised", "updated", "returned")),
            *_ALERT_FIELDS,
            Column("case_assignee"),
            Column("case_cause"),
            Column("case_closed_at_utc", "time"),
            Column("summary", "json"),
        ),
        line=_alert,
    ),
    Kind.REVISIONS: _List(
        table=RevisionRow,
        order=(RevisionRow.stored_at, RevisionRow.alert_id, RevisionRow.revision),
        time=RevisionRow.stored_at,
        area=lambda area: RevisionRow.alert_id.in_(
            select(AlertRow.alert_id).where(AlertRow.area == area)
        ),
        columns=(
            *map(Column, ("site", "node")),
            Column("sequence", "integer"),
            Column("alert_id"),
            Column("revision", "integer"),
            Column("stored_at_utc", "time"),
            *map(Column, ("cause", "severity", "decided_by", "state")),
            *map(Column, ("incident_id", "area", "hazard")),
            *_ALERT_FIELDS,
            Column("message", "json"),
        ),
        line=_revision,
    ),
    Kind.READINGS: _List(
        table=ReadingRow,
        order=(ReadingRow.reading_id,),
        time=ReadingRow.measured_at,
        area=lambda area: ReadingRow.area == area,
        columns=(
            Column("reading_id", "integer"),
            *map(Column, ("sensor_id", "area", "quantity")),
            Column("value", "number"),
            *map(Column, ("unit", "quality")),
            Column("measured_at_utc", "time"),
        ),
        line=_reading,
    ),
    Kind.AUDIT: _List(
        table=AuditRow,
        order=(AuditRow.audit_id,),
        time=AuditRow.at,
        area=None,
        columns=(
            Column("audit_id", "integer"),
            *map(Column, ("node", "chain")),
            Column("at_utc", "time"),
            *map(Column, ("actor", "verb", "subject")),
            Column("details", "json"),
            *map(Column, ("previous_hash", "hash")),
        ),
        line=_audit,
    ),
}
