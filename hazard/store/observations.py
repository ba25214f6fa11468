"""What cameras saw, thinned and kept within days and bytes, and read again for dry runs.

Written without waiting for the disk, and first to be given up: an alarm never waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, insert, select

from hazard.sensing import KEPT_EVERY, QUIET_EVERY
from hazard.site.keeping import Retention
from hazard.store.side_tables import ObservationRow, ReadingRow
from hazard.store.statements import JsonText
from hazard.store.writer import Writer
from hazard.types import Observation, Reading

BATCH = 500
JITTER = timedelta(seconds=0.05)
"""A picture that comes this much early still counts as the next one."""


class Observations:
    """Writes, reads and removes observations; reads readings as well. Safe from any thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer
        self._kept: dict[str, Observation] = {}
        self._bytes: int | None = None

    # ------------------------------------------------------------ writing

    def record(self, seen: Sequence[Observation]) -> int:
        """Write observations, thinned to two a second of each camera; gives the number written.

        Raises:
            StoreError: if the store cannot be written now; these observations are not kept.
        """
        rows = [self._row(each) for each in seen if self._keep(each)]
        if rows:
            with self._writer.transaction() as connection:
                connection.execute(insert(ObservationRow), rows)
                if self._bytes is not None:
                    self._bytes += sum(int(str(row["size_bytes"])) for row in rows)
        return len(rows)

    def _keep(self, seen: Observation) -> bool:
        last = self._kept.get(seen.camera_id)
        if last is not None:
            quiet = not seen.tracks and not last.tracks and seen.camera_state is last.camera_state
            since = seen.captured_at - last.captured_at
            if timedelta(0) <= since < (QUIET_EVERY if quiet else KEPT_EVERY) - JITTER:
                return False
        self._kept[seen.camera_id] = seen
        return True

    def _row(self, seen: Observation) -> dict[str, object]:
        text = seen.model_dump_json()
        return {
            "camera_id": seen.camera_id,
            "captured_at": seen.captured_at,
            "size_bytes": len(text.encode()),
            "payload": JsonText(text),
        }

    # ------------------------------------------------------------ retention

    def prune(self, now: datetime, retention: Retention) -> int:
        """Remove what is over its days, and the oldest beyond the bytes; gives the number.

        Raises:
            StoreError: if the store cannot be written now.
        """
        if self._bytes is None:
            total = select(func.coalesce(func.sum(ObservationRow.size_bytes), 0))
            with self._engine.connect() as connection:
                self._bytes = int(connection.execute(total).scalar_one())
        before, number = now - timedelta(days=retention.observations_days), 0
        while removed := self._remove_oldest(before, retention.observations_bytes):
            number += removed
        return number

    def _remove_oldest(self, before: datetime, most_bytes: int) -> int:
        oldest = (
            select(
                ObservationRow.observation_id, ObservationRow.size_bytes, ObservationRow.captured_at
            )
            .order_by(ObservationRow.captured_at, ObservationRow.observation_id)
            .limit(BATCH)
        )
        with self._writer.transaction() as connection:
            left, gone = self._bytes or 0, list[int]()
            for row in connection.execute(oldest):
                if row.captured_at >= before and left <= most_bytes:
                    break
                gone.append(row.observation_id)
                left -= row.size_bytes
            if gone:
                connection.execute(
                    delete(ObservationRow).where(ObservationRow.observation_id.in_(gone))
                )
            self._bytes = max(0, left)
        return len(gone)

    # ------------------------------------------------------------ reading

    def oldest(self) -> datetime | None:
        """Since when observations are kept; None: there is none."""
        first = select(ObservationRow.captured_at).order_by(ObservationRow.captured_at).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(first).scalar_one_or_none()

    def between(self, since: datetime, until: datetime) -> Iterator[Observation]:
        """Observations in the order of capture, read in portions."""
        row = ObservationRow
        query = select(row.observation_id, row.captured_at, row.payload).where(
            row.captured_at < until
        )
        query = query.order_by(row.captured_at, row.observation_id).limit(BATCH)
        at, last = since, 0
        while True:
            later = (row.captured_at > at) | ((row.captured_at == at) & (row.observation_id > last))
            with self._engine.connect() as connection:
                rows = connection.execute(query.where(row.captured_at >= at, later)).all()
            for each in rows:
                yield Observation.model_validate(each.payload)
            if len(rows) < BATCH:
                return
            at, last = rows[-1].captured_at, rows[-1].observation_id

    def readings_between(self, since: datetime, until: datetime) -> Iterator[Reading]:
        """Readings in the order of measurement, read in portions."""
        row = ReadingRow
        query = select(row).where(row.measured_at < until)
        query = query.with_only_columns(*ReadingRow.__table__.columns)
        query = query.order_by(row.measured_at, row.reading_id).limit(BATCH)
        at, last = since, 0
        while True:
            later = (row.measured_at > at) | ((row.measured_at == at) & (row.reading_id > last))
            with self._engine.connect() as connection:
                found = connection.execute(query.where(row.measured_at >= at, later)).mappings()
                rows = found.all()
            for each in rows:
                values = {name: each[name] for name in each if name != "reading_id"}
                received = {"received_at": each["measured_at"], "received_monotonic_s": 0.0}
                yield Reading.model_validate({**values, **received})
            if len(rows) < BATCH:
                return
            at, last = rows[-1]["measured_at"], rows[-1]["reading_id"]
