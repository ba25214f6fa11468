"""What overview and map read costs no more with a long past: by the database's own plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from edge_agent.bench.dashboard.fill import OPEN, fill
from edge_agent.bench.dashboard.lives import NODE
from hazard.store import Store
from hazard.store.situation import Situation
from hazard.types import Severity

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ALERTS = 3000
READS: dict[str, Callable[[Situation], object]] = {
    "pressing": lambda read: read.pressing(12),
    "active_by_source": lambda read: read.active_by_source(),
    "latest_of_source": lambda read: read.latest_of_source("h2s-1", NOW - timedelta(days=7), 10),
    "incidents_by_place": lambda read: read.incidents_by_place(NOW - timedelta(days=7), NOW),
    "has_alerts": lambda read: read.has_alerts(),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("situation") / "hazard.db"
    fill(path, ALERTS, now=NOW)
    with Store.open(path, node=NODE) as opened:
        yield opened


def plans_of(store: Store, read: Callable[[Situation], object]) -> list[str]:
    """How SQLite goes about each query of a read."""
    engine = store.situation._engine
    asked: list[tuple[str, object]] = []

    def hear(*arguments: object) -> None:
        asked.append((str(arguments[2]), arguments[3]))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        read(store.situation)
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    with engine.connect() as connection:
        return [
            row[3]
            for statement, values in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
        ]


@pytest.mark.parametrize("name", [name for name in READS if name != "has_alerts"])
def test_no_read_goes_through_the_whole_past(store: Store, name: str) -> None:
    plans = plans_of(store, READS[name])
    assert plans
    for plan in plans:
        assert not plan.startswith(("SCAN alert", "SCAN revision")), plans


def test_the_most_pressing_come_first_and_those_put_aside_are_left_out(store: Store) -> None:
    found = store.situation.pressing(500)
    counts = store.queries.active_counts_by_area()
    assert len(found) == OPEN - sum(area.suppressed for area in counts.values())
    waits = [alarm.state.value.endswith("unacknowledged") for alarm in found]
    assert waits == sorted(waits, reverse=True)
    first = [alarm for alarm, waiting in zip(found, waits, strict=True) if waiting]
    keys = [(-alarm.severity.rank, -alarm.times.raised.timestamp()) for alarm in first]
    assert keys == sorted(keys)


def test_counts_by_place_are_those_of_the_period(store: Store) -> None:
    since = NOW - timedelta(days=7)
    counted = store.situation.incidents_by_place(since, NOW)
    assert 0 < sum(each.incidents for each in counted) < ALERTS
    assert max(each.worst for each in counted) is Severity.CRITICAL
    by_source = {each.source: each.alarms for each in store.situation.active_by_source()}
    listed = store.situation.pressing(500)
    assert sum(by_source.values()) == len(listed)
