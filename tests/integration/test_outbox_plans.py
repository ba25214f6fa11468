"""What a relay asks of the outbox at each look reads no table from end to end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from hazard.store import Store
from tests.alert_builders import plain_render, write_alert


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """The statements of all engines in the block, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def executed(*call: Any) -> None:
        _connection, _cursor, statement, parameters, _context, _many = call
        seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", executed)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", executed)


def test_a_look_into_a_long_outbox_goes_by_index(tmp_path: Path) -> None:
    file = tmp_path / "hazard.db"
    with Store.open(file, render=plain_render) as store:
        write_alert(store, 1)
        with recorded() as asked:
            store.outbox.position("plant")
            store.outbox.read(0, 10)
            store.outbox.gaps("plant", 0)
    queries = [query for query in asked if query[0].lstrip().startswith("SELECT")]
    assert len(queries) >= 3
    with closing(sqlite3.connect(file)) as connection:
        for statement, parameters in queries:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            assert not [step for *_, step in plan if step.startswith("SCAN")], (statement, plan)
