"""`hazard audit verify`: whole, changed, cut out, and no database at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_agent.cli import app
from hazard.errors import HazardError
from hazard.store import Store
from hazard.store.anchors import Anchors, read_anchors
from tests.alert_builders import T0, write_alert

run = CliRunner()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "hazard.db"
    with Store.open(path) as store:
        for number in range(1, 5):
            write_alert(store, number)
        store.desk.audit(T0, "ada", "login", "dashboard", {"address": "10.0.0.7"})
    return path


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


def test_a_whole_audit_is_said_with_its_number_of_lines(database: Path) -> None:
    done = run.invoke(app, ["audit", "verify", "--database", str(database)])
    assert done.exit_code == 0
    assert done.stdout.startswith("audit whole: 5 lines checked, 0 heads found in them\n")


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE audit_id = 3", "line 3 of chain 'agent'"),
        ("DELETE FROM audit WHERE audit_id = 2", "line 3 of chain 'agent'"),
        ("UPDATE audit SET details = '{}' WHERE audit_id = 5", "line 5 of chain 'dashboard'"),
    ],
)
def test_the_first_broken_line_is_named(database: Path, sql: str, line: str) -> None:
    change(database, sql)
    done = run.invoke(app, ["audit", "verify", "--database", str(database)])
    assert done.exit_code == 1
    assert "BROKEN" in done.stdout
    assert line in done.stdout


def test_the_database_of_a_site_is_found_in_its_data_folder(database: Path) -> None:
    done = run.invoke(app, ["audit", "verify", "--data-dir", str(database.parent)])
    assert done.exit_code == 0


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    done = run.invoke(app, ["audit", "verify", "--database", str(missing)])
    assert isinstance(done.exception, HazardError)
    assert str(missing) in str(done.exception)
    assert not missing.exists()


# ---------------------------------------------------------------- cut off at the end

NOTED = T0 + timedelta(minutes=5)


@pytest.fixture
def noted(database: Path) -> Path:
    """Five lines with their heads noted; then two more whose heads nobody noted."""
    anchors = Anchors(database.with_name("audit.heads"))
    with Store.open(database, now=lambda: NOTED) as store:
        assert len(anchors.note(store.audit_heads())) == 2
        assert anchors.note(store.audit_heads()) == []
        write_alert(store, 5)
        store.desk.audit(T0, "ada", "logout", "dashboard", {})
    return database


def verify(database: Path, *more: str) -> Result:
    return run.invoke(app, ["audit", "verify", "--database", str(database), *more])


def test_noted_heads_are_found_in_a_chain_that_went_on(noted: Path) -> None:
    done = verify(noted)
    assert done.exit_code == 0
    assert "7 lines checked, 2 heads found" in done.stdout


def test_lines_cut_off_at_the_end_are_told_with_the_time_until_which_they_were_there(
    noted: Path,
) -> None:
    change(noted, "DELETE FROM audit WHERE chain = 'agent' AND audit_id >= 3")
    done = verify(noted)
    assert done.exit_code == 1
    assert "chain 'agent' ends after 2 lines: the lines 3 to 4 were there at " in done.stdout
    assert NOTED.isoformat(timespec="seconds") in done.stdout


def test_a_whole_chain_that_is_gone_is_told(noted: Path) -> None:
    change(noted, "DELETE FROM audit WHERE chain = 'dashboard'")
    done = verify(noted)
    assert done.exit_code == 1
    assert "chain 'dashboard' ends after 0 lines: the lines 1 to 1 were there at" in done.stdout


def test_a_chain_that_was_written_anew_is_told(noted: Path) -> None:
    """Each of its hashes is right; only the noted head is another."""
    change(noted, "DELETE FROM audit WHERE chain = 'agent'")
    with Store.open(noted) as store, store.unit() as unit:
        for number in range(6):
            unit.audit(T0, "agent", "invented", f"a{number}")
        unit.commit()
    done = verify(noted)
    assert done.exit_code == 1
    assert "of chain 'agent' is another than it was at" in done.stdout


def test_a_head_that_was_kept_elsewhere_is_looked_for(noted: Path) -> None:
    heads = [line.strip() for line in verify(noted).stdout.splitlines() if line.startswith("  ")]
    assert [head.split(":")[:2] for head in heads] == [["agent", "5"], ["dashboard", "2"]]
    expect = [word for head in heads for word in ("--expect", head)]
    assert verify(noted, *expect).exit_code == 0
    noted.with_name("audit.heads").unlink()
    change(noted, "DELETE FROM audit WHERE audit_id >= 6")
    assert verify(noted).exit_code == 0
    done = verify(noted, *expect)
    assert done.exit_code == 1
    assert "were cut off" in done.stdout


def test_a_head_of_another_form_is_refused(noted: Path) -> None:
    done = verify(noted, "--expect", "agent=5")
    assert done.exit_code == 2
    assert "CHAIN:LINES:HASH" in done.output


def test_a_torn_line_of_the_heads_is_no_fault_and_the_next_is_read(noted: Path) -> None:
    path = noted.with_name("audit.heads")
    path.write_bytes(path.read_bytes()[:-40])
    with Store.open(noted) as store:
        Anchors(path).note(store.audit_heads())
    done = verify(noted)
    assert done.exit_code == 0
    assert "3 heads found" in done.stdout
    assert "1 lines cannot be read" in done.stdout


def test_the_file_of_heads_stays_small_and_old_times_stay_in_it(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard.store.anchors.MAX_BYTES", 5_000)
    path = database.with_name("audit.heads")
    anchors = Anchors(path)
    with Store.open(database) as store:
        (head, _) = store.audit_heads()
    for number in range(1, 401):
        anchors.note([head.model_copy(update={"count": number})])
    assert path.stat().st_size <= 5_000
    counts = [each.count for each in read_anchors(path)[0]]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 400
    assert path.stat().st_mode & 0o077 == 0
