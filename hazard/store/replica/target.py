"""The replica's side: a PostgreSQL that several nodes write to, each with cursors of its own.

A portion is one transaction: its rows and its cursors, or nothing. What is there already is left
as it is or brought up to date, so that a portion that comes twice changes nothing. Two things are
never done: a newer row is not overwritten by an older, and a node whose database is not the one
that was copied before adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from hazard.errors import SchemaTooNew, StoreError
from hazard.store.engine import make_engine, store_url
from hazard.store.replica.portion import COPIED, Portion, Row
from hazard.store.schema import ensure_schema
from hazard.store.side_tables import StageHealthRow
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AuditRow,
    Base,
    CursorRow,
    RevisionRow,
)
from hazard.store.words import put_words
from hazard.types import AlertMessage

OLDEST_POSTGRESQL = 15
UPGRADE_WAIT_MS = 30_000
"""How long a node waits for another one that is just upgrading the schema."""
NUMBER_TRIES = 10
"""How often an alert is given a number by which its words are found, while others take them."""
NUL, NUL_SHOWN = "\x00", "\u2400"
"""PostgreSQL stores no NUL in a text: it is shown by its symbol."""
LIVENESS = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""A machine that is gone is noticed after half a minute: seconds, tries, milliseconds (libpq)."""


class Replaced(StoreError):  # noqa: N818 - named for what happened
    """The node's database is not the one that was copied before: nothing was changed."""


