"""Statements that are built once, and JSON that was written out before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Insert, Update, bindparam, case, func, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from hazard.store.tables import Base


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value of a JSON column that is JSON text already."""

    text: str


def dump_json(value: Any) -> str:
    """The engines' JSON serializer."""
    return value.text if isinstance(value, JsonText) else json.dumps(value)


def upsert(connection: Connection, table: type[Base], key: str, values: dict[str, Any]) -> None:
    """Insert the row, or bring the one with this key (columns, comma between) up to date."""
    connection.execute(_upsert(connection.dialect.name, table, key, tuple(values)), values)


def upsert_many(
    connection: Connection,
    table: type[Base],
    key: str,
    rows: Sequence[dict[str, Any]],
    *,
    keep: tuple[str, ...] = (),
    first: tuple[str, ...] = (),
) -> None:
    """`upsert` of rows that all have the same columns, in their order.

    A column of `keep` that has a value keeps it until a row clears it with None; one of `first`
    keeps it for ever.
    """
    if rows:
        statement = _upsert(
            connection.dialect.name, table, key, tuple(rows[0]), keep=keep, first=first
        )
        connection.execute(statement, rows)


def update_many(
    connection: Connection, table: type[Base], key: str, rows: Sequence[dict[str, Any]]
) -> None:
    """Bring the rows with these keys up to date, those that there are."""
    if rows:
        statement = _update(table, key, tuple(rows[0]))
        connection.execute(statement, [{**row, f"of_{key}": row[key]} for row in rows])


@lru_cache(maxsize=16)
def _update(table: type[Base], key: str, columns: tuple[str, ...]) -> Update:
    rows = Base.metadata.tables[table.__tablename__]
    rest: dict[str, Any] = {name: bindparam(name) for name in columns if name != key}
    return update(rows).where(rows.c[key] == bindparam(f"of_{key}")).values(rest)


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: type[Base],
    key: str,
    columns: tuple[str, ...],
    *,
    keep: tuple[str, ...] = (),
    first: tuple[str, ...] = (),
) -> Insert:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    rows = Base.metadata.tables[table.__tablename__]
    statement = make(rows)
    keys = key.split(",")
    rest: dict[str, Any] = {name: statement.excluded[name] for name in columns if name not in keys}
    for name in keep:
        new = statement.excluded[name]
        rest[name] = case((new.is_not(None), func.coalesce(rows.c[name], new)), else_=new)
    for name in first:
        rest[name] = func.coalesce(rows.c[name], statement.excluded[name])
    if not rest:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


@lru_cache(maxsize=16)
def insert_into(table: type[Base]) -> Insert:
    """The insert statement of a table, made once: building it costs more than running it."""
    return insert(Base.metadata.tables[table.__tablename__])


def insert_new(connection: Connection, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet; one that is stays as it is."""
    if rows:
        connection.execute(_insert_new(connection.dialect.name, table), rows)


@lru_cache(maxsize=16)
def _insert_new(dialect: str, table: type[Base]) -> Insert:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return make(Base.metadata.tables[table.__tablename__]).on_conflict_do_nothing()
