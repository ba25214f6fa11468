"""`hazard audit verify`: whole, changed, cut out, and no database at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.errors import HazardError
from hazard.store import Store
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
    assert (done.exit_code, done.stdout) == (0, "audit whole: 5 lines checked\n")


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
