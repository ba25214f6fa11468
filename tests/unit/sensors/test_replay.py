from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.sensors import build_sensor_sources
from edge_agent.sensors.replay import CsvSource
from hazard.errors import SourceError
from hazard.site.models import Site
from hazard.types import Quality, Reading


def a_source(path: Path, **source: Any) -> CsvSource:
    site = Site.model_validate(
        {
            "site": {"id": "s", "name": "S"},
            "areas": {"hall": {"name": "Hall"}},
            "sensors": {
                "motor-1": {
                    "area": "hall",
                    "quantity": "temperature",
                    "unit": "degC",
                    "maximum": 200,
                    "source": {"kind": "csv", "path": str(path), **source},
                }
            },
            "mqtt": {"embedded": True},
        }
    )
    (built,) = build_sensor_sources(site)
    assert isinstance(built, CsvSource)
    return built


def replay(source: CsvSource) -> list[Reading]:
    found: list[Reading] = []
    asyncio.run(source.run(found.append))
    return found


def test_a_fast_replay_keeps_the_recorded_distances_in_time(tmp_path: Path) -> None:
    file = tmp_path / "motor.csv"
    file.write_text("time_s,value\n0,60\n10,61.5\n40,70\n")
    readings = replay(a_source(file, pace="fast"))
    assert [reading.value for reading in readings] == [60, 61.5, 70]
    first, second, third = (reading.measured_at for reading in readings)
    assert (second - first).total_seconds() == pytest.approx(10)
    assert (third - second).total_seconds() == pytest.approx(30)
    assert all(reading.measured_at <= reading.received_at for reading in readings)


def test_a_paced_replay_takes_the_recorded_time(tmp_path: Path) -> None:
    file = tmp_path / "motor.csv"
    file.write_text("time_s,value\n5,60\n5.2,61\n")
    start = time.monotonic()
    readings = replay(a_source(file))
    assert time.monotonic() - start >= 0.2
    gap = readings[1].received_monotonic_s - readings[0].received_monotonic_s
    assert gap == pytest.approx(0.2, abs=0.15)


def test_bad_rows_become_bad_readings_and_the_others_go_on(tmp_path: Path) -> None:
    file = tmp_path / "motor.csv"
    file.write_text("time_s,value\n0,60\n1,n/a\nx,61\n0.5,62\n3\n4,999\n\n5,64\n")
    readings = replay(a_source(file, pace="fast"))
    assert [reading.quality for reading in readings] == ["good", *["bad"] * 5, "good"]
    notes = [reading.note for reading in readings if reading.quality is Quality.BAD]
    assert "not a number: 'n/a'" in notes[0]
    assert "backwards" in notes[2]
    assert "too short" in notes[3]
    assert "maximum 200" in notes[4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "an empty file"),
        (b"when,what\n1,2\n", "no column 'time_s'"),
        (b"time_s,value\n1,\xff\xfe\n", "is no CSV text"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "motor.csv"
    if content is not None:
        file.write_bytes(content)
    source = a_source(file)
    with pytest.raises(SourceError, match=words):
        replay(source)
    connected, why = source.status()
    assert not connected
    assert words in why


def test_a_recording_that_has_ended_is_not_shown_as_connected(tmp_path: Path) -> None:
    file = tmp_path / "motor.csv"
    file.write_text("time_s,value\n0,60\n")
    source = a_source(file, pace="fast")
    assert source.status()[0] is False
    replay(source)
    assert source.status() == (False, f"{file}: the recording has ended after 1 rows")
