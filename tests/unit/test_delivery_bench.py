"""The delivery bench's arithmetic, and that its rows are the product's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edge_agent.bench.delivery.rows import four_rows
from edge_agent.bench.delivery.run import summarise
from edge_agent.bench.delivery.scene import bench_site, first_revision, numbered
from hazard.store.operations import SaveAssessment, SaveIncident, WriteRevision

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROKER = {"kind": "mosquitto", "version": "2"}


def a_run(product: float, orm: float = 1000.0, paho: float = 10_000.0) -> dict[str, Any]:
    return {
        "incidents": 10,
        "incidents_per_s": product,
        "orm_incidents_per_s": orm,
        "paho_messages_per_s": paho,
        "cpu_ms_per_incident": 1.0,
        "latency_ms": {"p50": 1.0, "p99": 2.0},
        "lost": 0,
    }


def test_the_ratio_is_against_the_slower_floor_at_the_worst_level() -> None:
    runs = {
        "1000": [a_run(900), a_run(700), a_run(800)],
        "100000": [a_run(600), a_run(600, orm=1200), a_run(600, orm=800)],
    }
    ratios = summarise(runs, BROKER)["ratios"]
    assert ratios["vs_slower_floor_1000_stored"] == 0.8
    assert ratios["vs_slower_floor_100000_stored"] == 0.6
    assert ratios["vs_slower_floor"] == 0.6


def test_a_broker_that_is_slower_than_the_database_is_the_slower_floor() -> None:
    ratios = summarise({"1000": [a_run(400, paho=800)]}, BROKER)["ratios"]
    assert ratios["vs_slower_floor"] == 0.5


def test_what_is_lost_in_any_round_is_told() -> None:
    report = summarise({"1000": [a_run(400), a_run(400) | {"lost": 2}]}, BROKER)
    assert report["lost"] == 2
    assert report["broker"] == BROKER
    assert {"machine", "versions", "runs", "medians"} <= report.keys()


def test_what_is_measured_is_what_the_core_writes_for_a_person_in_a_zone() -> None:
    first = first_revision(bench_site(1), AT)
    kinds = [type(each) for each in first.operations()]
    assert kinds == [SaveIncident, WriteRevision, SaveAssessment]
    assert first.message.revision == 1
    assert first.message.words is not None
    assert first.message.events[0].subject == "gate/pit/track-1"


def test_each_number_is_an_alarm_of_its_own() -> None:
    first = first_revision(bench_site(1), AT)
    one, two = numbered(first, "x-1", AT), numbered(first, "x-2", AT)
    assert one.message.incident_id == one.incident.incident_id != two.incident.incident_id
    assert one.message.alert_id == one.alarm.alert_id != two.alarm.alert_id
    assert one.assessment.incident_id == one.incident.incident_id
    rows = four_rows([one, two], 7)
    assert [row.revision["sequence"] for row in rows] == [8, 9]
    assert [row.alert["alert_id"] for row in rows] == ["x-1-a", "x-2-a"]
    assert [row.outbox["topic"].rsplit("/", 1)[-1] for row in rows] == ["x-1-a", "x-2-a"]
    assert rows[1].audit["previous_hash"] == rows[0].audit["hash"]
