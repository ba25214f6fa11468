"""What the replica holds is what the node holds: always, again, and from several nodes."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from hazard.errors import SchemaTooNew, StoreError
from hazard.store import Store
from hazard.store.engine import store_url
from hazard.store.replica import Feeder, Replaced, Source, Target
from hazard.store.replica.portion import revisions_cursor
from hazard.types import Health, StageHealth
from tests.alert_builders import T0, a_request, wait_until, write_alert
from tests.integration.replica.plant import (
    change_without_revision,
    feed,
    open_node,
    rows,
    write_everything,
)

pytestmark = pytest.mark.postgres


def run_sql(url: str, sql: str) -> None:
    engine = create_engine(store_url(url))
    with engine.begin() as connection:
        connection.execute(text(sql))
    engine.dispose()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "hazard.db"


def test_every_row_of_the_node_is_on_the_replica(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
        assert feed(database, replica_url) == 6
        assert rows(replica_url) == rows(database, "edge-1")
        for number in (1, 3):
            change_without_revision(store, number)
        assert feed(database, replica_url) == 0
    found = rows(replica_url)
    assert found == rows(database, "edge-1")
    assert all(len(lines) >= 3 for lines in found.values())


def test_a_feed_from_zero_changes_nothing(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
    feed(database, replica_url)
    before = rows(replica_url)
    run_sql(replica_url, "DELETE FROM cursor")
    assert feed(database, replica_url) == 6
    assert rows(replica_url) == before


def test_days_of_revisions_come_in_portions(
    database: Path, replica_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard.store.replica.source.PORTION", 4)
    with open_node(database) as store:
        write_everything(store, count=15)
    assert feed(database, replica_url) == 30
    assert rows(replica_url) == rows(database, "edge-1")


def test_two_nodes_feed_one_replica_and_each_chain_is_whole(
    tmp_path: Path, replica_url: str
) -> None:
    databases = {"edge-1": tmp_path / "one.db", "edge-2": tmp_path / "two.db"}
    for first, (node, database) in zip((1, 100), databases.items(), strict=True):
        with open_node(database, node) as store:
            write_everything(store, first, node=node)
            # A command that went to both nodes has the same id on both.
            store.desk.submit_request(a_request(alert_id=f"a{first}", request_id="to-all"))
    failed: list[Exception] = []

    def feed_one(node: str) -> None:
        try:
            feed(databases[node], replica_url, node)
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    threads = [threading.Thread(target=feed_one, args=(node,)) for node in databases]
    for thread in threads:  # both at once: one of them makes the schema
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    both = {node: rows(database, node) for node, database in databases.items()}
    for table, lines in rows(replica_url).items():
        assert len(lines) == sum(len(each[table]) for each in both.values()), table
        assert all(line in lines for each in both.values() for line in each[table]), table
    with Store.open(replica_url) as replica:
        assert replica.verify_audit() == (18, None)


def test_nodes_that_number_alerts_of_the_same_moment_at_once_are_both_found_by_words(
    tmp_path: Path, replica_url: str
) -> None:
    databases = {"edge-1": tmp_path / "one.db", "edge-2": tmp_path / "two.db"}
    for first, (node, database) in zip((1, 100), databases.items(), strict=True):
        with open_node(database, node) as store:
            write_alert(store, first, node=node)
    feed(databases["edge-2"], replica_url, "edge-2")
    engine = create_engine(store_url(replica_url))
    with ThreadPoolExecutor(1) as pool, engine.connect() as other, engine.connect() as watch:
        # The other node's transaction has taken the number, and has not ended yet.
        (row,) = other.execute(text("DELETE FROM alert_text RETURNING *")).mappings()
        other.commit()
        other.execute(text("INSERT INTO alert_text VALUES (:alert_no, :alert_id, :words)"), row)
        feeding = pool.submit(feed, databases["edge-1"], replica_url, "edge-1")
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: watch.execute(waiting).scalar_one() > 0, what="the same number")
        other.commit()
        assert feeding.result(timeout=30) == 1
        numbers = other.execute(text("SELECT alert_no FROM alert_text")).scalars().all()
    engine.dispose()
    assert sorted(numbers) == [row["alert_no"], row["alert_no"] + 1]


def test_a_changed_line_of_one_node_is_named_with_the_node(
    database: Path, replica_url: str
) -> None:
    with open_node(database) as store:
        write_everything(store)
    feed(database, replica_url)
    run_sql(replica_url, "UPDATE audit SET actor = 'eve' WHERE audit_id = 3")
    with Store.open(replica_url) as replica:
        _, fault = replica.verify_audit()
    assert fault is not None
    assert "of node 'edge-1'" in fault


def test_an_older_state_never_overwrites_a_newer(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store, count=1)
    feed(database, replica_url)
    run_sql(replica_url, "UPDATE alert SET revision = 9, state = 'normal'")
    run_sql(replica_url, "DELETE FROM cursor")
    feed(database, replica_url)
    (alert,) = rows(replica_url)["alert"]
    assert (alert["revision"], alert["state"]) == (9, "normal")


def test_a_database_put_back_from_a_backup_is_refused_and_nothing_changes(
    database: Path, replica_url: str
) -> None:
    with open_node(database) as store:
        write_everything(store, count=2)
    shutil.copy(database, database.with_suffix(".bak"))
    with open_node(database) as store:
        write_everything(store, first=10)
    feed(database, replica_url)
    before = rows(replica_url)
    shutil.copy(database.with_suffix(".bak"), database)
    with pytest.raises(Replaced, match=r"ends at sequence 4, and 10 were copied.*site\.node"):
        feed(database, replica_url)
    with open_node(database) as store:  # it goes on, and gives out the same numbers again
        write_everything(store, first=50)
    with pytest.raises(Replaced, match="audit is not the one"):
        feed(database, replica_url)
    run_sql(replica_url, "DELETE FROM cursor")
    with pytest.raises(Replaced, match=r"other rows|another"):
        feed(database, replica_url)
    assert rows(replica_url) == before


def test_a_database_replaced_while_it_is_fed_is_noticed(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
    target = Target(replica_url)
    with closing(target):
        feeder = Feeder(Source(database, "edge-1"), target)
        feeder.connect()
        assert feeder.step().complete
        database.rename(database.with_suffix(".old"))
        with open_node(database) as store:
            write_everything(store, first=200, count=9)
        with pytest.raises(Replaced):
            feeder.step()


def test_a_box_with_a_new_name_is_fed_from_its_beginning(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
    feed(database, replica_url)
    with open_node(database, "edge-9") as store:
        write_everything(store, first=20, node="edge-9")
    feed(database, replica_url, "edge-9")
    assert len(rows(replica_url)["revision"]) == 12
    with Store.open(replica_url) as replica:
        checked, fault = replica.verify_audit()
    assert (checked, fault) == (9 + 18, None)


def test_a_replica_of_a_newer_release_is_refused_in_words(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
    feed(database, replica_url)
    run_sql(replica_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="bring this box to that release"):
        feed(database, replica_url)


def test_another_box_of_the_same_name_is_noticed(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        write_everything(store)
        first, second = Target(replica_url), Target(replica_url)
        with closing(first), closing(second):
            one, two = (
                Feeder(Source(database, "edge-1"), first),
                Feeder(Source(database, "edge-1"), second),
            )
            one.connect()
            two.connect()
            one.step()
            with pytest.raises(StoreError, match=r"give each box its own site\.node"):
                two.step()


def test_a_row_that_postgresql_refuses_is_named_and_stops_nothing(
    database: Path, replica_url: str
) -> None:
    with open_node(database) as store:
        write_everything(store, count=1)
        store.desk.audit(T0, "x" * 70, "login", "dashboard", {})
        write_alert(store, 2)
        target = Target(replica_url)
        with closing(target):
            feeder = Feeder(Source(database, "edge-1"), target)
            feeder.connect()
            assert feeder.step().complete
            assert len(target.refused) == 1
            assert "too long" in target.refused[0]
    assert len(rows(replica_url)["revision"]) == 3


def test_the_stages_of_the_node_are_there_as_it_last_said(database: Path, replica_url: str) -> None:
    with open_node(database) as store:
        stage = StageHealth(stage="store", health=Health.READY, at=T0, figures={"n": 1})
        store.bulk.record_health("edge-1", [stage])
        feed(database, replica_url)
        newer = stage.model_copy(update={"stage": "vision"})
        store.bulk.record_health("edge-1", [newer])
        feed(database, replica_url)
    with Store.open(replica_url) as replica:
        assert replica.queries.stage_health() == (newer,)


def test_a_postgresql_that_is_not_there_is_no_store_error(database: Path) -> None:
    with open_node(database):
        target = Target("postgresql://nobody@127.0.0.1:9/none")
        with closing(target), pytest.raises(OperationalError):
            Feeder(Source(database, "edge-1"), target).connect()


def test_the_reader_holds_up_no_writer(database: Path, replica_url: str) -> None:
    """A portion that is being written to PostgreSQL holds nothing in the node's file."""
    with open_node(database) as store:
        write_everything(store, count=2)
        source = Source(database, "edge-1")
        feed(database, replica_url)
        portion = source.read({revisions_cursor("edge-1"): 0})
        assert len(portion.moves) == 1
        with store._plain.connect() as connection:
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    assert busy == 0
