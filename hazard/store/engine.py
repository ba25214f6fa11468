"""Connections to the store: SQLite on the node, PostgreSQL where the same schema lives elsewhere.

SQLite runs in WAL mode with foreign keys enforced. Transactions that write start with
`BEGIN IMMEDIATE`, so that a lock is met at the start and never in the middle; on PostgreSQL an
advisory lock gives writers the same order. Durable writers commit with `synchronous=FULL`
(a power cut takes nothing that was reported as stored), bulk writers with `NORMAL` (a power cut
may take the last moments of readings, health and delivery marks, all of which come again).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from hazard.errors import StoreError
from hazard.store.statements import dump_json

WRITER_LOCK_KEY = 0x48415A52
"""Key of the advisory lock that orders writers on PostgreSQL."""

PRIVATE = 0o600
"""Mode of the database: for its owner only."""

Sync = Literal["FULL", "NORMAL"]


def store_url(url_or_path: str | Path) -> URL:
    """The SQLAlchemy URL of a database file or of a `postgresql://` address.

    Raises:
        StoreError: if the text is neither.
    """
    text = str(url_or_path)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError("the store's address is no database URL: want postgresql://…") from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"database {url.get_backend_name()!r} is not supported: use SQLite or PostgreSQL"
        )
    return url


def make_engine(url: URL, *, busy_ms: int, sync: Sync) -> Engine:
    """An engine whose connections wait at most `busy_ms` for a lock.

    Raises:
        StoreError: if the address names no known database.
    """
    if url.get_backend_name() == "sqlite":
        _keep_private(url.database)
        engine = create_engine(
            url, connect_args={"timeout": busy_ms / 1000}, json_serializer=dump_json
        )
        _prepare_sqlite(engine, busy_ms, sync)
    else:
        options = f"-c lock_timeout={busy_ms} -c timezone=UTC"
        engine = create_engine(
            url,
            connect_args={"options": options, "connect_timeout": 5},
            pool_pre_ping=True,
            json_serializer=dump_json,
        )
        event.listen(engine, "begin", _begin_postgres)
    return engine


def _keep_private(database: str | None) -> None:
    """Only the owner reads the file (mode 0600), whatever its folder and the umask allow.

    SQLite gives its -wal and -shm files the same mode. What cannot be changed here (another owner,
    a full disk, no folder) is told when the database is opened, if it matters.
    """
    if database is None or database == ":memory:":
        return
    path = Path(database)
    # An open file is never touched by a descriptor of ours: closing it would drop SQLite's locks.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    with suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) != PRIVATE:
            path.chmod(PRIVATE)


def _prepare_sqlite(engine: Engine, busy_ms: int, sync: Sync) -> None:
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by the listener below
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={busy_ms}",
            "journal_mode=WAL",
            f"synchronous={sync}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", _begin_sqlite)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if "busy_ms" in options:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(options['busy_ms'])}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writer", False) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get("writer", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY})")


def data_version(connection: Connection) -> int:
    """A number that changes when another connection has changed the database.

    On SQLite this is `PRAGMA data_version`, which has a meaning only on one connection that is
    kept open; on PostgreSQL it is the number of the newest transaction.
    """
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
    query = "SELECT txid_snapshot_xmax(txid_current_snapshot())"
    return int(connection.exec_driver_sql(query).scalar_one())
