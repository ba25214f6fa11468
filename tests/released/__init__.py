"""What the first release left on disk: a database of migration 0001, and a journal.

Four alerts (unacknowledged; acknowledged; shelved; back to normal), requests done and pending,
both audit chains, a login, deliveries, readings; and a fifth alert that waits in the journal.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, text
from sqlalchemy.types import DateTime

from hazard.store.engine import store_url
from hazard.store.schema import MIGRATIONS
from hazard.store.tables import UtcDateTime

HERE = Path(__file__).parent


def write_database(path: Path) -> Path:
    """The released database as a SQLite file in WAL mode, as the release had it."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript((HERE / "database_0001.sql").read_text(encoding="utf-8"))
        database.execute("PRAGMA journal_mode=WAL")
    return path


def write_journal(path: Path) -> Path:
    """The released journal, with one unit that waits."""
    shutil.copyfile(HERE / "journal_0001.bin", path)
    return path


def write_to(address: str, folder: Path) -> None:
    """The released database at an address: a SQLite file, or an empty PostgreSQL database."""
    url = store_url(address)
    if url.get_backend_name() == "sqlite":
        write_database(Path(url.database or ""))
        return
    original = write_database(folder / "released.db")
    engine = create_engine(url)
    source = create_engine(store_url(original))
    with engine.begin() as target, source.connect() as rows:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = target
        command.upgrade(config, "0001")
        _copy_rows(rows, target)
    source.dispose()
    engine.dispose()


def _copy_rows(rows: Connection, target: Connection) -> None:
    known, wanted = MetaData(), MetaData()
    known.reflect(rows)
    wanted.reflect(target)
    for table in known.tables.values():
        for column in table.columns:
            if isinstance(column.type, DateTime):
                column.type = UtcDateTime()
    for table in wanted.sorted_tables:
        if table.name == "alembic_version":
            continue
        found = [dict(row) for row in rows.execute(known.tables[table.name].select()).mappings()]
        if found:
            target.execute(table.insert(), found)
    for name, key in (("audit", "audit_id"), ("outbox", "outbox_id"), ("reading", "reading_id")):
        newest = f"SELECT max({key}) FROM {name}"  # noqa: S608 - names of our own
        target.execute(text(f"SELECT setval('{name}_{key}_seq', ({newest}))"))
