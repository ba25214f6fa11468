"""What is written often and may be lost for a moment: readings and stage health; and retention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from hazard.site.keeping import Retention
from hazard.store.evidence_budget import prune_evidence
from hazard.store.queries import ENDED
from hazard.store.replica.portion import revisions_cursor
from hazard.store.side_tables import ReadingRow, StageHealthRow
from hazard.store.statements import upsert
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    CaseFileRow,
    CursorRow,
    EvidenceRow,
    IncidentRow,
    OutboxRow,
    RevisionRow,
)
from hazard.store.writer import Writer
from hazard.types import Model, Reading, RequestState, StageHealth

THINNED_TO = timedelta(seconds=0.5)
"""At most two readings a second of each sensor are kept."""
REPLAYABLE = timedelta(hours=24)
"""How long a message that every broker has taken over can still be sent again."""
REQUESTS_KEPT = timedelta(days=7)
"""How long a request is known that was refused, or is of no alert, after its outcome. The audit
keeps what became of it; what was done to an alert is kept as long as the alert."""
REPLICA_WAIT = timedelta(days=30)
"""How much longer than their time ended alerts are kept for a replica that is away."""
PRUNE_BATCH = 500


class Pruned(Model):
    """How much `prune` removed."""

    evidence_files: int = 0
    evidence_bytes: int = 0
    outbox: int = 0
    readings: int = 0
    alerts: int = 0
    requests: int = 0


class Bulk:
    """Writes that never delay an alarm: short transactions without waiting for the disk."""

    def __init__(self, engine: Engine, writer: Writer, durable: Writer) -> None:
        self._engine = engine
        self._writer = writer
        self._durable = durable
        self._kept: dict[str, tuple[datetime, str]] = {}

    def record_readings(self, readings: Sequence[Reading]) -> int:
        """Write readings, thinned to 2 a second per sensor; a change of quality is always kept.

        Gives the number written.

        Raises:
            StoreError: if the store cannot be written now; these readings are not kept.
        """
        kept = [reading for reading in readings if self._keep(reading)]
        if kept:
            with self._writer.transaction() as connection:
                connection.execute(
                    insert(ReadingRow),
                    [
                        {
                            "sensor_id": each.sensor_id,
                            "area": each.area,
                            "quantity": each.quantity,
                            "value": each.value,
                            "unit": each.unit,
                            "quality": each.quality.value,
                            "measured_at": each.measured_at,
                        }
                        for each in kept
                    ],
                )
        return len(kept)

    def _keep(self, reading: Reading) -> bool:
        last = self._kept.get(reading.sensor_id)
        if last is not None:
            since = reading.measured_at - last[0]
            if timedelta(0) <= since < THINNED_TO and last[1] == reading.quality:
                return False
        self._kept[reading.sensor_id] = (reading.measured_at, reading.quality.value)
        return True

    def record_health(self, node: str, stages: Sequence[StageHealth]) -> None:
        """Write each stage's last word; rows of stages that the node no longer has go.

        Raises:
            StoreError: if the store cannot be written now; the next report replaces this one.
        """
        names = [stage.stage for stage in stages]
        with self._writer.transaction() as connection:
            connection.execute(
                delete(StageHealthRow).where(
                    StageHealthRow.node == node, StageHealthRow.stage.not_in(names)
                )
            )
            for stage in stages:
                upsert(
                    connection,
                    StageHealthRow,
                    "node,stage",
                    {
                        "node": node,
                        "stage": stage.stage,
                        "health": stage.health.value,
                        "reason": stage.reason,
                        "at": stage.at,
                        "figures": stage.figures,
                    },
                )

    # ------------------------------------------------------------ retention

    def prune(
        self,
        now: datetime,
        retention: Retention,
        *,
        evidence_dir: Path,
        brokers: Sequence[str],
        free_bytes: int = 0,
        replica_of: str | None = None,
    ) -> Pruned:
        """Remove what is over its time or budget, in small steps; alerts last.

        Evidence of open alerts stays, but on a disk that is running full; so do outbox rows that a
        broker has not taken over. `free_bytes` asks for that much evidence less.
        With `replica_of`, the name of this node, alerts wait for the replica (`note_replica`), for
        `REPLICA_WAIT` at most.

        Raises:
            StoreError: if the store cannot be written now.
        """
        files, size = prune_evidence(
            self._engine, self._writer, evidence_dir, now, retention, free_bytes=free_bytes
        )
        return Pruned(
            evidence_files=files,
            evidence_bytes=size,
            outbox=self._prune_outbox(now, brokers),
            readings=self._prune_readings(now - timedelta(days=retention.readings_days)),
            alerts=self._prune_alerts(now - timedelta(days=retention.alerts_days), replica_of),
            requests=self._prune_requests(now - REQUESTS_KEPT),
        )

    def _prune_outbox(self, now: datetime, brokers: Sequence[str]) -> int:
        consumers = [f"mqtt/{broker}"[:64] for broker in brokers]
        positions = select(CursorRow.position).where(CursorRow.consumer.in_(consumers))
        with self._engine.connect() as connection:
            handed_over = connection.execute(positions).scalars().all()
        if not consumers or len(handed_over) < len(consumers):
            return 0
        ids = (
            select(OutboxRow.outbox_id)
            .where(OutboxRow.created_at < now - REPLAYABLE)
            .where(OutboxRow.outbox_id <= min(handed_over))
            .limit(PRUNE_BATCH)
        )
        return self._repeat(
            lambda connection: (
                connection.execute(delete(OutboxRow).where(OutboxRow.outbox_id.in_(ids))).rowcount
            )
        )

    def _prune_readings(self, before: datetime) -> int:
        ids = select(ReadingRow.reading_id).where(ReadingRow.measured_at < before)
        return self._repeat(
            lambda connection: (
                connection.execute(
                    delete(ReadingRow).where(ReadingRow.reading_id.in_(ids.limit(PRUNE_BATCH)))
                ).rowcount
            )
        )

    def note_replica(self, node: str, position: int, now: datetime) -> None:
        """Keep how far the replica is: everything up to this sequence of the node is there.

        Raises:
            StoreError: if the store cannot be written now.
        """
        row = {"consumer": revisions_cursor(node), "position": position, "updated_at": now}
        with self._writer.transaction() as connection:
            upsert(connection, CursorRow, "consumer", row)

    def _prune_alerts(self, before: datetime, replica_of: str | None) -> int:
        query = select(AlertRow.alert_id, AlertRow.incident_id).where(
            AlertRow.state == ENDED, AlertRow.updated_at < before, ~_has_newest_number()
        )
        if replica_of is not None:
            waits = _not_on_replica(replica_of) & (AlertRow.updated_at >= before - REPLICA_WAIT)
            query = query.where(~waits)
        query = query.limit(PRUNE_BATCH)

        def remove(connection: Connection) -> int:
            rows = connection.execute(query).all()
            alerts = [row.alert_id for row in rows]
            incidents = [row.incident_id for row in rows]
            if alerts:
                _delete_alerts(connection, alerts, incidents)
            return len(alerts)

        return self._repeat(remove)

    def _prune_requests(self, before: datetime) -> int:
        ids = (
            select(ActionRequestRow.request_id)
            .where(ActionRequestRow.carried_out_at < before)
            .where(
                or_(
                    ActionRequestRow.alert_id == "",
                    ActionRequestRow.state.in_((RequestState.REFUSED, RequestState.CONFLICT)),
                )
            )
            .limit(PRUNE_BATCH)
        )
        return self._repeat(
            lambda connection: (
                connection.execute(
                    delete(ActionRequestRow).where(ActionRequestRow.request_id.in_(ids))
                ).rowcount
            )
        )

    def _repeat(self, step: Callable[[Connection], int]) -> int:
        total = 0
        while True:
            with self._durable.transaction() as connection:
                count = step(connection)
            total += count
            if count < PRUNE_BATCH:
                return total


def _has_newest_number() -> ColumnElement[bool]:
    """Whether an alert has its node's highest sequence: it stays, since numbering goes on there."""
    newer = aliased(RevisionRow)
    highest = select(func.max(newer.sequence)).where(newer.node == RevisionRow.node)
    return exists().where(
        RevisionRow.alert_id == AlertRow.alert_id,
        RevisionRow.sequence == highest.scalar_subquery(),
    )


def _not_on_replica(node: str) -> ColumnElement[bool]:
    """Whether an alert has a revision that the replica has not yet."""
    consumer = revisions_cursor(node)
    position = select(CursorRow.position).where(CursorRow.consumer == consumer).scalar_subquery()
    return exists().where(
        RevisionRow.alert_id == AlertRow.alert_id,
        RevisionRow.node == node,
        RevisionRow.sequence > func.coalesce(position, 0),
    )


def _delete_alerts(connection: Connection, alerts: list[str], incidents: list[str]) -> None:
    connection.execute(delete(ActionRequestRow).where(ActionRequestRow.alert_id.in_(alerts)))
    connection.execute(delete(RevisionRow).where(RevisionRow.alert_id.in_(alerts)))
    connection.execute(delete(CaseFileRow).where(CaseFileRow.alert_id.in_(alerts)))
    connection.execute(delete(AlertRow).where(AlertRow.alert_id.in_(alerts)))
    connection.execute(delete(AssessmentRow).where(AssessmentRow.incident_id.in_(incidents)))
    connection.execute(delete(EvidenceRow).where(EvidenceRow.incident_id.in_(incidents)))
    connection.execute(delete(IncidentRow).where(IncidentRow.incident_id.in_(incidents)))
