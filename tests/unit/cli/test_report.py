"""`hazard report alarms`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.errors import HazardError
from hazard.performance import AlarmReport
from hazard.store import Store
from tests.alert_builders import an_event, write_alert

run = CliRunner()
SITE = """
version: 1
site: {id: plant-a, node: edge-1, name: Plant A, timezone: Europe/Berlin}
areas: {yard: {name: Yard}, hall: {name: Hall}}
mqtt: {embedded: true}
alarms: {positions: {desk: {name: Desk, areas: [yard]}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "data").mkdir()
    with Store.open(tmp_path / "data" / "hazard.db", node="edge-1") as store:
        for number in range(1, 4):
            event = an_event(f"i{number}", sources=("gate-1",))
            write_alert(store, number, asks_anew=True, events=(event,))
    return tmp_path


def report(folder: Path, *options: str) -> Result:
    return run.invoke(app, ["report", "alarms", "--site", str(folder / "site.yaml"), *options])


def test_the_figures_of_each_position_are_printed_and_written(folder: Path) -> None:
    file = folder / "report.json"
    done = report(folder, "--json", str(file))
    assert done.exit_code == 0, done.output
    assert "Position desk: 3 alarms, 0 floods; areas yard" in done.stdout
    assert "Position others: 0 alarms, 0 floods; areas hall" in done.stdout
    assert "NOT ENOUGH DATA YET" in done.stdout
    assert "taped-off" in done.stdout
    found = AlarmReport.model_validate_json(file.read_text())
    assert not found.enough_data
    assert found.window_days < 1, "it begins with what was recorded, not 30 days ago"
    assert found.positions[0].bad_actors[0].source == "gate-1"


def test_one_position_and_a_window_may_be_asked_for(folder: Path) -> None:
    file = folder / "report.json"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    done = report(folder, "--position", "others", "--to", tomorrow, "--json", str(file))
    assert done.exit_code == 0, done.output
    (position,) = json.loads(file.read_text())["positions"]
    assert position["position"] == "others"
    assert json.loads(file.read_text())["window_days"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--position", "nobody"), "no position 'nobody': known are desk, others"),
        (("--from", "yesterday"), "--from 'yesterday' is no time"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "is not before --to"),
    ],
)
def test_what_is_no_time_or_position_is_refused(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    done = report(folder, *options)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


def test_a_window_before_anything_was_recorded_is_refused(folder: Path) -> None:
    done = report(folder, "--to", "2020-01-01")
    assert isinstance(done.exception, HazardError)
    assert "nothing was recorded before 2019-12-31 23:00 UTC" in str(done.exception)


def test_a_database_that_is_not_there_is_named_and_not_made(folder: Path) -> None:
    missing = folder / "none.db"
    done = report(folder, "--database", str(missing))
    assert isinstance(done.exception, HazardError)
    assert str(missing) in str(done.exception)
    assert not missing.exists()


def test_a_file_that_is_no_database_of_hazard_is_said_to_be_none(folder: Path) -> None:
    other = folder / "other.db"
    other.write_bytes(b"not a database, and long enough to look at" * 30)
    done = report(folder, "--database", str(other))
    assert isinstance(done.exception, HazardError)
    assert "is this a database of this release of hazard?" in str(done.exception)
