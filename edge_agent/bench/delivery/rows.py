"""First revisions as the product's own store writes them: for floors, and for filling a store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import JSON, Connection, select

from edge_agent.bench.delivery.scene import NODE, FirstRevision
from edge_agent.publish.topics import outbox_messages
from hazard.store import Store
from hazard.store.apply import apply
from hazard.store.engine import make_engine, store_url
from hazard.store.operations import Operation, number
from hazard.store.statements import JsonText
from hazard.store.store import no_outbox
from hazard.store.tables import AlertRow, AuditRow, Base, OutboxRow, RevisionRow

CHAIN = "floor"
"""The floor's audit chain: its own, since the agent's goes on from what is stored."""
GIVEN = frozenset({"outbox_id", "audit_id"})
BUSY_MS = 5000

Row = dict[str, Any]


class FourRows(NamedTuple):
    """Values of the columns of one incident's alert, revision, outbox and audit row."""

    alert: Row
    revision: Row
    outbox: Row
    audit: Row


def write(
    connection: Connection,
    revisions: Iterable[FirstRevision],
    last_sequence: int,
    published: Callable[[datetime], bool] = lambda _at: True,
) -> int:
    """Write first revisions as they were at their own time; gives the last sequence.

    Outbox rows are made of those for whose time `published` says so.
    """
    operations: list[Operation] = []
    for each in revisions:
        at = each.message.times.raised
        operations += number(
            each.operations(),
            last_sequence,
            stored_at=at,
            durability="store",
            render=outbox_messages if published(at) else no_outbox,
        )
        last_sequence += 1
    apply(connection, operations)
    return last_sequence


def four_rows(revisions: Sequence[FirstRevision], last_sequence: int) -> list[FourRows]:
    """The rows as the product writes them, read back from a database that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="hazard-rows-") as folder:
        file = Path(folder) / "rows.db"
        with Store.open(file, node=NODE):
            pass  # the schema
        engine = make_engine(store_url(file), busy_ms=BUSY_MS, sync="NORMAL")
        try:
            with engine.execution_options(writer=True).begin() as connection:
                write(connection, revisions, last_sequence)
                alerts = _read(connection, AlertRow, AlertRow.alert_id)
                made = _read(connection, RevisionRow, RevisionRow.alert_id)
                outbox = _read(
                    connection, OutboxRow, OutboxRow.alert_id, OutboxRow.retain.is_(False)
                )
                audit = _read(connection, AuditRow, AuditRow.subject)
        finally:
            engine.dispose()
    rows = zip(alerts, made, outbox, audit, strict=True)
    found = [FourRows(a, r, o, line | {"chain": CHAIN}) for a, r, o, line in rows]
    return sorted(found, key=lambda each: int(each.revision["sequence"]))


def _read(connection: Connection, table: type[Base], by: Any, *where: Any) -> list[Row]:
    """All rows in the order of `by`, JSON as text, without the numbers that the database gives."""
    columns = Base.metadata.tables[table.__tablename__].columns
    texts = {column.name for column in columns if isinstance(column.type, JSON)}
    query = select(*columns).where(*where).order_by(by)
    return [
        {
            name: JsonText(json.dumps(value)) if name in texts else value
            for name, value in row.items()
            if name not in GIVEN
        }
        for row in connection.execute(query).mappings()
    ]
