"""The list of alarms gives what a plain filter and sort of everything would, page by page."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event

from edge_agent.bench.dashboard.fill import fill
from hazard.errors import StoreError
from hazard.store import Store, search
from hazard.store.engine import store_url
from hazard.store.queries import OPEN_STATES, AlertFilter, Order, Ordered
from hazard.store.words import NUMBERS_EACH, first_number, normalised, words_of
from hazard.types import (
    AlertMessage,
    CaseFile,
    CauseCode,
    DecidedBy,
    IsaState,
    Severity,
    Times,
)
from tests.alert_builders import T0, a_message, a_request, an_alarm, an_incident, later

AREAS, HAZARDS, NODES = ("yard", "dock", "boiler-1"), ("fire", "toxic_gas"), ("edge-1", "edge-2")
WORDS = ("valve", "pump", "größe", "order")
STAGES = {
    **dict.fromkeys(IsaState, 2),
    IsaState.UNACKNOWLEDGED: 0,
    IsaState.RTN_UNACKNOWLEDGED: 0,
    IsaState.LATCHED_UNACKNOWLEDGED: 0,
    IsaState.ACKNOWLEDGED: 1,
    IsaState.LATCHED_ACKNOWLEDGED: 1,
    IsaState.NORMAL: 3,
}
STATE_ORDER = sorted(IsaState, key=lambda state: (STAGES[state], list(IsaState).index(state)))
KEYS = {
    Order.ATTENTION: lambda alert: (STAGES[alert.state], -alert.severity.rank),
    Order.RAISED: lambda _alert: (),
    Order.SEVERITY: lambda alert: (-alert.severity.rank,),
    Order.AREA: lambda alert: (alert.area,),
    Order.HAZARD: lambda alert: (alert.hazard,),
    Order.STATE: lambda alert: (STATE_ORDER.index(alert.state),),
}


def random_alert(chance: random.Random, number: int) -> tuple[AlertMessage, Any]:
    """Any values that a list filters or sorts by; some alerts are raised in the same moment."""
    severity = chance.choice([each for each in Severity if each is not Severity.INFO])
    closed = chance.random() < 0.4
    at = later(chance.randrange(30))
    alarm = an_alarm(f"a{number:03d}", severity)
    message = a_message(
        alarm,
        incident=f"i{number}",
        area=chance.choice(AREAS),
        hazard=chance.choice(HAZARDS),
        node=chance.choice(NODES),
        sequence=number + 1,
        decided_by=chance.choice(tuple(DecidedBy)),
        state=chance.choice(tuple(IsaState)),
        comment=" ".join(chance.sample(WORDS, chance.randrange(3))) or None,
        case=CaseFile(cause=CauseCode.TEST, closed_by="ada", closed_at=at) if closed else {},
        times=Times(captured=at, detected=at, raised=at),
    )
    return message, alarm


def write_all(store: Store, alerts: list[tuple[AlertMessage, Any]]) -> None:
    with store.unit() as unit:
        for number, (message, alarm) in enumerate(alerts):
            unit.save_incident(an_incident(message.incident_id or f"i{number}"))
            unit.write_revision(message, alarm)
        unit.commit()


def matches(alert: AlertMessage, where: AlertFilter) -> bool:
    checks = [
        where.active is None or (alert.state.value in OPEN_STATES) is where.active,
        not where.areas or alert.area in where.areas,
        not where.hazards or alert.hazard in where.hazards,
        not where.states or alert.state in where.states,
        not where.severities or alert.severity in where.severities,
        where.min_severity is None or alert.severity.rank >= where.min_severity.rank,
        not where.decided_by or alert.decided_by in where.decided_by,
        not where.nodes or alert.node in where.nodes,
        where.case_closed is None or alert.case.closed is where.case_closed,
        where.after is None or alert.times.raised >= where.after,
        where.before is None or alert.times.raised < where.before,
        set(normalised(where.text)) <= set(words_of(alert).split()),
    ]
    return all(checks)


def expected(alerts: list[AlertMessage], where: AlertFilter, order: Ordered) -> list[AlertMessage]:
    """By the book: filter, then sort by the moment and the id, then by the group."""
    found = [alert for alert in alerts if matches(alert, where)]
    oldest_first = order.by is Order.RAISED and order.reverse
    found.sort(key=lambda each: (each.times.raised, each.alert_id), reverse=not oldest_first)
    backwards = order.reverse and order.by is not Order.RAISED
    return (
        sorted(found, key=KEYS[order.by], reverse=backwards)
        if not backwards
        else [
            alert
            for key in sorted({KEYS[order.by](alert) for alert in found}, reverse=True)
            for alert in found
            if KEYS[order.by](alert) == key
        ]
    )


def pages_of(
    store: Store, where: AlertFilter, order: Ordered, limit: int
) -> list[list[AlertMessage]]:
    pages = []
    page = store.queries.list_alerts(where, order, limit=limit)
    pages.append(list(page.alerts))
    while page.next_page is not None:
        stopped = page.searched_to is not None
        assert stopped or len(page.alerts) == limit, "a page that is not the last one is full"
        page = store.queries.list_alerts(where, order, page=page.next_page, limit=limit)
        pages.append(list(page.alerts))
    return pages


def check(
    store: Store, alerts: list[AlertMessage], where: AlertFilter, order: Ordered, limit: int
) -> None:
    listed = [alert for page in pages_of(store, where, order, limit) for alert in page]
    wanted = expected(alerts, where, order)
    if where.text:  # of the same moment: in any order, but always in the same

        def place(alert: AlertMessage) -> tuple[Any, ...]:
            return *KEYS[order.by](alert), alert.times.raised

        assert sorted(each.alert_id for each in listed) == sorted(a.alert_id for a in wanted)
        assert [place(alert) for alert in listed] == [place(alert) for alert in wanted]
        assert listed == [a for page in pages_of(store, where, order, 500) for a in page]
    else:
        assert [each.alert_id for each in listed] == [each.alert_id for each in wanted]
        counted = store.queries.counted(where)
        assert counted is not None
        assert (counted.number, counted.more) == (len(wanted), False)


def some(values: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


MOMENTS = st.one_of(st.none(), st.integers(0, 30).map(later))
FILTERS = st.builds(
    AlertFilter,
    active=st.sampled_from([None, None, True, False]),
    areas=some((*AREAS, "nowhere")),
    hazards=some(HAZARDS),
    states=some(tuple(IsaState)),
    severities=some(tuple(Severity)),
    min_severity=st.sampled_from([None, None, Severity.HIGH]),
    decided_by=some(tuple(DecidedBy)),
    nodes=some(NODES),
    case_closed=st.sampled_from([None, None, True, False]),
    after=MOMENTS,
    before=MOMENTS,
    text=st.sampled_from(["", "", "", "valve", "VALVE pump", "grosse", "gas", "nothing", "a001"]),
)
ORDERS = st.builds(Ordered, st.sampled_from(Order), st.booleans())


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and nothing in it."""
    path = tmp_path_factory.mktemp("empty") / "hazard.db"
    Store.open(path).close()
    return path


