"""A database of the first release under this one: upgraded after a backup, or left as it was."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect

from edge_agent.publish import outbox_messages
from hazard.errors import SchemaTooNew, StoreError
from hazard.store import Store, backup
from hazard.store.engine import store_url
from hazard.store.schema import head
from hazard.store.tables import Base
from hazard.types import IsaState, RequestState, Role, Verb
from tests import released
from tests.alert_builders import later, write_alert

UPGRADE = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from hazard.store import Store, backup
address, point = sys.argv[1], sys.argv[2]
done = 0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global done
    done += 1
    if str(done) == point:
        die()
@event.listens_for(Engine, "commit")
def commit(_):
    if point == "commit" and done > 30:
        die()
if point == "copied":
    backup._sync = lambda _path: die()
Store.open(address).close()
print(done)
"""
"""Opens a store, and is killed before statement N, before the commit, or when it has copied."""


@pytest.fixture
def old_address(store_address: str, tmp_path: Path) -> str:
    """A database of the first release with its rows, on either database."""
    released.write_to(store_address, tmp_path)
    return store_address


def version_of(address: str) -> str:
    engine = create_engine(store_url(address))
    try:
        with engine.connect() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
            assert version is not None
            return version
    finally:
        engine.dispose()


def assert_all_is_there(store: Store) -> None:
    """Every row of the released database reads back through this release's types."""
    alerts = {alert.alert_id: alert for alert in store.queries.list_alerts().alerts}
    assert {name: alert.state for name, alert in alerts.items()} == {
        "a1": IsaState.UNACKNOWLEDGED,
        "a2": IsaState.ACKNOWLEDGED,
        "a3": IsaState.SHELVED,
        "a4": IsaState.NORMAL,
    } | ({"a5": IsaState.UNACKNOWLEDGED} if "a5" in alerts else {})
    for alert_id in ("a1", "a2", "a3", "a4"):
        detail = store.queries.get_alert(alert_id)
        assert detail is not None
        assert [each.revision for each in detail.revisions] == list(
            range(1, detail.current.revision + 1)
        )
        assert detail.assessments
        assert detail.evidence
    assert {"a1", "a2", "a3"} <= {alert.message.alert_id for alert in store.open_alerts()}
    assert {"i1", "i2", "i3"} <= {each.incident_id for each in store.open_incidents()}
    (pending,) = store.pending_requests()
    assert (pending.request_id, pending.verb, pending.role) == ("r1", Verb.COMMENT, Role.OPERATOR)
    done = store.queries.request_state("r3")
    assert done is not None
    assert (done.state, done.request.duration_s) == (RequestState.DONE, 3600.0)
    assert store.outbox.position("plant") == 5
    assert len(store.outbox.read(5, 100)) >= 11
    (stage,) = store.queries.stage_health()
    assert stage.figures == {"fps": 9.5}
    assert store.queries.readings_around(["h2s-1"], later(0), later(100))
    checked, fault = store.verify_audit()
    assert fault is None
    assert checked >= 10


def test_a_released_database_is_upgraded_with_every_row(old_address: str) -> None:
    assert version_of(old_address) == "0001"
    with Store.open(old_address, render=outbox_messages) as store:
        assert_all_is_there(store)
        newest = max(alert.sequence for alert in store.queries.list_alerts().alerts)
        assert write_alert(store, 9).sequence == newest + 1
        assert store.verify_audit()[1] is None
    assert version_of(old_address) == head()


def test_audit_lines_keep_their_numbers_and_no_number_comes_again(old_address: str) -> None:
    engine = create_engine(store_url(old_address))
    query = "SELECT audit_id, hash FROM audit ORDER BY audit_id"
    with engine.connect() as connection:
        before = connection.exec_driver_sql(query).all()
    with Store.open(old_address, render=outbox_messages):
        pass
    with engine.begin() as connection:
        assert connection.exec_driver_sql(query).all() == before
        connection.exec_driver_sql("DELETE FROM audit")
    engine.dispose()
    with Store.open(old_address, render=outbox_messages) as store:
        store.desk.audit(later(1), "ada", "login", "dashboard", {})
        (line,) = store.queries.audit_page().lines
        assert line.audit_id > before[-1].audit_id


def _no_index_of_words(_item: object, name: str | None, *_: object) -> bool:
    """The full-text index is no table of the model."""
    return not (name or "").startswith(("alert_words", "ix_alert_text_words"))


def test_tables_and_migrations_agree(old_address: str) -> None:
    """Of an upgraded database, column types and the names of constraints included."""
    with Store.open(old_address):
        pass
    engine = create_engine(store_url(old_address))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _no_index_of_words}
        )
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_an_upgraded_database_is_as_a_fresh_one(
    old_address: str, new_address: Callable[[], str]
) -> None:
    shapes = []
    for address in (old_address, new_address()):
        with Store.open(address):
            pass
        engine = create_engine(store_url(address))
        with engine.connect() as connection:
            shapes.append(shape(connection))
        engine.dispose()
    assert shapes[0] == shapes[1]


