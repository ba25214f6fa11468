"""Which rows have changed: triggers keep a log on SQLite, and send a word on PostgreSQL.

Revisions and audit lines never change and are read by their numbers. An incident, an assessment,
evidence, a request and a suppression order may change without either; the log holds the latest
change of each, under a number that only grows. It takes one small row for each of theirs.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hazard.store.tables import (
    ActionRequestRow,
    AssessmentRow,
    Base,
    EvidenceRow,
    IncidentRow,
    RevisionRow,
    SuppressionOrderRow,
)

KEY_SEPARATOR = "|"
"""Between the columns of a key in the log."""

LOGGED: dict[type[Base], tuple[str, ...]] = {
    IncidentRow: ("incident_id",),
    AssessmentRow: ("assessment_id",),
    EvidenceRow: ("evidence_id", "incident_id"),
    ActionRequestRow: ("request_id",),
    SuppressionOrderRow: ("order_id", "node"),
}
"""The tables whose changes are logged, each with the columns that name a row."""

CHANNEL = "hazard_news"
"""Where PostgreSQL tells of commits that changed what a page shows at once."""
TOLD: tuple[type[Base], ...] = (RevisionRow, ActionRequestRow)
"""The tables whose changes are told."""


def tell_changes(connection: Connection) -> None:
    """Have PostgreSQL notify `CHANNEL` of each commit that changes one of `TOLD`.

    Called after each migration. On another database nothing is done: SQLite says by its
    `data_version` that something was committed.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {CHANNEL}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_notify('{CHANNEL}', TG_TABLE_NAME); RETURN NULL; END $$"
    )
    for table in TOLD:
        name = table.__tablename__
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER news_{name} AFTER INSERT OR UPDATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {CHANNEL}()"
        )


def log_changes(connection: Connection) -> None:
    """Have SQLite log every change from now on, and what is there as changed once.

    Called after each migration, which may have made a table anew and so dropped its triggers.
    On another database nothing is done: nobody copies from there.
    """
    if connection.dialect.name != "sqlite":
        return
    for table, columns in LOGGED.items():
        name = table.__tablename__
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO change_log (source, key) "  # noqa: S608 - names of our own
            f"SELECT '{name}', {_key('', columns)} FROM {name} ORDER BY rowid"
        )
        forget = f"DELETE FROM change_log WHERE source = '{name}' AND key = "  # noqa: S608
        for event, body in (
            ("INSERT", f"{forget}{_key('NEW.', columns)}; {_note(name, columns)}"),
            ("UPDATE", f"{forget}{_key('NEW.', columns)}; {_note(name, columns)}"),
            ("DELETE", f"{forget}{_key('OLD.', columns)};"),
        ):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS log_{name}_{event.lower()} "
                f"AFTER {event} ON {name} BEGIN {body} END"
            )


def _key(row: str, columns: tuple[str, ...]) -> str:
    return f" || '{KEY_SEPARATOR}' || ".join(row + column for column in columns)


def _note(name: str, columns: tuple[str, ...]) -> str:
    values = f"'{name}', {_key('NEW.', columns)}"
    return f"INSERT INTO change_log (source, key) VALUES ({values});"  # noqa: S608
