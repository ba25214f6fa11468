"""What the store keeps of how alarms are handled: orders, cases after the end, who did what."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from hazard.alarms import Attention, on_condition, on_note
from hazard.store import Store
from hazard.store.operations import SaveOrder
from hazard.types import (
    Cause,
    IsaState,
    ProcessCondition,
    Role,
    Severity,
    SuppressionCause,
    SuppressionOrder,
)
from tests.alert_builders import (
    T0,
    a_message,
    an_alarm,
    later,
    plain_render,
    write_alert,
)


def an_order(order_id: str = "o1", **changes: object) -> SuppressionOrder:
    values: dict[str, object] = {
        "order_id": order_id,
        "cause": SuppressionCause.HOT_WORK,
        "hazard": "smoke",
        "area": "yard",
        "starts_at": T0,
        "ends_at": T0 + timedelta(hours=2),
        "granted_by": "ada",
        "role": Role.SAFETY_OFFICER,
        "reason": "welding",
    }
    return SuppressionOrder.model_validate(values | changes)


def save(store: Store, *orders: SuppressionOrder, node: str = "edge-1") -> None:
    with store.unit() as unit:
        unit.add(*(SaveOrder(node=node, order=order) for order in orders))
        unit.commit()


def test_orders_stand_until_somebody_ends_them_and_belong_to_their_node(store: Store) -> None:
    save(store, an_order("o2", starts_at=later(1)), an_order())
    save(store, an_order("elsewhere"), node="edge-2")
    assert [order.order_id for order in store.standing_orders()] == ["o1", "o2"]
    save(store, an_order(ended_at=later(5), ended_by="ada"))
    assert store.standing_orders() == [an_order("o2", starts_at=later(1))]


def test_an_order_that_waits_in_the_journal_stands(tmp_path: Path) -> None:
    path, journal = tmp_path / "hazard.db", tmp_path / "journal"
    with Store.open(path, journal=journal, commit_timeout_ms=50) as store:
        save(store, an_order())
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        save(store, an_order(ended_at=later(1), ended_by="ada"), an_order("o2"))
        assert store.journal_waiting
        assert [order.order_id for order in store.standing_orders()] == ["o2"]
        lock.execute("ROLLBACK")
        lock.close()


def test_an_alert_that_is_over_is_read_and_revised_and_its_end_stays_where_it_was(
    store_address: str,
) -> None:
    moments = iter([later(0), later(1), later(60), later(61), later(62)])
    with Store.open(store_address, render=plain_render, now=lambda: next(moments)) as store:
        write_alert(store, severity=Severity.LOW)
        gone = on_condition(an_alarm(severity=Severity.LOW), ProcessCondition.NORMAL, later(1))
        over = gone.alarm.model_copy(
            update={"attention": Attention.ACKNOWLEDGED, "acknowledged_by": "ada", "revision": 2}
        )
        noted = on_note(over, Cause.CASE, later(60), "assigned to ben")
        for alarm, cause in ((over, Cause.CONDITION), (noted.alarm, Cause.CASE)):
            with store.unit() as unit:
                unit.write_revision(a_message(alarm, cause=cause), alarm, text=cause.value)
                unit.commit()
        found = store.alert("a1")
        assert found is not None
        assert (found.message.state, found.message.revision) == (IsaState.NORMAL, 3)
        assert found.alarm == noted.alarm
        assert store.open_alerts() == []
        assert store.alert("nobody") is None
        with store._plain.connect() as connection:
            (returned,) = connection.execute(text("SELECT returned_at FROM alert")).one()
        assert str(returned).startswith("2026-03-01 12:00:01")


def test_the_audit_says_as_what_somebody_acted_and_which_way(store: Store) -> None:
    write_alert(store)
    noted = on_note(an_alarm(), Cause.ACTION, later(1), "comment by ada")
    with store.unit() as unit:
        unit.write_revision(
            a_message(noted.alarm, cause=Cause.ACTION),
            noted.alarm,
            actor="ada",
            text=noted.text,
            details={"verb": "comment", "role": "operator", "via": "mqtt"},
        )
        unit.commit()
    line = store.queries.audit_page().lines[0]
    assert (line.actor, line.verb) == ("ada", "alert.action")
    assert line.details["via"] == "mqtt"
    assert line.details["role"] == "operator"
    assert store.verify_audit() == (2, None)


def test_suppressed_alarms_are_counted_apart_and_make_no_area_worse(store: Store) -> None:
    write_alert(store, 1, severity=Severity.LOW)
    for number, state in enumerate(
        (IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE), start=2
    ):
        write_alert(store, number, state=state)
    counts = store.active_counts()["yard"]
    assert counts.worst is Severity.LOW
    assert (counts.suppressed, counts.by_severity) == (3, {Severity.LOW: 1})
