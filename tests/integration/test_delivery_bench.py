"""The delivery bench with real broker and stores, small: its numbers add up and nothing is lost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import edge_agent.broker_process
from edge_agent.bench.delivery.fill import fill
from edge_agent.bench.delivery.run import run_delivery_bench
from hazard.store import Store

STORED, INCIDENTS = 300, 200


def test_a_filled_store_is_one_that_the_product_could_have_written(tmp_path: Path) -> None:
    file = tmp_path / "hazard.db"
    fill(file, STORED)
    with Store.open(file) as store:
        assert store.verify_audit() == (STORED, None)
        assert store.open_alerts() == []
        assert store.health().figures["sequence"] == STORED
        assert store.outbox.read(store.outbox.position("plant"), 10) == []
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        waiting, stored = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("outbox", "revision")
        )
    finally:
        connection.close()
    assert stored == STORED
    assert 0 < waiting <= 2 * STORED / 50, "an outbox holds the last day of 90"


@pytest.mark.parametrize(
    "kind", [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "embedded"]
)
@pytest.mark.timeout(600)
def test_a_small_bench_delivers_everything_and_names_its_broker(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "embedded":
        monkeypatch.setattr(edge_agent.broker_process, "installed_mosquitto", lambda: None)
    file, said = tmp_path / "delivery.json", list[str]()
    assert run_delivery_bench(
        file, rounds=1, say=said.append, levels=(STORED,), incidents=INCIDENTS
    )
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["lost"] == 0
    assert report["broker"]["kind"] == kind
    (run,) = report["runs"][str(STORED)]
    assert run["journaled"] == 0
    assert run["latency_ms"]["samples"] == 600
    assert 0 < run["latency_ms"]["p50"] <= run["latency_ms"]["p99"]
    slower = min(run["orm_incidents_per_s"], run["paho_messages_per_s"])
    assert report["ratios"]["vs_slower_floor"] == pytest.approx(
        run["incidents_per_s"] / slower, abs=0.001
    )