class Target:
    """One PostgreSQL database.

    Args:
        url: its `postgresql://` address.

    Raises:
        StoreError: if the address is not that of a PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        address = store_url(url)
        if address.get_backend_name() != "postgresql":
            raise StoreError("the replica's address is no PostgreSQL's: want postgresql://…")
        given = {key: value for key, value in LIVENESS.items() if key not in address.query}
        self._engine = make_engine(
            address.update_query_dict(given), busy_ms=UPGRADE_WAIT_MS, sync="FULL"
        )
        self.refused: list[str] = []

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def prepare(self) -> None:
        """Connect, and bring the schema to this program's version.

        Raises:
            SchemaTooNew: if a newer release has upgraded it.
            StoreError: if it is too old a PostgreSQL, or refuses.
            SQLAlchemyError: if it cannot be reached.
        """
        with self._engine.connect() as connection:
            number = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        version = int(number) // 10_000
        if version < OLDEST_POSTGRESQL:
            raise StoreError(f"PostgreSQL {version} is too old: use {OLDEST_POSTGRESQL} or newer")
        try:
            ensure_schema(self._engine)
        except SchemaTooNew as error:
            raise SchemaTooNew(
                f"a newer release has upgraded the replica ({error}): "
                "bring this box to that release; until then it copies nothing and loses nothing"
            ) from error

    def positions(self, cursors: Iterable[str]) -> dict[str, int]:
        """How far each cursor is; 0 where it has not begun."""
        wanted = list(cursors)
        query = select(CursorRow.consumer, CursorRow.position)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(CursorRow.consumer.in_(wanted))).all()
        found = {row.consumer: int(row.position) for row in rows}
        return {cursor: found.get(cursor, 0) for cursor in wanted}

    def last_audit_hash(self, node: str) -> str | None:
        """The hash of the newest audit line of a node here, or None if there is none."""
        query = select(AuditRow.hash).where(AuditRow.node == node)
        newest = query.order_by(AuditRow.audit_id.desc()).limit(1)
        with self._engine.connect() as connection:
            found: str | None = connection.execute(newest).scalar_one_or_none()
        return found

    def write(self, portion: Portion, now: datetime) -> None:
        """Write the rows and move the cursors, in one transaction.

        A row that PostgreSQL does not take (a text that is too long) is left out and named in
        `refused`: one row never stops all that come after it.

        Raises:
            Replaced: if rows contradict those that are there.
            StoreError: if somebody else has moved a cursor.
            SQLAlchemyError: if the database fails; the portion may be written again.
        """
        refused: list[str] = []
        with self._engine.begin() as connection:
            for cursor, (before, _) in sorted(portion.moves.items()):
                _hold_cursor(connection, cursor, before, now)
            for table in COPIED:
                rows = [_clean(row) for row in portion.of(table)]
                refused += _put(connection, table, rows)
            if not refused:
                _check(connection, portion)
            _put_words(connection, portion)
            for cursor, (_, after) in portion.moves.items():
                connection.execute(
                    update(CursorRow)
                    .where(CursorRow.consumer == cursor)
                    .values(position=after, updated_at=now)
                )
        self.refused += refused

    def write_health(self, node: str, rows: Sequence[Row]) -> None:
        """Write the last word of each stage of a node; stages that it no longer has go.

        Raises:
            SQLAlchemyError: if the database fails; the next report replaces this one.
        """
        names = [row["stage"] for row in rows]
        table = _table(StageHealthRow)
        statement = insert(table)
        values = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
        with self._engine.begin() as connection:
            connection.execute(
                delete(table).where(table.c.node == node, table.c.stage.not_in(names))
            )
            if rows:
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["node", "stage"], set_=values),
                    [_clean(row) for row in rows],
                )


def _put_words(connection: Connection, portion: Portion) -> None:
    """Bring the words by which alerts are found up to date with their rows and comments."""
    rows = (*portion.of(AlertRow), *portion.of(ActionRequestRow))
    query = select(AlertRow.payload).where(AlertRow.alert_id.in_({row["alert_id"] for row in rows}))
    found = connection.execute(query.order_by(AlertRow.alert_id)).scalars()
    messages = [AlertMessage.model_validate(payload) for payload in found]
    for tries_left in reversed(range(NUMBER_TRIES)):
        try:
            with connection.begin_nested():
                put_words(connection, messages)
        except IntegrityError as error:
            # Another node has just given its alert of the same microsecond the same number.
            if not tries_left or not _taken(error):
                raise
        else:
            return


def _hold_cursor(connection: Connection, cursor: str, expected: int, now: datetime) -> None:
    """Lock the cursor for this transaction: two feeders of one node do not mix."""
    first = {"consumer": cursor, "position": 0, "updated_at": now}
    connection.execute(insert(CursorRow).on_conflict_do_nothing(), first)
    query = select(CursorRow.position).where(CursorRow.consumer == cursor).with_for_update()
    position = int(connection.execute(query).scalar_one())
    if position != expected:
        raise StoreError(
            f"cursor {cursor} stands at {position}, not {expected}: another box copies under the "
            "same name, or this one does twice: give each box its own site.node"
        )


def _put(connection: Connection, table: type[Base], rows: list[Row]) -> list[str]:
    """Write the rows; those that are refused one by one, in words."""
    if not rows:
        return []
    statement = _statement(table)
    try:
        with connection.begin_nested():
            connection.execute(statement, rows)
    except (DataError, IntegrityError) as error:
        _raise_if_contradicted(error)
    else:
        return []
    refused = []
    for row in rows:
        try:
            with connection.begin_nested():
                connection.execute(statement, [row])
        except (DataError, IntegrityError) as error:
            _raise_if_contradicted(error)
            name = " ".join(str(row[column]) for column in COPIED[table].key)
            refused.append(f"{table.__tablename__} {name}: {_first_line(error)}")
    return refused


def _taken(error: SQLAlchemyError) -> bool:
    orig = getattr(error, "orig", None)
    return getattr(orig, "sqlstate", "") == "23505"  # unique_violation (PostgreSQL, appendix A)


def _raise_if_contradicted(error: SQLAlchemyError) -> None:
    if _taken(error):
        raise Replaced(
            f"the replica has other rows under the same numbers ({_first_line(error)})"
        ) from error


def _first_line(error: SQLAlchemyError) -> str:
    return (str(getattr(error, "orig", None) or error).splitlines() or [""])[0][:200]


@lru_cache(maxsize=16)
def _statement(table: type[Base]) -> Insert:
    rule = COPIED[table]
    target = _table(table)
    statement = insert(target)
    if rule.fixed:
        return statement.on_conflict_do_nothing(index_elements=list(rule.key))
    newer = rule.newer
    return statement.on_conflict_do_update(
        index_elements=list(rule.key),
        set_={c.name: statement.excluded[c.name] for c in target.columns if c.name not in rule.key},
        where=target.c[newer] <= statement.excluded[newer] if newer is not None else None,
    )


def _check(connection: Connection, portion: Portion) -> None:
    """What never changes must be there as the node has it, also where it was there before.

    Raises:
        Replaced: if it is not.
    """
    revisions = {
        (row["alert_id"], row["revision"]): (row["node"], row["sequence"])
        for row in portion.of(RevisionRow)
    }
    if revisions:
        query = select(
            RevisionRow.alert_id, RevisionRow.revision, RevisionRow.node, RevisionRow.sequence
        ).where(tuple_(RevisionRow.alert_id, RevisionRow.revision).in_(list(revisions)))
        found = {(r.alert_id, r.revision): (r.node, r.sequence) for r in connection.execute(query)}
        _compare("revision", revisions, found)
    lines = {(row["chain"], row["previous_hash"]): row["hash"] for row in portion.of(AuditRow)}
    if lines:
        chained = select(AuditRow.chain, AuditRow.previous_hash, AuditRow.hash).where(
            AuditRow.node == portion.node,
            AuditRow.chain.in_({chain for chain, _ in lines}),
            AuditRow.previous_hash.in_({previous for _, previous in lines}),
        )
        there = {(r.chain, r.previous_hash): r.hash for r in connection.execute(chained)}
        _compare("audit line", lines, there)


def _compare(what: str, wanted: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
    for key, value in wanted.items():
        if found.get(key) != value:
            raise Replaced(f"the replica has another {what} {' '.join(map(str, key))}")


def _table(table: type[Base]) -> Table:
    return Base.metadata.tables[table.__tablename__]


def _clean(row: Mapping[str, Any]) -> Row:
    return {
        key: value.replace(NUL, NUL_SHOWN) if isinstance(value, str) and NUL in value else value
        for key, value in row.items()
    }
