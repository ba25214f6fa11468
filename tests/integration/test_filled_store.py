"""A filled store reads back whole, and looks as a plant leaves it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, text

from edge_agent.bench.dashboard.fill import OPEN, WHOLE, fill
from edge_agent.bench.dashboard.lives import NODE
from hazard.store import Store
from hazard.store.engine import store_url
from hazard.store.queries import AlertFilter

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_it_reads_back_whole(store_address: str) -> None:
    fill(store_address, WHOLE + 50, now=NOW)
    with Store.open(store_address, node=NODE) as store:
        assert store.queries.count_alerts() == WHOLE + 50
        assert store.queries.count_alerts(AlertFilter(active=True)) == OPEN
        newest = store.queries.list_alerts(limit=60).alerts
        assert all(alert.times.raised <= NOW for alert in newest)
        for alert in newest[:3] + newest[-3:]:
            found = store.queries.get_alert(alert.alert_id)
            assert found is not None
            assert found.current == alert
            assert [each.revision for each in found.revisions] == list(range(1, alert.revision + 1))
        assert store.verify_audit()[1] is None


def test_words_and_counts_are_in_step(store_address: str) -> None:
    fill(store_address, 300, now=NOW)
    engine = create_engine(store_url(store_address))
    with engine.connect() as connection:

        def number(query: str) -> int:
            return int(connection.execute(text(query)).scalar_one())

        assert number("SELECT sum(alerts) FROM alert_facet") == 300
        assert number("SELECT count(*) FROM alert_text") == 300
        assert number("SELECT count(*) FROM alert_facet WHERE case_closed") > 5
    engine.dispose()


def test_the_same_seed_gives_the_same_alerts(tmp_path: Path) -> None:
    names = []
    for folder in ("one", "two"):
        path = tmp_path / f"{folder}.db"
        fill(path, 60, seed=7, now=NOW)
        with Store.open(path, node=NODE) as store:
            names.append([alert.alert_id for alert in store.queries.list_alerts().alerts])
    assert names[0] == names[1]
