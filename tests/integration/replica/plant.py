"""A node's database with rows of every kind that a replica copies, and both compared by row."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select

from hazard.alarms import on_action
from hazard.store import Store
from hazard.store.engine import make_engine, store_url
from hazard.store.operations import SaveOrder
from hazard.store.replica import Feeder, Source, Target
from hazard.store.replica.portion import COPIED
from hazard.store.tables import ActionRequestRow, AuditRow, Base
from hazard.types import (
    Assessment,
    Authority,
    CaseFile,
    Cause,
    DecidedBy,
    RequestState,
    Severity,
    SuppressionCause,
    SuppressionOrder,
)
from tests.alert_builders import (
    T0,
    a_message,
    a_request,
    an_alarm,
    an_evidence,
    an_incident,
    later,
    plain_render,
    write_alert,
)


def open_node(database: Path, node: str = "edge-1") -> Store:
    return Store.open(database, node=node, render=plain_render)


def write_everything(store: Store, first: int = 1, count: int = 3, node: str = "edge-1") -> None:
    """`count` alerts, each with assessment, evidence, case, request and order; audit of both."""
    for number in range(first, first + count):
        alert_id, incident_id = f"a{number}", f"i{number}"
        write_alert(store, number, node=node)
        request = a_request(alert_id=alert_id, request_id=f"r{number}", comment="seen\x00, émile")
        store.desk.submit_request(request)
        done = on_action(an_alarm(alert_id), request, later(3))
        evidence = an_evidence(number)
        with store.unit() as unit:
            unit.save_assessment(
                Assessment(
                    assessment_id=f"{number:08d}-assessment",
                    incident_id=incident_id,
                    severity=Severity.HIGH,
                    floor=Severity.LOW,
                    default=Severity.HIGH,
                    decided_by=DecidedBy.POLICY,
                    authority=Authority.ADVISE,
                    reason="policy default",
                    decided_at=later(1),
                )
            )
            unit.save_evidence(incident_id, evidence)
            unit.write_revision(
                a_message(
                    done.alarm,
                    incident=incident_id,
                    cause=Cause.ACTION,
                    node=node,
                    case=CaseFile(assignee="ada"),
                    evidence=(evidence,),
                ),
                done.alarm,
                actor="ada",
                text=done.text,
            )
            unit.finish_request(request.request_id, RequestState.DONE, "acknowledged", later(4))
            unit.add(SaveOrder(node=node, order=an_order(number)))
            unit.commit()
        store.desk.audit(T0, "ada", "login", "dashboard", {"number": number})


def an_order(number: int, **changes: Any) -> SuppressionOrder:
    values: dict[str, Any] = {
        "order_id": f"order-{number}",
        "cause": SuppressionCause.HOT_WORK,
        "hazard": "fire",
        "area": "yard",
        "starts_at": T0,
        "ends_at": T0 + timedelta(hours=2),
        "granted_by": "ada",
        "reason": "welding",
    }
    return SuppressionOrder(**(values | changes))


def change_without_revision(store: Store, number: int, node: str = "edge-1") -> None:
    """What a revision does not tell of: incident, assessment, order and request."""
    with store.unit() as unit:
        unit.save_incident(an_incident(f"i{number}", updated_at=later(60), grouped=7))
        unit.add(SaveOrder(node=node, order=an_order(number, ended_at=later(9), ended_by="bob")))
        unit.commit()
    store.desk.submit_request(a_request(alert_id=f"a{number}", request_id=f"late-{number}"))


def feed(database: Path, url: str, node: str = "edge-1") -> int:
    """Copy until nothing is left; the number of revisions."""
    target = Target(url)
    feeder = Feeder(Source(database, node), target)
    copied = 0
    try:
        feeder.connect()
        while True:
            progress = feeder.step()
            copied += progress.revisions
            if progress.complete:
                feeder.copy_health()
                assert target.refused == []
                return copied
    finally:
        target.close()


def rows(address: str | Path, node: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Every row of every copied table, JSON as values; with `node` as a replica names it."""
    url = store_url(address)
    engine = make_engine(url, busy_ms=5000, sync="NORMAL") if node is None else create_engine(url)
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        with engine.connect() as connection:
            for table in COPIED:
                lines = [
                    dict(row) for row in connection.execute(select(table.__table__)).mappings()
                ]
                found[table.__tablename__] = sorted(
                    (_plain(table, line, node) for line in lines), key=json.dumps
                )
    finally:
        engine.dispose()
    return found


def _plain(table: type[Base], row: dict[str, Any], node: str | None) -> dict[str, Any]:
    row.pop("audit_id", None)
    if table in (AuditRow, ActionRequestRow) and node is not None:
        row["node"] = node
    shown = {
        key: value.replace("\x00", "\u2400") if isinstance(value, str) else value
        for key, value in row.items()
    }
    return json.loads(json.dumps(shown, default=str, sort_keys=True))
