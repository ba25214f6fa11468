"""What happens to alerts when the database or its disk fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.publish import outbox_messages
from hazard.errors import StoreError
from hazard.store import Store
from hazard.store.journal import Journal, JournalRecord
from hazard.store.operations import SaveEvidence, WriteAudit
from hazard.store.schema import head
from hazard.store.writer import StoreUnavailable
from hazard.types import Health
from tests.alert_builders import T0, an_evidence, plain_render, write_alert


def a_record(number: int, subject: str = "core") -> JournalRecord:
    operation = WriteAudit(at=T0, actor="agent", verb="start", subject=subject, details={})
    return JournalRecord(number=number, operations=(operation,))


def open_node(folder: Path) -> Store:
    return Store.open(
        folder / "hazard.db",
        journal=folder / "journal",
        render=plain_render,
        commit_timeout_ms=50,
    )


def test_what_was_journaled_is_read_again_after_a_crash(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", size=4096)
    journal.append(a_record(1))
    journal.append(a_record(2))
    assert Journal(tmp_path / "j", size=4096).records == [a_record(1), a_record(2)]


@pytest.mark.parametrize("cut", [1, 5, 20, 60])
def test_a_torn_tail_costs_only_the_torn_record(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j"
    journal = Journal(path, size=4096)
    journal.append(a_record(1))
    journal.append(a_record(2))
    end = journal._end
    with path.open("r+b") as file:
        file.seek(end - cut)
        file.write(bytes(cut))
    assert Journal(path, size=4096).records == [a_record(1)]


def test_left_overs_of_an_earlier_use_are_not_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", size=4096)
    journal.append(a_record(1))
    journal.append(a_record(2))
    journal.clear()
    journal.append(a_record(3))
    assert Journal(tmp_path / "j", size=4096).records == [a_record(3)]


def test_alerts_in_the_journal_survive_a_restart_while_the_database_is_locked(
    tmp_path: Path,
) -> None:
    with open_node(tmp_path) as store:
        write_alert(store, 1)
        with closing(sqlite3.connect(tmp_path / "hazard.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            journaled = write_alert(store, 2)
            assert (journaled.durability, journaled.sequence) == ("journal", 2)
            with open_node(tmp_path) as restarted:
                assert restarted.health().health is Health.DEGRADED
                assert {a.message.alert_id for a in restarted.open_alerts()} == {"a1", "a2"}
                assert [item.alert_id for item in restarted.journaled()] == ["a2"]
                assert write_alert(restarted, 3).sequence == 3
                other.execute("ROLLBACK")
                assert restarted.load_journal()
                assert restarted.journaled() == []
                assert write_alert(restarted, 4).sequence == 4
    with open_node(tmp_path) as again:
        alerts = again.queries.list_alerts().alerts
        assert sorted(alert.sequence for alert in alerts) == [1, 2, 3, 4]
        assert [item.alert_id for item in again.outbox.read(0, 9)] == ["a1", "a2", "a3", "a4"]


def test_without_a_journal_a_locked_database_is_an_error_in_words(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "hazard.db", commit_timeout_ms=50) as store,
        closing(sqlite3.connect(tmp_path / "hazard.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program holds"):
            write_alert(store)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.alert_builders import *
from hazard.store import Store
from edge_agent.publish import outbox_messages
folder = Path(sys.argv[1])
store = Store.open(folder / "hazard.db", journal=folder / "journal", render=outbox_messages)
write_alert(store, 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = (folder / "hazard.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
import os
number = 2
while (message := write_alert(store, number)).durability == "store":
    number += 1
print(message.durability, store.health().reason)
os._exit(0)
"""


def test_a_database_that_cannot_grow_costs_no_alert(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "the store could not be written" in done.stdout
    durability = done.stdout.split()[0]
    assert durability == "journal"
    with Store.open(
        tmp_path / "hazard.db", journal=tmp_path / "journal", render=outbox_messages
    ) as store:
        alerts = store.queries.list_alerts(limit=500).alerts
        sequences = sorted(alert.sequence for alert in alerts)
        assert sequences == list(range(1, len(sequences) + 1))
        assert alerts[0].durability == "journal" or "journal" in {a.durability for a in alerts}


# ---------------------------------------------------------------- the schema


def test_a_new_database_has_the_newest_version(tmp_path: Path) -> None:
    with open_node(tmp_path) as store:
        assert store.upgraded_from is None
    with closing(sqlite3.connect(tmp_path / "hazard.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(head(),)]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "hazard.db").touch(mode=0o644)
    with open_node(tmp_path) as store:
        write_alert(store)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("hazard.db*")}
    assert modes == {"hazard.db": 0o600, "hazard.db-wal": 0o600, "hazard.db-shm": 0o600}


def test_an_address_that_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="use SQLite or PostgreSQL"):
        Store.open("mysql://localhost/x")
    (tmp_path / "file.db").write_bytes(b"this is no database at all, not even nearly one" * 50)
    with pytest.raises(StoreError):
        Store.open(tmp_path / "file.db")


def test_a_row_that_the_database_refuses_keeps_nothing_waiting_behind_it(tmp_path: Path) -> None:
    orphan = SaveEvidence(incident_id="nobody", evidence=an_evidence())
    with open_node(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / "hazard.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with store.unit() as unit:
                unit.add(orphan)
                assert unit.commit().durability == "journal"
            write_alert(store)
            other.execute("ROLLBACK")
        assert store.load_journal()
        assert len(store.open_alerts()) == 1
        assert store.health().health is Health.DEGRADED
        assert "refused" in store.health().reason
