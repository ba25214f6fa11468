"""Figures from the database against counting in plain Python, on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, text

from hazard.alarms import on_action, on_condition
from hazard.alarms.shifts import shift_at
from hazard.figures import PlantFigures
from hazard.performance import AlarmReport, performance
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.site.positions import positions
from hazard.store import Store
from hazard.store.alarm_load import alarm_report
from hazard.store.performance import alarm_changes
from hazard.store.tables import AlertRow, AuditRow, Base, IncidentRow, RevisionRow
from hazard.types import Authority, DecidedBy, IsaState, Opinion, ProcessCondition, Severity, Times
from tests import released
from tests.alert_builders import (
    T0,
    a_message,
    a_request,
    an_alarm,
    an_incident,
    later,
    plain_render,
    write_alert,
)

SITE = """\
version: 1
site: {id: demo, name: Demo, timezone: Europe/Berlin}
areas: {yard: {name: Yard}, hall: {name: Hall}, dock: {name: Dock}}
alarms:
  positions: {gate: {name: Gate, areas: [yard]}}
  shifts:
    day: {start: "06:10", end: "18:10"}
    weekend: {days: [sat], start: "18:10", end: "02:30"}
mqtt: {embedded: true}
"""
BEGAN = datetime(2026, 3, 20, 7, 13, tzinfo=UTC)
"""Before the clock is put forward on 29 March."""
ENDED = BEGAN + timedelta(days=30)
KINDS = ("person_near_vehicle", "toxic_gas", "fire", "alarm_flood")
RANKS = {each.rank: each for each in Severity}
OPEN = (IsaState.UNACKNOWLEDGED, IsaState.ACKNOWLEDGED, IsaState.SHELVED)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    file = tmp_path / "site.yaml"
    file.write_text(SITE, encoding="utf-8")
    return load_site(file)


@dataclass(frozen=True)
class Life:
    """One alert as it went: seconds after the beginning, what the model said, what became of it."""

    at_s: float
    area: str
    hazard: str
    rank: int
    default: int
    opinion: int | None
    failure: str | None
    steps: tuple[tuple[float, IsaState, bool], ...]
    closed_s: int | None
    cause: str | None
    chattering: bool
    fleeting: bool


lives = st.builds(
    Life,
    at_s=st.integers(-3 * 86400, 33 * 86400)
    | st.integers(0, 1500)
    | st.sampled_from([9 * 86400.0 - 26_400 + step for step in (-1, 0, 1, 3600, 5400)]),
    area=st.sampled_from(["yard", "hall", "dock"]),
    hazard=st.sampled_from(KINDS),
    rank=st.integers(1, 4),
    default=st.integers(1, 4),
    opinion=st.none() | st.integers(0, 4),
    failure=st.none() | st.sampled_from(["late", "unsure"]),
    steps=st.lists(
        st.tuples(
            st.integers(1, 100_000),
            st.sampled_from([*OPEN, IsaState.NORMAL, IsaState.RTN_UNACKNOWLEDGED]),
            st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    closed_s=st.none() | st.integers(0, 90_000),
    cause=st.none() | st.sampled_from(["nuisance", "true_hazard", "drill"]),
    chattering=st.booleans(),
    fleeting=st.booleans(),
)


def write(store: Store, all_lives: Sequence[Life]) -> None:
    """The rows of these lives instead of all that were there."""
    incidents, alerts, revisions = [], [], []
    for number, life in enumerate(all_lives):
        raised = BEGAN + timedelta(seconds=life.at_s)
        name = f"a{number}"
        incidents.append(
            {
                "incident_id": f"i{number}",
                "area": life.area,
                "hazard": life.hazard,
                "opened_at": raised,
                "updated_at": raised,
                "closed_at": None,
                "payload": {},
            }
        )
        steps = [(0.0, IsaState.UNACKNOWLEDGED, True)]
        for after_s, state, anew in life.steps:
            steps.append((steps[-1][0] + after_s, state, anew and life.hazard != "alarm_flood"))
        at = raised
        for revision, (after_s, state, anew) in enumerate(steps, 1):
            at = raised + timedelta(seconds=after_s)
            revisions.append(
                {
                    "alert_id": name,
                    "revision": revision,
                    "node": "edge-1",
                    "sequence": len(revisions) + 1,
                    "cause": "raised" if revision == 1 else "condition",
                    "severity": RANKS[life.rank].value,
                    "decided_by": "policy",
                    "state": state.value,
                    "stored_at": at,
                    "area": life.area,
                    "hazard": life.hazard,
                    "rule_id": f"rule-{life.rank}",
                    "source": "gate-1",
                    "acknowledged": state is IsaState.ACKNOWLEDGED,
                    "asks_anew": anew and life.hazard != "alarm_flood",
                    "chattering": life.chattering,
                    "fleeting": life.fleeting,
                    "payload": {},
                }
            )
        acknowledged = [s for s, state, _ in steps if state is IsaState.ACKNOWLEDGED]
        normal = steps[-1][1] is IsaState.NORMAL
        since = next(
            i
            for i in range(len(steps))
            if not normal or all(state is IsaState.NORMAL for _, state, _ in steps[i:])
        )
        by_model = life.opinion is not None and life.failure is None
        alerts.append(
            {
                "alert_id": name,
                "incident_id": f"i{number}",
                "site": "demo",
                "node": "edge-1",
                "area": life.area,
                "hazard": life.hazard,
                "severity": RANKS[life.rank].value,
                "severity_rank": life.rank,
                "decided_by": "fallback" if life.failure else "model" if by_model else "policy",
                "state": steps[-1][1].value,
                "revision": len(steps),
                "raised_at": raised,
                "updated_at": at,
                "returned_at": raised + timedelta(seconds=steps[since][0]) if normal else None,
                "default_rank": life.default,
                "opinion_rank": life.opinion if life.failure != "late" else None,
                "failure": life.failure,
                "decided_ms": 100 * (life.opinion or 0) if by_model or life.failure else None,
                "acknowledged_s": int(acknowledged[0]) if acknowledged else None,
                "returned_s": int(steps[since][0]) if normal else None,
                "closed_s": life.closed_s,
                "closed_cause": life.cause if life.closed_s is not None else None,
                "alarm": {},
                "payload": {},
            }
        )
    with store._durable.execution_options(writer=True).begin() as connection:
        for table in (RevisionRow, AlertRow, IncidentRow, AuditRow):
            connection.execute(delete(table))
        tables: list[tuple[type[Base], list[dict[str, Any]]]] = [
            (IncidentRow, incidents),
            (AlertRow, alerts),
            (RevisionRow, revisions),
        ]
        for table, rows in tables:
            if rows:
                connection.execute(insert(table), rows)


def naive_quantile(exact: list[int], share: float) -> int | None:
    values = [s if s < 3600 else s // 60 * 60 if s < 86400 else s // 3600 * 3600 for s in exact]
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def check(found: PlantFigures, all_lives: Sequence[Life], site: Site) -> None:
    """Every figure again, one alert after the other."""
    mine = [
        life
        for life in all_lives
        if 0 <= life.at_s < 30 * 86400
        and life.hazard != "alarm_flood"
        and found.area in (None, life.area)
        and found.hazard in (None, life.hazard)
    ]
    assert found.alarms == len(mine)
    ranks = Counter(life.rank for life in mine)
    assert found.by_severity == {RANKS[rank]: ranks[rank] for rank in range(1, 5)}
    assert {g.name: g.alarms for g in found.kinds} == Counter(life.hazard for life in mine)
    assert {g.name: g.alarms for g in found.areas} == Counter(life.area for life in mine)
    zone = ZoneInfo("Europe/Berlin")
    at = {id(life): BEGAN + timedelta(seconds=life.at_s) for life in mine}
    days = Counter(at[id(life)].astimezone(zone).date() for life in mine)
    assert {d.day: d.alarms for d in found.days if d.alarms} == days
    assert len(found.days) == 31
    shifts = Counter(
        shift_at(site.alarms.shifts, "Europe/Berlin", at[id(life)]) or "" for life in mine
    )
    assert {s.name: s.alarms for s in found.shifts if s.alarms} == shifts
    assert sum(s.hours for s in found.shifts) == pytest.approx(30 * 24)
    misses = [
        life
        for life in mine
        if life.hazard == "person_near_vehicle"
        and not (life.closed_s is not None and life.cause in ("nuisance", "drill"))
    ]
    assert found.near_misses.total == len(misses)
    weeks = Counter(
        (day := at[id(life)].astimezone(zone).date()) - timedelta(days=day.weekday())
        for life in misses
    )
    assert {w.monday: w.near_misses for w in found.near_misses.weeks if w.near_misses} == weeks
    closed = [life.closed_s for life in mine if life.closed_s is not None]
    assert found.responses.closed.count == len(closed)
    assert found.responses.closed.median_s == naive_quantile(closed, 0.5)
    assert found.responses.closed.p95_s == naive_quantile(closed, 0.95)
    assert found.responses.not_closed == len(mine) - len(closed)
    asked = [life for life in mine if life.opinion is not None or life.failure]
    everything = found.decisions.all
    assert everything.asked == len(asked)
    answered = [life for life in asked if life.opinion is not None and not life.failure]
    assert everything.agreed.count == sum(life.opinion == life.default for life in answered)
    assert everything.said_higher.count == sum(
        (life.opinion or 0) > life.default for life in answered
    )
    assert everything.raised.count == sum(life.rank > life.default for life in answered)
    assert everything.lowered.count == sum(life.rank < life.default for life in answered)
    assert everything.late.count == sum(life.failure == "late" for life in asked)
    assert everything.fallback.count == sum(life.failure is not None for life in asked)
    assert sum(kind.asked for kind in found.decisions.kinds) == len(asked)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(lives, max_size=40),
    st.sampled_from([None, "yard"]),
    st.sampled_from([None, "toxic_gas"]),
)
def test_figures_say_what_counting_one_by_one_says(
    store: Store, site: Site, all_lives: list[Life], area: str | None, hazard: str | None
) -> None:
    write(store, all_lives)
    found = store.figures.of(site, BEGAN, ENDED, area=area, hazard=hazard)
    check(found, all_lives, site)
    with store.queries._read() as connection:
        watched = positions(site)
        slow = performance(
            alarm_changes(connection, BEGAN, ENDED),
            began_at=BEGAN,
            ended_at=ENDED,
            positions=watched,
        )
        quick = alarm_report(connection, BEGAN, ENDED, watched)
    assert quick == without_waits(slow)


def without_waits(report: AlarmReport) -> AlarmReport:
    """The report without the figures that are told with the responses."""
    return report.model_copy(
        update={
            "positions": tuple(
                position.model_copy(
                    update={
                        "figures": tuple(
                            f
                            for f in position.figures
                            if not f.name.startswith("time_to_acknowledge")
                        )
                    }
                )
                for position in report.positions
            )
        }
    )


def test_the_writer_keeps_what_figures_need_and_first_answers_stay(store: Store) -> None:
    opinion = Opinion(
        backend="tiny",
        severity=Severity.CRITICAL,
        probabilities=dict.fromkeys(Severity, 0.2),
        answered_in_ms=1.0,
    )
    write_alert(store, 1, severity=Severity.MEDIUM)
    alarm = an_alarm("a1", Severity.MEDIUM)
    acknowledged = on_action(alarm, a_request(alert_id="a1"), later(5)).alarm
    gone = on_condition(acknowledged, ProcessCondition.NORMAL, later(9)).alarm
    decided = Times(captured=T0, detected=T0, raised=T0, decided=later(1.25))
    again = decided.model_copy(update={"decided": later(60)})
    for step, changes in (
        (acknowledged, {"opinion": opinion, "times": decided, "decided_by": DecidedBy.MODEL}),
        (gone, {"decided_by": DecidedBy.FALLBACK, "reason": "late: none came", "times": again}),
    ):
        with store.unit() as unit:
            unit.save_incident(an_incident("i1"))
            unit.write_revision(a_message(step, authority=Authority.RAISE, **changes), step)
            unit.commit()
    query = "SELECT default_rank, opinion_rank, failure, decided_ms, closed_s FROM alert"
    with store.queries._read() as connection:
        row = connection.execute(text(query)).one()
        first, back = connection.execute(text("SELECT acknowledged_s, returned_s FROM alert")).one()
    assert tuple(row) == (Severity.MEDIUM.rank, None, "late", 1250, None)
    assert 0 <= first <= back


def test_the_questions_are_answered_from_their_indexes(tmp_path: Path, site: Site) -> None:
    """No table is read: with a million alerts their payloads are gigabytes."""
    with Store.open(tmp_path / "plans.db", render=plain_render) as store:
        write_alert(store, 1, asks_anew=True)
        engine = store.queries._engine
        asked: list[tuple[str, Any]] = []

        def hear(*said: Any) -> None:
            asked.append((said[2], said[3]))

        event.listen(engine, "before_cursor_execute", hear)
        store.figures.of(site, T0 - timedelta(days=1), later(3600), area="yard")
        event.remove(engine, "before_cursor_execute", hear)
        assert len(asked) > 8
        with engine.connect() as connection:
            for query, values in asked:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
                for step in (row[3] for row in plan):
                    virtual = "VIRTUAL TABLE" in step
                    if virtual or not step.startswith(("SCAN", "SEARCH")):
                        continue
                    few = "sqlite_autoindex_revision_1" in step or step == "SCAN audit"
                    assert few or "COVERING INDEX" in step, step


def test_a_database_of_the_first_release_gets_its_figures(
    store_address: str, tmp_path: Path
) -> None:
    released.write_to(store_address, tmp_path)
    with Store.open(store_address, render=plain_render) as store:
        query = (
            "SELECT alert_id, default_rank, acknowledged_s IS NULL, returned_s IS NULL, closed_s "
            "FROM alert ORDER BY alert_id"
        )
        with store.queries._read() as connection:
            rows = [tuple(row) for row in connection.execute(text(query))]
        messages = {alert.alert_id: alert for alert in store.queries.list_alerts().alerts}
    assert len(rows) == len(messages) >= 3
    for alert_id, default_rank, waits, stands, closed_s in rows:
        message = messages[alert_id]
        assert default_rank == message.default.rank
        assert not (message.acknowledged and waits), alert_id
        assert stands == (message.state is not IsaState.NORMAL), alert_id
        assert closed_s is None
    assert not all(waits for _, _, waits, _, _ in rows)
