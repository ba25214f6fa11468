"""Ended alerts stay on the node until the replica has them, within a bound."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hazard.alarms import on_action, on_condition
from hazard.site.keeping import Retention
from hazard.store import Store
from hazard.store.bulk import REPLICA_WAIT
from hazard.types import Cause, ProcessCondition, Severity
from tests.alert_builders import a_message, a_request, an_alarm, later, write_alert
from tests.integration.replica.plant import open_node

KEPT = Retention(alerts_days=1)


def end_alert(store: Store, number: int) -> None:
    alarm = on_action(
        an_alarm(f"a{number}", Severity.LOW), a_request(alert_id=f"a{number}"), later(1)
    )
    normal = on_condition(alarm.alarm, ProcessCondition.NORMAL, later(2)).alarm
    with store.unit() as unit:
        message = a_message(normal, incident=f"i{number}", cause=Cause.CONDITION)
        unit.write_revision(message, normal)
        unit.commit()


def prune(store: Store, folder: Path, *, days: float, replica_of: str | None) -> int:
    ended = store.queries.list_alerts().alerts[0].times.stored
    assert ended is not None
    now = ended + timedelta(days=days)
    pruned = store.bulk.prune(
        now, KEPT, evidence_dir=folder, brokers=("plant",), replica_of=replica_of
    )
    return pruned.alerts


def test_an_ended_alert_waits_for_the_replica_and_goes_when_it_has_it(tmp_path: Path) -> None:
    with open_node(tmp_path / "hazard.db") as store:
        for number in (1, 2):
            write_alert(store, number, severity=Severity.LOW)
            end_alert(store, number)
        write_alert(store, 0)  # the alert with the newest number stays anyhow
        assert prune(store, tmp_path, days=2, replica_of="edge-1") == 0
        store.bulk.note_replica("edge-1", 3, later(0))  # alert 2 ended with sequence 4
        assert prune(store, tmp_path, days=2, replica_of="edge-1") == 1
        assert [alert.alert_id for alert in store.queries.list_alerts().alerts] == ["a2", "a0"]
        store.bulk.note_replica("edge-1", 4, later(0))
        assert prune(store, tmp_path, days=2, replica_of="edge-1") == 1


def test_a_replica_that_is_away_for_good_does_not_fill_the_disk(tmp_path: Path) -> None:
    with open_node(tmp_path / "hazard.db") as store:
        write_alert(store, 1, severity=Severity.LOW)
        end_alert(store, 1)
        write_alert(store, 0)
        within = REPLICA_WAIT / timedelta(days=1)
        assert prune(store, tmp_path, days=within, replica_of="edge-1") == 0
        assert prune(store, tmp_path, days=within + 2, replica_of="edge-1") == 1


def test_without_a_replica_nothing_waits(tmp_path: Path) -> None:
    with open_node(tmp_path / "hazard.db") as store:
        write_alert(store, 1, severity=Severity.LOW)
        end_alert(store, 1)
        write_alert(store, 0)
        assert prune(store, tmp_path, days=2, replica_of=None) == 1
