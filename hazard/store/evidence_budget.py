"""Which evidence is given up: what is over its time, over a budget, or in the way on a full disk.

Evidence of alerts that are open stays, unless the disk is low and nothing else is left to give up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select, update

from hazard.site.keeping import Retention
from hazard.store.queries import OPEN_STATES
from hazard.store.tables import AlertRow, EvidenceRow
from hazard.store.writer import Writer

BATCH = 500


@dataclass(frozen=True, slots=True)
class _Found:
    evidence_id: str
    kind: str
    size: int
    at: datetime
    protected: bool


def prune_evidence(
    engine: Engine,
    writer: Writer,
    folder: Path,
    now: datetime,
    retention: Retention,
    *,
    free_bytes: int,
) -> tuple[int, int]:
    """Remove evidence, the oldest first; gives the number of files and their bytes.

    `free_bytes` asks for that much less, for a disk that is running full.

    Raises:
        StoreError: if the store cannot be written now.
    """
    protected = (
        select(EvidenceRow.evidence_id)
        .join(AlertRow, AlertRow.incident_id == EvidenceRow.incident_id)
        .where(AlertRow.state.in_(OPEN_STATES))
    )
    rows = (
        select(
            EvidenceRow.evidence_id,
            func.max(EvidenceRow.kind).label("kind"),
            func.max(EvidenceRow.size_bytes).label("size"),
            func.max(EvidenceRow.captured_at).label("at"),
            EvidenceRow.evidence_id.in_(protected).label("protected"),
        )
        .where(EvidenceRow.deleted_at.is_(None))
        .group_by(EvidenceRow.evidence_id)
        .order_by(func.max(EvidenceRow.captured_at))
    )
    with engine.connect() as connection:
        found = [_Found(*row) for row in connection.execute(rows)]
    gone = _choose(found, now, retention, free_bytes)
    for row in gone:
        _unlink(folder, row.evidence_id)
    ids = [row.evidence_id for row in gone]
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        with writer.transaction() as connection:
            connection.execute(
                update(EvidenceRow).where(EvidenceRow.evidence_id.in_(batch)).values(deleted_at=now)
            )
    return len(gone), sum(row.size for row in gone)


def _choose(
    found: Sequence[_Found],
    now: datetime,
    retention: Retention,
    free_bytes: int,
) -> list[_Found]:
    """The rows to give up, in their order: oldest first."""
    excess: Counter[str] = Counter()
    for row in found:
        excess[row.kind] += row.size
    over_all = max(sum(excess.values()) - retention.evidence_bytes, free_bytes)
    oldest: dict[str, datetime] = {}
    for kind in excess:
        days, most = retention.of_kind(kind)
        excess[kind] -= most
        oldest[kind] = now - timedelta(days=days)
    gone: list[_Found] = []
    freed: Counter[str] = Counter()
    for row in found:
        over = freed.total() < over_all or freed[row.kind] < excess[row.kind]
        if not row.protected and (over or row.at < oldest[row.kind]):
            gone.append(row)
            freed[row.kind] += row.size
    for row in found:
        if row.protected and freed.total() < free_bytes:
            gone.append(row)
            freed[row.kind] += row.size
    return gone


def _unlink(folder: Path, evidence_id: str) -> None:
    for path in (folder / evidence_id[:2]).glob(f"{evidence_id}.*"):
        path.unlink(missing_ok=True)
