"""A store with history: so many alerts that came, were dealt with and are over.

The product's own store code writes every row: incident, alert, first revision, assessment, audit
line. They are spread evenly over the last 90 days. Outbox rows and delivery marks exist for the
last 24 hours alone, since the product prunes what every broker has taken over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, insert, select

from edge_agent.bench.delivery.rows import write
from edge_agent.bench.delivery.scene import BROKER, NODE, bench_site, first_revision, numbered
from hazard.store import Store
from hazard.store.engine import make_engine, store_url
from hazard.store.statements import upsert
from hazard.store.tables import CursorRow, DeliveryRow, OutboxRow
from hazard.types import IsaState, ProcessCondition

HISTORY = timedelta(days=90)
REPLAYABLE = timedelta(hours=24)
QUIET = timedelta(hours=1)
"""The newest stored alert is older than what the relay sends again at a connection."""
BATCH = 500
BUSY_MS = 60_000


def fill(database: Path, alerts: int) -> None:
    """Make the database at `database` with so many alerts that are over."""
    with Store.open(database, node=NODE):
        pass  # the schema
    now = datetime.now(UTC)
    first = first_revision(bench_site(1), now)
    ended = first.message.model_copy(
        update={
            "state": IsaState.NORMAL,
            "condition": ProcessCondition.NORMAL,
            "acknowledged": True,
            "latched": False,
        }
    )
    over = first._replace(
        message=ended, incident=first.incident.model_copy(update={"closed_at": now})
    )
    step = (HISTORY - QUIET) / alerts
    made = (numbered(over, f"old-{n}", now - HISTORY + step * n) for n in range(alerts))
    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
    last = 0
    try:
        while batch := list(islice(made, BATCH)):
            with engine.execution_options(writer=True).begin() as connection:
                last = write(connection, batch, last, lambda at: at > now - REPLAYABLE)
        with engine.execution_options(writer=True).begin() as connection:
            _hand_over(connection, now)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def _hand_over(connection: Connection, now: datetime) -> None:
    """Every outbox row was taken over by the broker as soon as it was written."""
    query = select(OutboxRow.outbox_id, OutboxRow.created_at).order_by(OutboxRow.outbox_id)
    marks = [
        {
            "broker": BROKER,
            "outbox_id": row.outbox_id,
            "published_at": row.created_at,
            "acked_at": row.created_at,
            "attempts": 1,
        }
        for row in connection.execute(query)
    ]
    if not marks:
        return
    connection.execute(insert(DeliveryRow), marks)
    position = {
        "consumer": f"mqtt/{BROKER}",
        "position": marks[-1]["outbox_id"],
        "updated_at": now,
    }
    upsert(connection, CursorRow, "consumer", position)
