"""How many alerts there are of each kind in each place: counted by triggers, read at once.

A facet is one combination of area, hazard kind, severity, state, decider, node and case. There are
some hundreds of them, whatever the number of alerts. Lists go by them (`hazard.store.listing`), and
counts are sums over them.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hazard.store.tables import FACET

_NAMES = ", ".join(FACET)
_ADDED = f"ON CONFLICT ({_NAMES}) DO UPDATE SET alerts = alert_facet.alerts + excluded.alerts"


def keep_facets(connection: Connection) -> None:
    """Count what is there, and have the database keep the counts from now on.

    Called after each migration, which may have made the table of alerts anew and so dropped its
    triggers.
    """
    connection.exec_driver_sql("DELETE FROM alert_facet")
    connection.exec_driver_sql(
        f"INSERT INTO alert_facet ({_NAMES}, alerts) "  # noqa: S608 - names of our own
        f"SELECT {_NAMES}, count(*) FROM alert GROUP BY {_NAMES}"
    )
    statements = _sqlite() if connection.dialect.name == "sqlite" else _postgresql()
    for statement in statements:
        connection.exec_driver_sql(statement)


def _sqlite() -> list[str]:
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in FACET)
    same = " AND ".join(f"{name} = OLD.{name}" for name in FACET)
    new = ", ".join(f"NEW.{name}" for name in FACET)
    add = (
        f"INSERT INTO alert_facet ({_NAMES}, alerts) "  # noqa: S608
        f"VALUES ({new}, 1) {_ADDED};"
    )
    drop = (
        f"UPDATE alert_facet SET alerts = alerts - 1 WHERE {same}; "  # noqa: S608
        f"DELETE FROM alert_facet WHERE {same} AND alerts <= 0;"
    )
    begin = "CREATE TRIGGER IF NOT EXISTS facet_alert_"
    return [
        f"{begin}insert AFTER INSERT ON alert BEGIN {add} END",
        f"{begin}update AFTER UPDATE OF {_NAMES} ON alert WHEN {changed} BEGIN {add} {drop} END",
        f"{begin}delete AFTER DELETE ON alert BEGIN {drop} END",
    ]


def _postgresql() -> list[str]:
    """One count for each statement, not each row: a portion of a replica is one statement."""
    added, removed = (
        f"SELECT {_NAMES}, {sign}1 AS alerts FROM {rows}"  # noqa: S608
        for sign, rows in (("", "added"), ("-", "removed"))
    )
    insert = (
        f"INSERT INTO alert_facet ({_NAMES}, alerts) "  # noqa: S608
        f"SELECT {_NAMES}, sum(alerts) FROM ({{rows}}) AS moved GROUP BY {_NAMES} "
        f"HAVING sum(alerts) <> 0 ORDER BY {_NAMES} {_ADDED};"
    )
    clean = (
        f"DELETE FROM alert_facet WHERE alerts <= 0 AND ({_NAMES}) IN "  # noqa: S608
        f"(SELECT {_NAMES} FROM removed);"
    )
    tables = {
        "insert": (insert.format(rows=added), "NEW TABLE AS added"),
        "update": (
            insert.format(rows=f"{added} UNION ALL {removed}") + clean,
            "OLD TABLE AS removed NEW TABLE AS added",
        ),
        "delete": (insert.format(rows=removed) + clean, "OLD TABLE AS removed"),
    }
    statements = []
    for event, (body, rows) in tables.items():
        name = f"facet_alert_{event}"
        statements += [
            (
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {body} RETURN NULL; END $$"
            ),
            (
                f"CREATE OR REPLACE TRIGGER {name} AFTER {event.upper()} ON alert "
                f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            ),
        ]
    return statements
