"""What the report of the alarm system is made from, as stored on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Connection,
    TableClause,
    bindparam,
    column,
    insert,
    inspect,
    select,
    table,
    text,
    update,
)

from hazard.alarms import on_action, on_condition
from hazard.alarms.flood import FLOOD_KIND
from hazard.performance import Point, performance
from hazard.store import Store
from hazard.store.engine import make_engine, store_url
from hazard.store.performance import Asked, _figures, alarm_changes, asked_since, recorded_since
from hazard.store.schema import MIGRATIONS
from hazard.store.tables import Base, RevisionRow
from hazard.types import Cause, IsaState, ProcessCondition, Severity
from tests.alert_builders import (
    T0,
    a_message,
    a_request,
    an_alarm,
    an_event,
    an_incident,
    later,
    plain_render,
    write_alert,
)

DAY = 86400
GATE = Point("yard", "zone-intrusion", "taped-off", "gate-1")


def stored_at(store: Store, seconds: dict[tuple[str, int], float]) -> None:
    """Give stored revisions the times that the test needs: the store has a clock of its own."""
    with store._durable.execution_options(writer=True).begin() as connection:
        for (alert_id, revision), second in seconds.items():
            connection.execute(
                update(RevisionRow)
                .where(RevisionRow.alert_id == alert_id, RevisionRow.revision == revision)
                .values(stored_at=later(second))
            )


def life(store: Store, number: int, **changes: Any) -> None:
    """Raised, acknowledged, described, back to normal: four revisions."""
    incident = f"i{number}"
    event = an_event(incident, sources=("gate-1",))
    write_alert(store, number, severity=Severity.LOW, asks_anew=True, events=(event,), **changes)
    alarm = an_alarm(f"a{number}", Severity.LOW)
    acknowledged = on_action(alarm, a_request(alert_id=alarm.alert_id), later(5)).alarm
    gone = on_condition(acknowledged, ProcessCondition.NORMAL, later(9)).alarm
    for step, cause in ((acknowledged, Cause.ACTION), (gone, Cause.CONDITION)):
        with store.unit() as unit:
            unit.save_incident(an_incident(incident))
            message = a_message(step, incident=incident, cause=cause, events=(event,), **changes)
            unit.write_revision(message, step)
            unit.commit()


def changes_of(store: Store, begin_s: float, end_s: float) -> list[tuple[str, int]]:
    with store.queries._read() as connection:
        found = alarm_changes(connection, later(begin_s), later(end_s))
        return [(change.alert_id, change.revision) for change in found]


def test_a_revision_is_told_with_all_that_figures_need(store: Store) -> None:
    life(store, 1)
    stored_at(store, {("a1", 1): 1, ("a1", 2): 6, ("a1", 3): 10})
    with store.queries._read() as connection:
        found = list(alarm_changes(connection, T0, later(60)))
    assert [change.point for change in found] == [GATE] * 3
    assert [change.asks_anew for change in found] == [True, False, False]
    assert [change.acknowledged for change in found] == [False, True, True]
    assert [change.at for change in found] == [later(1), later(6), later(10)]
    assert found[-1].state is IsaState.NORMAL
    report = performance(
        found, began_at=T0, ended_at=later(DAY), positions={"desk": ("yard",)}
    ).positions[0]
    assert report.alarms == 1
    assert report.figure("time_to_acknowledge_median_s").value == 5


def test_the_window_brings_the_past_of_alarms_that_reach_into_it_and_no_others(
    store: Store,
) -> None:
    for number in (1, 2, 3, 5):
        life(store, number)
    write_alert(store, 4, asks_anew=True)
    times = {("a1", 1): 0, ("a1", 2): 1, ("a1", 3): 2}
    times |= {("a2", 1): 0, ("a2", 2): 50, ("a2", 3): 150}
    times |= {("a3", 1): 110, ("a3", 2): 120, ("a3", 3): 210}
    times |= {("a4", 1): 3}
    times |= {("a5", 1): 4, ("a5", 2): 250, ("a5", 3): 260}
    stored_at(store, times)
    with store._durable.execution_options(writer=True).begin() as connection:
        alert = Base.metadata.tables["alert"]
        for name, over_s in (("a1", 2), ("a2", 150), ("a3", 210), ("a5", 260)):
            connection.execute(
                update(alert)
                .where(alert.c.alert_id == name)
                .values(returned_at=later(over_s), raised_at=later(times[name, 1]))
            )
    found = changes_of(store, 100, 200)
    assert sorted(found[:4]) == [("a2", 1), ("a2", 2), ("a4", 1), ("a5", 1)]
    assert found[4:] == [("a3", 1), ("a3", 2), ("a2", 3)]


def test_flood_alerts_and_words_are_left_out(store: Store) -> None:
    write_alert(store, 1, asks_anew=True)
    write_alert(store, 2, hazard=FLOOD_KIND)
    alarm = an_alarm("a1").model_copy(update={"revision": 2})
    with store.unit() as unit:
        unit.write_revision(a_message(alarm, cause=Cause.WORDS), alarm)
        unit.commit()
    stored_at(store, {("a1", 1): 1, ("a1", 2): 2, ("a2", 1): 3})
    assert changes_of(store, 0, 60) == [("a1", 1)]


def test_what_asked_lately_is_found_again_after_a_restart(store: Store) -> None:
    for number in (1, 2, 3):
        write_alert(store, number, asks_anew=number != 2)
    stored_at(store, {("a1", 1): 100, ("a2", 1): 110, ("a3", 1): 50})
    with store.queries._read() as connection:
        assert asked_since(connection, "edge-1", later(50)) == [Asked(later(100), "a1", "yard")]
        assert len(asked_since(connection, "edge-1", later(49))) == 2
        assert asked_since(connection, "edge-2", T0) == []


def test_an_empty_store_has_recorded_nothing(store: Store) -> None:
    with store.queries._read() as connection:
        assert recorded_since(connection) is None
    life(store, 1)
    stored_at(store, {("a1", 1): -DAY})
    with store.queries._read() as connection:
        assert recorded_since(connection) == later(-DAY)


def test_the_figures_of_a_window_are_read_without_the_payloads(tmp_path: Path) -> None:
    with Store.open(tmp_path / "hazard.db", render=plain_render) as store:
        life(store, 1)
        with store.queries._read() as connection:
            plan = _plan(connection)
    assert "USING COVERING INDEX ix_revision_figures (stored_at>" in plan


def _plan(connection: Connection) -> str:
    query = _figures().where(RevisionRow.stored_at >= T0)
    literal = query.compile(connection, compile_kwargs={"literal_binds": True})
    rows = connection.execute(text(f"EXPLAIN QUERY PLAN {literal}")).all()
    return "\n".join(str(row[-1]) for row in rows)


# ---------------------------------------------------------------- an older database


def test_what_an_older_release_stored_counts_once_for_each_alert(store_address: str) -> None:
    """Columns that the older schema lacks are filled from the stored payloads."""
    engine = make_engine(store_url(store_address), busy_ms=1000, sync="FULL")
    message = a_message(an_alarm("a1"), events=(an_event("i1", sources=("gate-1",)),))
    payload = message.model_dump(mode="json", exclude={"asks_anew", "chattering", "fleeting"})
    with engine.execution_options(writer=True).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        _put_old_rows(connection, payload)
    engine.dispose()
    with (
        Store.open(store_address, render=plain_render) as store,
        store.queries._read() as connection,
    ):
        rows = connection.execute(select(RevisionRow.__table__)).mappings().all()
    assert [row["asks_anew"] for row in rows] == [True, False]
    assert [row["acknowledged"] for row in rows] == [False, True]
    for row in rows:
        assert Point(row["area"], row["hazard"], row["rule_id"], row["source"]) == GATE
        assert not row["chattering"]
        assert not row["fleeting"]


def _as_it_was(connection: Connection, name: str) -> TableClause:
    """The table with the columns that it has now, and without the defaults of this release."""
    there = {each["name"] for each in inspect(connection).get_columns(name)}
    columns = Base.metadata.tables[name].columns
    return table(name, *(column(each.name, each.type) for each in columns if each.name in there))


def _put_old_rows(connection: Connection, payload: dict[str, Any]) -> None:
    tables = {name: _as_it_was(connection, name) for name in ("incident", "alert", "revision")}
    old = {"site": "plant-a", "node": "edge-1", "area": "yard", "hazard": "zone-intrusion"}
    connection.execute(
        insert(tables["incident"]).values(
            incident_id="i1",
            area="yard",
            hazard="zone-intrusion",
            opened_at=T0,
            updated_at=T0,
            payload=an_incident("i1").model_dump(mode="json"),
        )
    )
    judged = {"severity": "high", "decided_by": "policy", "state": "unacknowledged"}
    connection.execute(
        insert(tables["alert"]).values(
            **old,
            **judged,
            alert_id="a1",
            incident_id="i1",
            severity_rank=3,
            revision=2,
            raised_at=T0,
            updated_at=T0,
            alarm={},
            payload=payload,
        )
    )
    names = "alert_id, revision, node, sequence, cause, severity, decided_by, state, stored_at"
    for revision, cause in ((1, "raised"), (2, "action")):
        said = payload | {"acknowledged": revision == 2}
        values = {
            "alert_id": "a1",
            "revision": revision,
            "node": "edge-1",
            "sequence": revision,
            "cause": cause,
            **judged,
            "stored_at": T0 + timedelta(seconds=revision),
            "payload": said,
        }
        columns = [name.strip() for name in f"{names}, payload".split(",")]
        statement = text(
            f"INSERT INTO revision ({', '.join(columns)}) "  # noqa: S608 - names of this test
            f"VALUES ({', '.join(f':{name}' for name in columns)})"
        ).bindparams(*(_bind(name) for name in columns))
        connection.execute(statement, values)


def _bind(name: str) -> Any:
    return bindparam(name, type_=RevisionRow.__table__.c[name].type)


@pytest.mark.parametrize("begin_s", [0, 100])
def test_a_window_without_anything_has_no_changes(store: Store, begin_s: float) -> None:
    assert changes_of(store, begin_s, begin_s + 10) == []
