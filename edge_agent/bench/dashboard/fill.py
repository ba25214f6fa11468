"""Fills a store with alerts as a plant leaves them behind: so many, most of them over.

Each is one of the lives of `edge_agent.bench.dashboard.lives` with its own ids and times. The
newest tens are in every state that is not normal, whatever the number: a plant has no more open
alarms because it has a longer past. Of all but the newest thousands only the first and the last
revision are written, and no audit: lists and pages read neither, and a million fits on a disk.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from edge_agent.bench.dashboard.lives import NODE
from edge_agent.bench.dashboard.patterns import TABLES, Pattern, Placed, patterns
from hazard.store import Store
from hazard.store.audit import AuditEntry, append_entries
from hazard.store.changes import LOGGED, log_changes
from hazard.store.engine import make_engine, store_url
from hazard.store.facets import keep_facets
from hazard.store.tables import AuditRow, Base
from hazard.store.words import keep_words

HISTORY = timedelta(days=365)
OPEN = 40
"""Alarms that are not back to normal, at most; of a small store one in ten."""
OVER_SINCE = timedelta(hours=3)
"""The newest alarm that is over was raised before this time: its life is longer."""
WHOLE = 2000
"""The newest alerts, that have all their revisions and audit lines."""
BATCH = 5000
BUSY_MS = 60_000


def fill(database: str | Path, alerts: int, *, seed: int = 1, now: datetime | None = None) -> None:
    """Make the database (a file, or a `postgresql://` address) with so many alerts.

    The same seed and time give the same alerts.

    Raises:
        StoreError: if it cannot be opened.
    """
    with Store.open(database, node=NODE):
        pass  # the schema
    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
    try:
        with engine.execution_options(writer=True).begin() as connection:
            _set_aside(connection)
        kinds = patterns(_as_sqlite if engine.dialect.name == "sqlite" else _as_it_is)
        chance = random.Random(seed)  # noqa: S311 - nothing secret
        made = _alerts(kinds, alerts, chance, now or datetime.now(UTC))
        sequence = 0
        while batch := list(islice(made, BATCH)):
            sequence = _write(engine, batch, sequence)
        with engine.execution_options(writer=True).begin() as connection:
            _put_back(connection)
        _settle(engine)
    finally:
        engine.dispose()


def _alerts(
    made: Sequence[Pattern], alerts: int, chance: random.Random, now: datetime
) -> Iterator[tuple[Pattern, Placed]]:
    """Oldest first; the times are spread over the history, and no two are alike."""
    over = [each for each in made if each.over]
    active = [each for each in made if not each.over]
    still_open = min(OPEN, max(1, alerts // 10))
    ended = alerts - still_open
    for number in range(alerts):
        if number < ended:
            share = (number + 0.999 * chance.random()) / max(1, ended)
            raised_at = now - HISTORY + (HISTORY - OVER_SINCE) * share
        else:
            share = (number - ended + 0.999 * chance.random()) / still_open
            raised_at = now - OVER_SINCE + OVER_SINCE * share
        kept = over if number < ended else active
        # Squared: the first places and kinds of the plan come most often.
        pattern = kept[int(len(kept) * chance.random() ** 2)]
        name = f"{chance.getrandbits(96):024x}"
        yield pattern, Placed(name, number, raised_at, alerts - number <= WHOLE)


# ---------------------------------------------------------------- writing


def _set_aside(connection: Connection) -> None:
    """Take off what is made faster afterwards: triggers, and the index of words."""
    if connection.dialect.name == "sqlite":
        for table in LOGGED:
            for event in ("insert", "update", "delete"):
                _drop(connection, f"log_{table.__tablename__}_{event}")
        for event in ("insert", "update", "delete"):
            _drop(connection, f"facet_alert_{event}")
            _drop(connection, f"words_alert_text_{event}")
        return
    for event in ("insert", "update", "delete"):
        connection.exec_driver_sql(f"DROP TRIGGER facet_alert_{event} ON alert")
    connection.exec_driver_sql("DROP INDEX ix_alert_text_words")


def _drop(connection: Connection, trigger: str) -> None:
    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")


def _put_back(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO alert_words (alert_words) VALUES ('rebuild')")
    log_changes(connection)
    keep_facets(connection)
    keep_words(connection)


def _settle(engine: Engine) -> None:
    """As a database is that has not just been filled."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _write(engine: Engine, alerts: Sequence[tuple[Pattern, Placed]], sequence: int) -> int:
    """Write a batch; gives the highest sequence."""
    rows: dict[type[Base], list[list[Any]]] = {table: [] for table in TABLES}
    for pattern, alert in alerts:
        for table, row in pattern.rows(alert, sequence):
            rows[table].append(row)
        sequence += pattern.revisions
    lines = rows.pop(AuditRow)
    with closing(engine.raw_connection()) as raw:
        insert = _insert_sqlite if engine.dialect.name == "sqlite" else _copy_postgresql
        for table, some in rows.items():
            insert(raw.driver_connection, table.__tablename__, _columns(table), some)
        raw.commit()
    if lines:
        _audit(engine, lines)
    return sequence


def _columns(table: type[Base]) -> list[str]:
    return [column.name for column in Base.metadata.tables[table.__tablename__].columns]


def _audit(engine: Engine, lines: Sequence[list[Any]]) -> None:
    """Write the lines at the end of the chain: hashes go by what stands before."""
    told = [dict(zip(_columns(AuditRow), line, strict=True)) for line in lines]
    entries = [
        AuditEntry(
            at=datetime.fromisoformat(str(line["at"])).replace(tzinfo=UTC),
            actor=line["actor"],
            verb=line["verb"],
            subject=line["subject"],
            details=json.loads(line["details"]),
        )
        for line in told
    ]
    with engine.execution_options(writer=True).begin() as connection:
        append_entries(connection, "agent", entries)


def _insert_sqlite(
    driver: Any, table: str, names: Sequence[str], rows: Sequence[list[Any]]
) -> None:
    places = ", ".join("?" * len(names))
    if not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")
    driver.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 - our names
        rows,
    )


def _copy_postgresql(
    driver: Any, table: str, names: Sequence[str], rows: Sequence[list[Any]]
) -> None:
    with driver.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _as_sqlite(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")


def _as_it_is(at: datetime) -> datetime:
    return at
