"""The schema's version: made, upgraded after a backup, or refused when it is newer.

Migrations go forward only. An older database is copied beside itself before it is upgraded; a
database that a newer release has written is not touched.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from hazard.errors import SchemaTooNew, StoreError
from hazard.store.backup import back_up
from hazard.store.changes import log_changes, tell_changes
from hazard.store.facets import keep_facets
from hazard.store.words import keep_words
from hazard.store.writer import store_error

MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """The version that this program writes."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if newest is None:
        raise StoreError("this installation has no migrations: install the package again")
    return newest


def current(connection: Connection) -> str | None:
    """The version of the database, or None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def ensure_schema(engine: Engine) -> Path | None:
    """Bring the database to this program's version; gives the backup's path if one was made.

    Raises:
        SchemaTooNew: if a newer release has written it; nothing is changed.
        StoreError: if it cannot be read or written.
    """
    try:
        with engine.connect() as connection:
            version = current(connection)
        if version == head():
            return None
        _refuse_newer(version)
        # The lock is taken before the copy: it holds all that the upgrade begins with.
        with engine.execution_options(writer=True).begin() as connection:
            version = current(connection)
            if version == head():
                return None
            backup = _backup(engine, version) if version is not None else None
            command.upgrade(_config(connection), "head")
            log_changes(connection)
            tell_changes(connection)
            keep_facets(connection)
            keep_words(connection)
    except DBAPIError as error:
        raise store_error(error) from error
    return backup


def _refuse_newer(version: str | None) -> None:
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if version is not None and version not in known:
        raise SchemaTooNew(
            f"the database has version {version}, this program knows up to {head()}: "
            "start the newer release, or put back the backup that it made before its upgrade"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _backup(engine: Engine, version: str) -> Path | None:
    """The copy of a SQLite file; PostgreSQL is its owner's to save."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    return back_up(Path(engine.url.database), version)
