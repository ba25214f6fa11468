"""Rows of a life as the product's own store writes them, with gaps for ids and times."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Text, select, type_coerce

from edge_agent.bench.dashboard.lives import BORN, NODE, Life, lives
from hazard.store import Store
from hazard.store.apply import apply
from hazard.store.engine import make_engine, store_url
from hazard.store.operations import (
    Operation,
    SaveAssessment,
    SaveIncident,
    WriteRevision,
    number,
)
from hazard.store.side_tables import AlertTextRow
from hazard.store.statements import JsonText
from hazard.store.store import no_outbox
from hazard.store.tables import (
    AlertRow,
    AssessmentRow,
    AuditRow,
    Base,
    CaseFileRow,
    IncidentRow,
    RevisionRow,
)
from hazard.store.words import first_number

TABLES: tuple[type[Base], ...] = (
    IncidentRow,
    AlertRow,
    RevisionRow,
    AssessmentRow,
    CaseFileRow,
    AlertTextRow,
    AuditRow,
)
"""What is filled, in the order of the references."""
BUSY_MS = 5000
Row = dict[str, Any]
_TIME = re.compile(r"2001-01-01T(\d\d):(\d\d):(\d\d)Z")
_ID = re.compile(r"qq([aisen])qq")


@dataclass(frozen=True, slots=True)
class Placed:
    """One alert that takes a pattern: its id, number and time.

    Attributes:
        whole: with every revision and audit line, not only the first and the last revision.
    """

    name: str
    number: int
    raised_at: datetime
    whole: bool


class _Known(dict[str, str]):
    """What stands in the gaps of one alert's rows; times are made when they are asked for."""

    def __init__(self, alert: Placed) -> None:
        name = alert.name
        super().__init__(a=name, i=f"i{name}", s=f"s{name}", e=f"e{name}", n=f"{alert.number:07d}")
        self.raised_at = alert.raised_at

    def __missing__(self, key: str) -> str:
        text = (self.raised_at + timedelta(seconds=int(key))).isoformat()
        self[key] = text
        return text


_Gap = Callable[[_Known], Any]
Stamp = Callable[[datetime], Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """One row of a life: its values in the table's order, and those that have gaps."""

    table: type[Base]
    values: tuple[Any, ...]
    gaps: tuple[tuple[int, _Gap], ...]
    between: bool
    own: int


class Pattern:
    """The rows of one life. `stamp` writes a time as the database takes it."""

    def __init__(self, life: Life, rows: Sequence[tuple[type[Base], Row]], stamp: Stamp) -> None:
        self.over = life.over
        self.revisions = len(life.steps)
        self._parts = [self._part(table, row, stamp) for table, row in rows]

    def _part(self, table: type[Base], row: Row, stamp: Stamp) -> _Part:
        filled = [_gap(value, stamp) for value in row.values()]
        numbered = {RevisionRow: "sequence", AlertTextRow: "alert_no"}.get(table)
        return _Part(
            table=table,
            values=tuple(None if callable(value) else value for value in filled),
            gaps=tuple((at, value) for at, value in enumerate(filled) if callable(value)),
            between=table is AuditRow
            or (table is RevisionRow and row["revision"] not in (1, self.revisions)),
            own=list(row).index(numbered) if numbered else -1,
        )

    def rows(self, alert: Placed, sequence: int) -> Iterator[tuple[type[Base], list[Any]]]:
        """Values of the columns of one alert's rows; `sequence` is the highest of those before."""
        known = _Known(alert)
        for part in self._parts:
            if part.between and not alert.whole:
                continue
            row = list(part.values)
            for at, gap in part.gaps:
                row[at] = gap(known)
            if part.table is RevisionRow:
                row[part.own] += sequence
            elif part.table is AlertTextRow:
                row[part.own] = first_number(alert.raised_at)
            yield part.table, row


def patterns(stamp: Stamp) -> list[Pattern]:
    """The rows of every life, read back from a database that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="hazard-rows-") as folder:
        file = Path(folder) / "rows.db"
        with Store.open(file, node=NODE):
            pass  # the schema
        engine = make_engine(store_url(file), busy_ms=BUSY_MS, sync="NORMAL")
        try:
            made = []
            for life in lives():
                with engine.connect() as connection:
                    apply(connection, _operations(life))
                    made.append(Pattern(life, list(_read(connection)), stamp))
                    connection.rollback()
            return made
        finally:
            engine.dispose()


def _operations(life: Life) -> list[Operation]:
    done: list[Operation] = [SaveIncident(incident=life.incident)]
    for last, step in enumerate(life.steps):
        write = WriteRevision(
            message=step.message, alarm=step.alarm, actor=step.actor, text=step.text
        )
        stored_at = BORN + step.after
        done += number([write], last, stored_at=stored_at, durability="store", render=no_outbox)
    return [*done, SaveAssessment(assessment=life.assessment)]


def _read(connection: Connection) -> Iterator[tuple[type[Base], Row]]:
    for table in TABLES:
        columns = Base.metadata.tables[table.__tablename__].columns
        texts = {column.name for column in columns if isinstance(column.type, JSON)}
        query = select(
            *(type_coerce(c, Text).label(c.name) if c.name in texts else c for c in columns)
        )
        key = next(iter(columns)) if table is not RevisionRow else RevisionRow.revision
        for row in connection.execute(query.order_by(key)).mappings():
            yield table, {k: JsonText(v) if k in texts else v for k, v in row.items()}


# ---------------------------------------------------------------- gaps


def _gap(value: Any, stamp: Stamp) -> Any:
    """What fills the value's gaps, or the value itself where it has none."""
    if isinstance(value, JsonText):
        return _gap(_without_empty(value.text), stamp)
    if isinstance(value, datetime):
        after = value - BORN
        return lambda known: stamp(known.raised_at + after)
    if isinstance(value, str) and (_ID.search(value) or _TIME.search(value)):
        pattern = _ID.sub(r"%(\1)s", _TIME.sub(_after, value.replace("%", "%%")))
        return lambda known: pattern % known
    return value


def _after(time: re.Match[str]) -> str:
    hours, minutes, seconds = (int(part) for part in time.groups())
    return f"%({hours * 3600 + minutes * 60 + seconds})s"


def _without_empty(text: str) -> str:
    """JSON without what is null or an empty list: half the size, and read as the same."""
    kept = {key: value for key, value in json.loads(text).items() if value not in (None, [])}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
