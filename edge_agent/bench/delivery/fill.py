"""A store with history: so many alerts that came, were dealt with and are over.

Every row is what the product would have written: incident, alert, first revision, assessment,
audit line. They are spread evenly over the last 90 days. Outbox rows and delivery marks exist for
the last 24 hours alone, since the product prunes what every broker has taken over.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from edge_agent.bench.delivery.rows import FourRows, four_rows
from edge_agent.bench.delivery.scene import (
    BROKER,
    NODE,
    FirstRevision,
    bench_site,
    first_revision,
    numbered,
)
from hazard.store import Store
from hazard.store.apply import AGENT_CHAIN
from hazard.store.audit import GENESIS
from hazard.store.engine import make_engine, store_url
from hazard.store.statements import JsonText
from hazard.store.tables import (
    AlertRow,
    AssessmentRow,
    AuditRow,
    CursorRow,
    DeliveryRow,
    IncidentRow,
    OutboxRow,
    RevisionRow,
)
from hazard.types import IsaState, ProcessCondition

HISTORY = timedelta(days=90)
REPLAYABLE = timedelta(hours=24)
QUIET = timedelta(hours=1)
"""The newest stored alert is older than what the relay sends again at a connection."""
BATCH = 1000
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
    over = first._replace(message=ended)
    step = (HISTORY - QUIET) / alerts
    made = (numbered(over, f"old-{n}", now - HISTORY + step * n) for n in range(alerts))
    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
    last, previous = 0, GENESIS
    try:
        while batch := list(islice(made, BATCH)):
            rows = list(four_rows(batch, last, chain=AGENT_CHAIN, previous_hash=previous))
            with engine.execution_options(writer=True).begin() as connection:
                _write(connection, batch, rows, now)
            last += len(rows)
            previous = str(rows[-1].audit["hash"])
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def _write(
    connection: Connection, batch: list[FirstRevision], rows: list[FourRows], now: datetime
) -> None:
    connection.execute(insert(IncidentRow), list(_incidents(batch)))
    connection.execute(insert(AlertRow), [row.alert | {"returned_at": now} for row in rows])
    connection.execute(insert(RevisionRow), [row.revision for row in rows])
    connection.execute(insert(AssessmentRow), list(_assessments(batch)))
    connection.execute(insert(AuditRow), [row.audit for row in rows])
    recent = [
        row.outbox | {"outbox_id": row.revision["sequence"]}
        for row in rows
        if row.outbox["created_at"] > now - REPLAYABLE
    ]
    if not recent:
        return
    connection.execute(insert(OutboxRow), recent)
    marks = [
        {
            "broker": BROKER,
            "outbox_id": row["outbox_id"],
            "published_at": row["created_at"],
            "acked_at": row["created_at"],
            "attempts": 1,
        }
        for row in recent
    ]
    connection.execute(insert(DeliveryRow), marks)
    cursor = {
        "consumer": f"mqtt/{BROKER}",
        "position": recent[-1]["outbox_id"],
        "updated_at": now,
    }
    connection.execute(insert(CursorRow).prefix_with("OR REPLACE"), cursor)


def _incidents(batch: list[FirstRevision]) -> Iterator[dict[str, Any]]:
    for each in batch:
        incident = each.incident.model_copy(update={"closed_at": each.incident.opened_at})
        yield {
            "incident_id": incident.incident_id,
            "area": incident.area,
            "hazard": incident.hazard,
            "opened_at": incident.opened_at,
            "updated_at": incident.opened_at,
            "closed_at": incident.closed_at,
            "payload": JsonText(incident.model_dump_json()),
        }


def _assessments(batch: list[FirstRevision]) -> Iterator[dict[str, Any]]:
    for each in batch:
        assessment = each.assessment
        yield {
            "assessment_id": assessment.assessment_id,
            "incident_id": assessment.incident_id,
            "severity": assessment.severity.value,
            "decided_by": assessment.decided_by.value,
            "decided_at": assessment.decided_at,
            "payload": JsonText(assessment.model_dump_json()),
        }