@contextmanager
def copy_of(empty: Path) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hazard.db"
        shutil.copyfile(empty, path)
        with Store.open(path) as store:
            yield store


@contextmanager
def searching_in_small_steps() -> Iterator[None]:
    """A few alerts are as a million: found by the index of words, some at once, with stops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FEW", 0)
        patch.setattr(search, "CHUNKS", (2, 3))
        patch.setattr(search, "LOOKED_AT", 5)
        patch.setattr(search, "WALK", (2, 3, 4))
        yield


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(0, 40),
    asked=st.lists(st.tuples(FILTERS, ORDERS, st.integers(1, 12)), min_size=6, max_size=6),
    small_steps=st.booleans(),
)
def test_lists_are_what_a_plain_filter_and_sort_gives(
    empty: Path,
    seed: int,
    size: int,
    asked: list[tuple[AlertFilter, Ordered, int]],
    small_steps: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    chance = random.Random(seed)
    with copy_of(empty) as store:
        alerts = [random_alert(chance, number) for number in range(size)]
        write_all(store, alerts)
        written = [message for message, _ in alerts]
        for where, order, limit in asked:
            if small_steps:
                with searching_in_small_steps():
                    check(store, written, where, order, limit)
            else:
                check(store, written, where, order, limit)


@pytest.mark.parametrize("small_steps", [False, True])
def test_both_databases_list_the_same(store: Store, small_steps: bool) -> None:  # noqa: FBT001
    chance = random.Random(5)
    alerts = [random_alert(chance, number) for number in range(60)]
    write_all(store, alerts)
    written = [message for message, _ in alerts]
    for text in ("", "valve", "gas pump", "nothing")[
        1 if small_steps else 0 : 3 if small_steps else 4
    ]:
        for order in (Ordered(by, reverse) for by in Order for reverse in (False, True)):
            for where in (
                AlertFilter(text=text),
                AlertFilter(text=text, areas=("yard", "dock"), after=later(5), before=later(25)),
                AlertFilter(text=text, active=True, min_severity=Severity.HIGH),
            ):
                if small_steps:
                    with searching_in_small_steps():
                        check(store, written, where, order, 7)
                else:
                    check(store, written, where, order, 7)


def test_pages_stay_whole_while_alerts_come(store: Store) -> None:
    chance = random.Random(3)
    alerts = [random_alert(chance, number) for number in range(30)]
    write_all(store, alerts)
    first = store.queries.list_alerts(limit=10)
    seen = [alert.alert_id for alert in first.alerts]
    newer, alarm = random_alert(chance, 99)
    at = later(1000)
    times = Times(captured=at, detected=at, raised=at)
    write_all(store, [(newer.model_copy(update={"times": times, "node": "edge-3"}), alarm)])
    page = first
    while page.next_page is not None:
        page = store.queries.list_alerts(page=page.next_page, limit=10)
        seen += [alert.alert_id for alert in page.alerts]
    assert sorted(seen) == sorted(message.alert_id for message, _ in alerts)


def test_a_page_of_another_order_is_refused(store: Store) -> None:
    chance = random.Random(3)
    write_all(store, [random_alert(chance, number) for number in range(9)])
    for by in Order:
        page = store.queries.list_alerts(order=Ordered(by), limit=3).next_page
        assert page is not None
        for other in {Ordered(by, reverse=True), *map(Ordered, Order)} - {Ordered(by)}:
            with pytest.raises(StoreError, match="start without it"):
                store.queries.list_alerts(order=other, page=page)
        with pytest.raises(StoreError, match="start without it"):
            store.queries.list_alerts(AlertFilter(text="fire"), Ordered(by), page=page)


def test_what_people_wrote_is_found(store: Store) -> None:
    message, alarm = random_alert(random.Random(1), 1)
    write_all(store, [(message, alarm)])
    asked = a_request(alert_id=message.alert_id, comment="Überdruck am Ventil 7")
    store.desk.submit_request(asked)
    again = alarm.model_copy(update={"revision": 2})
    with store.unit() as unit:
        unit.write_revision(message.model_copy(update={"revision": 2}), again)
        unit.commit()
    for text in ("uberdruck", "ÜBERDRUCK ventil", "ventil-7"):
        (found,) = store.queries.list_alerts(AlertFilter(text=text)).alerts
        assert found.alert_id == message.alert_id
    assert store.queries.list_alerts(AlertFilter(text="überdruck fehlt")).alerts == ()
    assert store.queries.list_alerts(AlertFilter(text='") OR 1 *')).alerts == ()


def test_a_flood_in_one_moment_is_stored_whole_and_found(store: Store) -> None:
    """More alarms than a moment has numbers, and others just after it."""
    chance, at = random.Random(2), later(0)
    many = []
    for number in range(NUMBERS_EACH + 40):
        message, alarm = random_alert(chance, number)
        raised = at + timedelta(microseconds=1) if number % 100 == 0 else at
        times = Times(captured=raised, detected=raised, raised=raised)
        many.append((message.model_copy(update={"times": times, "comment": "flood"}), alarm))
    write_all(store, many[:600])
    write_all(store, many[600:])
    found, page = set(), None
    while True:
        answer = store.queries.list_alerts(AlertFilter(text="flood"), page=page, limit=200)
        found |= {each.alert_id for each in answer.alerts}
        page = answer.next_page
        if page is None:
            break
    assert len(found) == len(many)


# ---------------------------------------------------------------- plans

FILLED = 3000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "hazard.db"
    fill(path, FILLED)
    return path


@pytest.mark.parametrize("by", Order)
@pytest.mark.parametrize(
    "where",
    [
        AlertFilter(),
        AlertFilter(active=True),
        AlertFilter(areas=("yard",), decided_by=(DecidedBy.MODEL,), case_closed=False),
        AlertFilter(text="yard"),
        AlertFilter(text="0000042"),
        AlertFilter(text="yard", states=(IsaState.UNACKNOWLEDGED,)),
        AlertFilter(text="yard smoke", areas=("yard",), case_closed=True),
        AlertFilter(hazards=("fire",), after=T0),
        AlertFilter(active=True, case_closed=False),
        AlertFilter(case_closed=True, after=T0),
    ],
    ids=[
        "all",
        "active",
        "facets",
        "common-word",
        "rare-word",
        "word-in-few",
        "words-in-area",
        "time",
        "active-open-cases",
        "time-and-closed-cases",
    ],
)
def test_no_statement_of_a_list_reads_the_alerts_from_end_to_end(
    filled: Path, where: AlertFilter, by: Order
) -> None:
    """SQLite's own plan of each statement: every table but the small one of facets is searched."""
    statements: list[tuple[str, Any]] = []
    engine = create_engine(store_url(filled))
    with Store.open(filled) as store:

        def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if statement.lstrip().startswith(("SELECT", "WITH")):
                statements.append((statement, parameters))

        event.listen(store.queries.engine, "before_cursor_execute", note)
        page = store.queries.list_alerts(where, Ordered(by), limit=20)
        if page.next_page is not None:
            store.queries.list_alerts(where, Ordered(by), page=page.next_page, limit=20)
        store.queries.counted(where)
    assert statements
    with engine.connect() as connection:
        for statement, parameters in statements:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            for row in rows:
                for index in ("ix_alert_state", "ix_alert_facet (area=?)", "ix_alert_raised_at"):
                    assert index not in row.detail, (row.detail, statement)
                scanned = row.detail.startswith("SCAN")
                allowed = ("alert_facet", "alert_words VIRTUAL TABLE", "anon_", "(", "CONSTANT")
                assert not scanned or row.detail.removeprefix("SCAN ").startswith(allowed), (
                    row.detail,
                    statement,
                )
    engine.dispose()


def test_times_of_numbers_come_back() -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=T0.tzinfo)
    assert search.moment_of(first_number(at) + 1023) == at
    assert search.moment_of(first_number(at) + 1024) == at + timedelta(microseconds=1)
