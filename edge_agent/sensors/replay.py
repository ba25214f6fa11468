"""Replay of a recorded CSV file, at its own pace or as fast as possible."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.sensors.payload import (
    Received,
    excerpt,
    graded,
    make_reading,
    parse_number,
)
from hazard.errors import ConfigError, SourceError
from hazard.ports import SensorSource
from hazard.site.models import Sensor, Site
from hazard.site.sources import CsvSensorSource
from hazard.types import Quality, Reading

MAX_FILE_BYTES = 64 * 1024 * 1024
ROWS_PER_TURN = 100
"""Rows that a fast replay delivers before it lets the event loop do something else."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: seconds since the start of the recording, and the value or what is wrong."""

    time_s: float
    value: float | None
    fault: str = ""


def read_rows(path: Path, time_column: str, value_column: str) -> list[Row]:
    """All rows of a recording. A row that cannot be read keeps its place, with its fault.

    Raises:
        SourceError: if the file is missing, too large, no text or lacks a column.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise SourceError(f"{path}: {size} bytes, at most {MAX_FILE_BYTES}: split the file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            places = [_place(path, header, column) for column in (time_column, value_column)]
            return _rows(reader, places[0], places[1])
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror}): give the path of a CSV file"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: is no CSV text ({error}): export it as UTF-8") from error


def _place(path: Path, header: list[str], column: str) -> int:
    if column not in header:
        seen = ", ".join(excerpt(name) for name in header[:8]) or "an empty file"
        raise SourceError(f"{path}: no column {column!r} in its first line: found {seen}")
    return header.index(column)


def _rows(lines: Iterable[list[str]], time_place: int, value_place: int) -> list[Row]:
    rows: list[Row] = []
    last_s = 0.0
    for cells in lines:
        if not cells:
            continue
        try:
            time_s = parse_number(cells[time_place])
            if time_s < last_s:
                rows.append(Row(last_s, None, f"time {time_s:g} s goes backwards"))
                continue
            last_s = time_s
            rows.append(Row(time_s, parse_number(cells[value_place])))
        except (ValueError, IndexError) as error:
            fault = "the row is too short" if isinstance(error, IndexError) else str(error)
            rows.append(Row(last_s, None, fault))
    return rows


@dataclass(eq=True)
class CsvSource:
    """One recorded sensor. `run` ends at the end of the file.

    At its own pace, a reading counts as measured when it is delivered. As fast as possible, the
    recorded times are kept, moved so that the last row is now: `rate` rules see the true slope.
    """

    name: str
    sensor_id: str
    sensor: Sensor
    source: CsvSensorSource
    _state: tuple[bool, str] = field(
        default=(False, "not started: the recording is read when the agent runs"), compare=False
    )

    async def run(self, emit: Callable[[Reading], None]) -> None:
        """Deliver the recording.

        Raises:
            SourceError: if the file cannot be used.
        """
        config = self.source
        try:
            rows = await asyncio.to_thread(
                read_rows, config.path, config.time_column, config.value_column
            )
        except SourceError as error:
            self._state = (False, str(error)[:500])
            raise
        self._state = (True, "")
        await (self._fast(rows, emit) if config.pace == "fast" else self._paced(rows, emit))
        self._state = (False, f"{config.path}: the recording has ended after {len(rows)} rows")

    def status(self) -> tuple[bool, str]:
        """Whether it is being replayed, and if not why."""
        return self._state

    async def _paced(self, rows: list[Row], emit: Callable[[Reading], None]) -> None:
        origin = time.monotonic() - (rows[0].time_s if rows else 0.0)
        for row in rows:
            await asyncio.sleep(max(0.0, origin + row.time_s - time.monotonic()))
            emit(self._reading(row, None))

    async def _fast(self, rows: list[Row], emit: Callable[[Reading], None]) -> None:
        end = datetime.now(UTC)
        last_s = rows[-1].time_s if rows else 0.0
        for number, row in enumerate(rows):
            behind = timedelta(seconds=min(last_s - row.time_s, 1e9))
            emit(self._reading(row, end - behind))
            if number % ROWS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _reading(self, row: Row, measured_at: datetime | None) -> Reading:
        received = Received(datetime.now(UTC), time.monotonic())
        if row.value is None:
            return make_reading(
                self.sensor_id, self.sensor, received, None, Quality.BAD, note=row.fault
            )
        reading = graded(self.sensor_id, self.sensor, received, row.value)
        if measured_at is None or reading.quality is not Quality.GOOD:
            return reading
        return reading.model_copy(update={"measured_at": measured_at})


def build(_site: Site, sensors: Mapping[str, Sensor]) -> list[SensorSource]:
    """One source per recorded sensor.

    Raises:
        ConfigError: if a sensor is no recording.
    """
    sources: list[SensorSource] = []
    for name, sensor in sensors.items():
        if not isinstance(sensor.source, CsvSensorSource):
            raise ConfigError(f"sensors.{name}.source.kind: {sensor.source.kind} is no csv")
        sources.append(CsvSource(f"csv/{name}", name, sensor, sensor.source))
    return sources
