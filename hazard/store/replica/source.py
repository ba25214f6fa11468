"""The node's side of the replica: short reads of its SQLite file, which nothing waits for.

The connection is read-only and every read ends at once: in WAL mode no writer ever waits for it,
and it holds back no checkpoint for longer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    Text,
    create_engine,
    event,
    exists,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from hazard.errors import StoreError
from hazard.store.changes import KEY_SEPARATOR, LOGGED
from hazard.store.replica.portion import (
    Portion,
    Row,
    audit_cursor,
    changes_cursor,
    revisions_cursor,
)
from hazard.store.schema import current, head
from hazard.store.side_tables import StageHealthRow
from hazard.store.statements import JsonText
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    AuditRow,
    Base,
    CaseFileRow,
    ChangeRow,
    EvidenceRow,
    IncidentRow,
    RevisionRow,
)

PORTION = 200
"""Rows of each kind that are read at once: some milliseconds, some megabytes."""
BUSY_S = 1.0
COUNTED_AT_MOST = 10_000
"""Changes that are counted for health; more are as many for whoever reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """How far the replica is behind the node.

    Attributes:
        revisions: of this node, not copied yet.
        oldest_at: when the oldest of them was stored.
        audit_lines: not copied yet.
        changes: other changed rows, counted to `COUNTED_AT_MOST`.
    """

    revisions: int = 0
    oldest_at: datetime | None = None
    audit_lines: int = 0
    changes: int = 0

    def __bool__(self) -> bool:
        return bool(self.revisions or self.audit_lines or self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How far a database is, by which it is known again.

    Attributes:
        last_sequence: the highest sequence of this node.
        audit_hash: hash of the audit line that was asked for, or None if there is none.
    """

    last_sequence: int
    audit_hash: str | None


class Source:
    """Reads of one node's database; each raises a StoreError if the file cannot be read now.

    Args:
        database: the SQLite file.
        node: what this box is called: audit and requests have its name on the replica.
    """

    def __init__(self, database: Path, node: str) -> None:
        self.node = node
        self._database = database
        self._version = head()
        # No pool: a database that was put back from a backup is a new file under the old name.
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        event.listen(self._engine, "begin", lambda link: link.exec_driver_sql("BEGIN"))

    def _connect(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self._database.absolute()))}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(
                f"{self._database} cannot be read ({getattr(error, 'orig', None) or error}): "
                "see the stage `store`"
            ) from error

    # ------------------------------------------------------------ who

    def nodes(self) -> tuple[str, ...]:
        """The names under which this box has written revisions: earlier ones, and its own.

        Raises:
            StoreError: if the database is not of this program's version.
        """
        found: list[str] = []
        with self._read() as connection:
            version = current(connection)
            if version != self._version:
                raise StoreError(
                    f"{self._database} has version {version}, not {self._version}: "
                    "the agent brings it up to date when it starts"
                )
            query = select(func.min(RevisionRow.node))
            name = connection.execute(query).scalar_one()
            while name is not None:
                found.append(name)
                name = connection.execute(query.where(RevisionRow.node > name)).scalar_one()
        return tuple(dict.fromkeys((*found, self.node)))

    def stand(self, audit_id: int) -> Stand:
        """What tells this database from another one that has taken its place."""
        line = select(AuditRow.hash).where(AuditRow.audit_id == audit_id)
        with self._read() as connection:
            return Stand(
                last_sequence=_last_sequence(connection, self.node),
                audit_hash=connection.execute(line).scalar_one_or_none(),
            )

    def has_line(self, digest: str, up_to: int) -> bool:
        """Whether an audit line of that hash is among the last ones up to `up_to`."""
        query = select(AuditRow.audit_id).where(
            AuditRow.audit_id.between(up_to - PORTION, up_to), AuditRow.hash == digest
        )
        with self._read() as connection:
            return connection.execute(query.limit(1)).one_or_none() is not None

    # ------------------------------------------------------------ rows

    def read(self, positions: Mapping[str, int]) -> Portion:
        """The next rows behind the positions (cursor to position), with what they refer to."""
        portion = Portion(self.node)
        with self._read() as connection:
            for cursor, after in positions.items():
                if cursor == audit_cursor(self.node):
                    _read_audit(connection, portion, cursor, after)
                elif cursor == changes_cursor(self.node):
                    _read_changes(connection, portion, cursor, after)
                else:
                    logged = positions.get(changes_cursor(self.node), 0)
                    _read_revisions(connection, portion, cursor, after, logged)
            _add_incidents(connection, portion)
        return portion

    def health(self) -> list[Row]:
        """The last word of each stage."""
        query = _select(StageHealthRow).where(StageHealthRow.node == self.node)
        with self._read() as connection:
            return _rows(connection, StageHealthRow, query)

    def behind(self, positions: Mapping[str, int]) -> Behind:
        """What waits behind the positions."""
        after = positions.get(revisions_cursor(self.node), 0)
        oldest = (
            select(RevisionRow.stored_at)
            .where(RevisionRow.node == self.node, RevisionRow.sequence > after)
            .order_by(RevisionRow.sequence)
            .limit(1)
        )
        changed = (
            select(literal(1))
            .where(ChangeRow.change_id > positions.get(changes_cursor(self.node), 0))
            .limit(COUNTED_AT_MOST)
        )
        count = select(func.count()).select_from(changed.subquery())
        with self._read() as connection:
            line = connection.execute(select(func.max(AuditRow.audit_id))).scalar_one() or 0
            return Behind(
                revisions=max(0, _last_sequence(connection, self.node) - after),
                oldest_at=connection.execute(oldest).scalar_one_or_none(),
                audit_lines=max(0, line - positions.get(audit_cursor(self.node), 0)),
                changes=int(connection.execute(count).scalar_one()),
            )


def _last_sequence(connection: Connection, node: str) -> int:
    query = select(func.max(RevisionRow.sequence)).where(RevisionRow.node == node)
    return int(connection.execute(query).scalar_one() or 0)


def _read_revisions(
    connection: Connection, portion: Portion, cursor: str, after: int, logged: int
) -> None:
    node = cursor.removeprefix(revisions_cursor(""))
    query = _select(RevisionRow).where(RevisionRow.node == node, RevisionRow.sequence > after)
    rows = _rows(connection, RevisionRow, query.order_by(RevisionRow.sequence).limit(PORTION))
    if not rows:
        return
    _move(portion, cursor, after, rows[-1]["sequence"], len(rows))
    portion.add(RevisionRow, rows)
    alerts = {row["alert_id"] for row in rows}
    found = _rows(connection, AlertRow, _select(AlertRow).where(AlertRow.alert_id.in_(alerts)))
    portion.add(AlertRow, found)
    cases = _select(CaseFileRow).where(CaseFileRow.alert_id.in_(alerts))
    portion.add(CaseFileRow, _rows(connection, CaseFileRow, cases))
    incidents = {row["incident_id"] for row in found}
    # Only what the log has not given yet: an incident that lasts for hours may have thousands.
    assessments = _select(AssessmentRow).where(
        AssessmentRow.incident_id.in_(incidents), _logged_after(AssessmentRow, logged)
    )
    portion.add(AssessmentRow, _rows(connection, AssessmentRow, assessments))
    evidence = _select(EvidenceRow).where(
        EvidenceRow.incident_id.in_(incidents), _logged_after(EvidenceRow, logged)
    )
    portion.add(EvidenceRow, _rows(connection, EvidenceRow, evidence))


def _read_changes(connection: Connection, portion: Portion, cursor: str, after: int) -> None:
    query = (
        select(ChangeRow.change_id, ChangeRow.source, ChangeRow.key)
        .where(ChangeRow.change_id > after)
        .order_by(ChangeRow.change_id)
        .limit(PORTION)
    )
    changes = connection.execute(query).all()
    if not changes:
        return
    _move(portion, cursor, after, changes[-1].change_id, len(changes))
    for table, names in LOGGED.items():
        keys = [
            tuple(change.key.split(KEY_SEPARATOR))
            for change in changes
            if change.source == table.__tablename__
        ]
        if not keys:
            continue
        columns = [table.__table__.columns[name] for name in names]
        # The first column finds the rows by the table's key, the whole tells them apart.
        changed = _select(table).where(columns[0].in_({key[0] for key in keys}))
        rows = _rows(connection, table, changed.where(tuple_(*columns).in_(keys)))
        if table is ActionRequestRow:
            rows = [row | {"node": portion.node} for row in rows]
        portion.add(table, rows)


def _read_audit(connection: Connection, portion: Portion, cursor: str, after: int) -> None:
    query = _select(AuditRow).where(AuditRow.audit_id > after).order_by(AuditRow.audit_id)
    rows = _rows(connection, AuditRow, query.limit(PORTION))
    if not rows:
        return
    _move(portion, cursor, after, rows[-1]["audit_id"], len(rows))
    portion.audit_hash = rows[-1]["hash"]
    for row in rows:
        del row["audit_id"]  # the replica numbers the lines of all nodes itself
        row["node"] = portion.node
    portion.add(AuditRow, rows)


def _add_incidents(connection: Connection, portion: Portion) -> None:
    """The incidents that other rows refer to, as they are now."""
    wanted = {
        row["incident_id"]
        for table in (AlertRow, AssessmentRow, EvidenceRow)
        for row in portion.of(table)
    }
    query = _select(IncidentRow).where(IncidentRow.incident_id.in_(wanted))
    portion.add(IncidentRow, _rows(connection, IncidentRow, query))


def _move(portion: Portion, cursor: str, before: int, after: int, rows: int) -> None:
    portion.moves[cursor] = (before, after)
    portion.complete = portion.complete and rows < PORTION


def _logged_after(table: type[Base], change_id: int) -> ColumnElement[bool]:
    first, *rest = (table.__table__.columns[name] for name in LOGGED[table])
    key: ColumnElement[str] = first
    for column in rest:
        key = key + KEY_SEPARATOR + column
    return exists().where(
        ChangeRow.source == table.__tablename__,
        ChangeRow.key == key,
        ChangeRow.change_id > change_id,
    )


def _select(table: type[Base]) -> Select[Any]:
    """All columns; JSON as the text that it is stored as."""
    return select(
        *(
            type_coerce(column, Text).label(column.name) if _is_json(column) else column
            for column in table.__table__.columns
        )
    )


def _rows(connection: Connection, table: type[Base], query: Select[Any]) -> list[Row]:
    """The rows, ready to be written: JSON goes as it is."""
    json_columns = [column.name for column in table.__table__.columns if _is_json(column)]
    return [
        {**row, **{name: JsonText(row[name]) for name in json_columns}}
        for row in connection.execute(query).mappings()
    ]


def _is_json(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, JSON)
