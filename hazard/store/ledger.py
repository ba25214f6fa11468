"""What was stored and what was handed over, side by side: the basis of reports and drills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from hazard.store.tables import DeliveryRow, IncidentRow, OutboxRow, RevisionRow
from hazard.types import AlertMessage, Incident


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One stored revision, and when a broker took it over.

    Attributes:
        message: the revision.
        published_at: first handed to the network, or None.
        acked_at: PUBACK, or None.
    """

    message: AlertMessage
    published_at: datetime | None
    acked_at: datetime | None


def revisions(connection: Connection, broker: str) -> list[LedgerLine]:
    """All revisions in the order of their sequence, with the times of `broker`."""
    delivered: dict[tuple[str | None, int | None], tuple[datetime, datetime]] = {}
    rows = connection.execute(
        select(
            OutboxRow.alert_id, OutboxRow.revision, DeliveryRow.published_at, DeliveryRow.acked_at
        )
        .join(DeliveryRow, DeliveryRow.outbox_id == OutboxRow.outbox_id)
        .where(DeliveryRow.broker == broker, OutboxRow.sequence.is_not(None))
    )
    for alert_id, revision, published_at, acked_at in rows:
        delivered.setdefault((alert_id, revision), (published_at, acked_at))
    lines = []
    stored = select(RevisionRow.alert_id, RevisionRow.revision, RevisionRow.payload)
    for row in connection.execute(stored.order_by(RevisionRow.sequence)):
        published, acked = delivered.get((row.alert_id, row.revision), (None, None))
        lines.append(LedgerLine(AlertMessage.model_validate(row.payload), published, acked))
    return lines


def incidents(connection: Connection) -> list[Incident]:
    """All incidents, oldest first."""
    rows = connection.execute(select(IncidentRow.payload).order_by(IncidentRow.opened_at))
    return [Incident.model_validate(row.payload) for row in rows]


def gaps(lines: list[LedgerLine]) -> int:
    """How many revisions are missing: holes in an alert's numbers or in the node's sequence."""
    highest: dict[str, int] = {}
    seen: dict[str, set[int]] = {}
    for line in lines:
        alert_id = line.message.alert_id
        highest[alert_id] = max(highest.get(alert_id, 0), line.message.revision)
        seen.setdefault(alert_id, set()).add(line.message.revision)
    holes = sum(top - len(seen[alert_id]) for alert_id, top in highest.items())
    sequences = {line.message.sequence for line in lines}
    return max(holes, (max(sequences) - len(sequences)) if sequences else 0)