def shape(connection: Connection) -> dict[str, object]:
    """Tables with columns, keys and indexes, as the database tells them."""
    found = inspect(connection)
    return {
        table: (
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)),
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((i["name"], i["column_names"], i["unique"]) for i in found.get_indexes(table)),
            sorted(u["column_names"] for u in found.get_unique_constraints(table)),
            sorted(f["constrained_columns"] for f in found.get_foreign_keys(table)),
        )
        for table in found.get_table_names()
    }


def test_what_waits_in_a_released_journal_is_loaded(tmp_path: Path) -> None:
    path = released.write_database(tmp_path / "hazard.db")
    journal = released.write_journal(tmp_path / "alerts.journal")
    with Store.open(path, journal=journal, render=outbox_messages) as store:
        assert store.journal_waiting == 0
        assert_all_is_there(store)
        detail = store.queries.get_alert("a5")
        assert detail is not None
        assert detail.current.durability == "journal"


# ---------------------------------------------------------------- the backup


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        count: int = database.execute("SELECT count(*) FROM action_request").fetchone()[0]
        return count


def test_the_backup_holds_what_lay_in_the_write_ahead_log_only(tmp_path: Path) -> None:
    released.write_database(tmp_path / "original.db")
    with closing(sqlite3.connect(tmp_path / "original.db")) as database:
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("UPDATE action_request SET comment = 'only in the log'")
        database.commit()
        for suffix in ("", "-wal"):  # as after a power cut: not closed, not checkpointed
            shutil.copyfile(tmp_path / f"original.db{suffix}", tmp_path / f"hazard.db{suffix}")
    with Store.open(tmp_path / "hazard.db") as store:
        assert store.upgraded_from == tmp_path / "hazard.db.0001.bak"
        assert store.pending_requests()[0].comment == "only in the log"
    assert rows_of(tmp_path / "hazard.db.0001.bak") == 4
    with closing(sqlite3.connect(tmp_path / "hazard.db.0001.bak")) as saved:
        comments = saved.execute("SELECT DISTINCT comment FROM action_request").fetchall()
    assert comments == [("only in the log",)]


def test_an_older_backup_stays(tmp_path: Path) -> None:
    path = released.write_database(tmp_path / "hazard.db")
    older = tmp_path / "hazard.db.0001.bak"
    older.write_bytes(b"of another day")
    with Store.open(path) as store:
        assert store.upgraded_from == tmp_path / "hazard.db.0001.2.bak"
    assert older.read_bytes() == b"of another day"
    assert rows_of(tmp_path / "hazard.db.0001.2.bak") == 4


def test_only_the_owner_reads_the_backup(tmp_path: Path) -> None:
    with Store.open(released.write_database(tmp_path / "hazard.db")) as store:
        assert store.upgraded_from is not None
        assert store.upgraded_from.stat().st_mode & 0o077 == 0


def test_without_room_for_the_backup_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = released.write_database(tmp_path / "hazard.db")
    real = shutil.disk_usage
    monkeypatch.setattr(
        backup.shutil, "disk_usage", lambda folder: real(folder)._replace(free=100_000)
    )
    with pytest.raises(StoreError, match=r"need 2 MB on its disk, where 0 MB are free: make room"):
        Store.open(path)
    assert rows_of(path) == 4
    assert list(tmp_path.glob("*.bak*")) == []


def test_where_the_backup_cannot_be_written_nothing_is_changed(tmp_path: Path) -> None:
    path = released.write_database(tmp_path / "hazard.db")
    (tmp_path / "hazard.db.0001.bak.part").mkdir()
    with pytest.raises(StoreError, match="make that folder writable"):
        Store.open(path)
    assert rows_of(path) == 4


def test_a_database_of_a_newer_release_is_refused_and_not_touched(store_address: str) -> None:
    with Store.open(store_address) as store:
        write_alert(store)
    engine = create_engine(store_url(store_address))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="version 9999, this program knows up to"):
        Store.open(store_address)
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    engine.dispose()
    assert version == "9999"


# ---------------------------------------------------------------- killed in the middle


def upgrade(address: str, point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", UPGRADE, address, point],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "at",
    [
        lambda total: total // 4,
        lambda total: total // 2,
        lambda total: total * 3 // 4,
        lambda total: total - 4,
        lambda _: "commit",
        lambda _: "copied",
    ],
    ids=["quarter", "half", "three-quarters", "near-the-end", "commit", "copied"],
)
def test_an_upgrade_that_is_killed_leaves_the_old_or_the_new(
    old_address: str, statements: int, at: Callable[[int], object]
) -> None:
    point = str(at(statements))
    if point == "copied" and store_url(old_address).get_backend_name() != "sqlite":
        point = str(statements // 3)  # PostgreSQL is copied by its owner
    killed = upgrade(old_address, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert version_of(old_address) in ("0001", head())
    with Store.open(old_address, render=outbox_messages) as store:
        assert_all_is_there(store)
        assert write_alert(store, 9).revision == 1
    if store_url(old_address).get_backend_name() == "sqlite":
        saved = Path(f"{old_address}.0001.bak")
        assert rows_of(saved) == 4
        assert not Path(f"{saved}.part").exists()


@pytest.fixture
def statements(new_address: Callable[[], str], tmp_path: Path) -> int:
    """How many statements opening and upgrading takes when nobody is killed."""
    address = new_address()
    folder = tmp_path / "counted"
    folder.mkdir()
    released.write_to(address, folder)
    done = upgrade(address, "never")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
