"""How far the vision group's observations are durable: one row among the cursors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select

from hazard.store.operations import Operation, SaveTaken
from hazard.store.statements import upsert
from hazard.store.tables import CursorRow

PREFIX = "vision/"


def save_taken(connection: Connection, taken: SaveTaken) -> None:
    """Write it, in the caller's transaction; an earlier vision group's row goes."""
    consumer = f"{PREFIX}{taken.instance}"
    connection.execute(
        delete(CursorRow).where(
            CursorRow.consumer.startswith(PREFIX), CursorRow.consumer != consumer
        )
    )
    row = {"consumer": consumer, "position": taken.number, "updated_at": datetime.now(UTC)}
    upsert(connection, CursorRow, "consumer", row)


def read_taken(engine: Engine, waiting: Iterable[Operation]) -> tuple[str, int]:
    """Instance and number as last written, with what waits in the journal; ("", 0): nothing."""
    query = select(CursorRow.consumer, CursorRow.position).where(
        CursorRow.consumer.startswith(PREFIX)
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    found = (row.consumer.removeprefix(PREFIX), int(row.position)) if row is not None else ("", 0)
    for operation in waiting:
        if isinstance(operation, SaveTaken):
            found = operation.instance, operation.number
    return found
