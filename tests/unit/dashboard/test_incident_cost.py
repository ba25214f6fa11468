"""The page of one incident costs the same however many alerts there are: all by index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from tests.plant import Plant


def test_nothing_that_the_incidents_page_reads_is_searched_from_end_to_end(plant: Plant) -> None:
    alert = plant.raise_alert()
    queries, now = plant.store.queries, datetime.now(UTC)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    event.listen(queries.engine, "before_cursor_execute", note)
    queries.get_alert(alert)
    queries.current(alert)
    queries.candidates(hazard="toxic_gas", area="yard", before=now, other_areas=["compressor"])
    queries.evidence_of(alert)
    queries.paths_around("yard-1", now, now)
    queries.readings_around(["h2s-1"], now, now)
    queries.request_state("r1")
    plant.store.jobs.of_subject("a1", limit=1)
    event.remove(queries.engine, "before_cursor_execute", note)
    plans = []
    with closing(sqlite3.connect(plant.data_dir / "hazard.db")) as database:
        for statement, values in asked:
            if statement.startswith("SELECT"):
                found = database.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                plans += [(row[3], statement) for row in found]
    assert len(plans) > 15
    assert [(step, statement) for step, statement in plans if step.startswith("SCAN")] == []
