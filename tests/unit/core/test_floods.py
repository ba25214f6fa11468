"""Alarm floods through the core's alerts and a real store: grouped, shown again, restarted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.core.alerts import Alerts
from edge_agent.core.cases import Case
from edge_agent.core.floods import LONGEST_WINDOW, Floods
from edge_agent.publish.topics import outbox_messages
from hazard.alarms import on_action
from hazard.alarms.flood import FLOOD_KIND
from hazard.catalogue import catalogue
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.operations import Operation, WriteRevision
from hazard.types import (
    AlertMessage,
    Authority,
    Cause,
    Condition,
    HazardEvent,
    IsaState,
    Severity,
    SuppressionCause,
    Verb,
)
from tests.alert_builders import a_request
from tests.incidents import an_event

QUIET = {
    IsaState.SHELVED,
    IsaState.SUPPRESSED_BY_DESIGN,
    IsaState.OUT_OF_SERVICE,
    IsaState.NORMAL,
}
OVER = timedelta(minutes=11)


def site_of(**alarms: Any) -> Site:
    flood = {"starts_above": 3, "ends_below": 2, "window_min": 10}
    return Site.model_validate(
        {
            "site": {"id": "plant", "node": "edge-1", "name": "Plant", "languages": ["en", "de"]},
            "areas": {"hall": {"name": "Hall"}, "yard": {"name": "Yard"}, "gate": {"name": "Gate"}},
            "mqtt": {"embedded": True},
            "alarms": {
                "flood": flood,
                "positions": {
                    "desk": {"name": "Desk", "areas": ["hall", "yard"]},
                    "lodge": {"name": "Lodge", "areas": ["gate"]},
                },
                **alarms,
            },
        }
    )


class Plant:
    """The core's alerts with flood control, over a store in memory or on disk."""

    def __init__(self, store: Store | None, site: Site | None = None) -> None:
        numbers = count(1)
        self.site = site or site_of()
        self.store = store
        self.written: list[AlertMessage] = []
        self.units: list[tuple[Operation, ...]] = []
        self.in_flood: frozenset[str] = frozenset()
        stamp = f"{id(self):x}"
        self.alerts = Alerts(
            self.site,
            catalogue(),
            new_id=lambda: f"{stamp}-{next(numbers)}",
            commit=self._commit,
            climb=lambda _case: None,
            picture=lambda _case, _event: None,
            authority=lambda _hazard: Authority.ADVISE,
        )
        self.floods = Floods(self.alerts, self.site, catalogue(), tell=self._tell)
        if store is not None:
            stored = store.open_alerts()
            self.floods.restore(stored, store.asked_since(datetime.now(UTC) - LONGEST_WINDOW))
            self.alerts.resume(stored, store.open_incidents())

    def _tell(self, areas: frozenset[str]) -> None:
        self.in_flood = areas

    def _commit(self, operations: tuple[Operation, ...]) -> None:
        self.units.append(operations)
        self.written += [op.message for op in operations if isinstance(op, WriteRevision)]
        if self.store is not None:
            with self.store.unit() as unit:
                for operation in operations:
                    unit.add(operation)
                unit.commit()

    # ------------------------------------------------------------ what happens

    def found(self, number: int, hazard: str = "crowding", **changes: Any) -> Case:
        """A finding of its own; the alert that it raised or changed."""
        event = the_event(number, hazard, **changes)
        self.alerts.found(event)
        return self.case_of(event)

    def case_of(self, event: HazardEvent) -> Case:
        return next(
            case
            for case in self.alerts.cases
            if any(each.event_id == event.event_id for each in case.incident.events)
        )

    def tick(self, after: timedelta = timedelta(0)) -> None:
        now = datetime.now(UTC) + after
        self.alerts.tick(now)
        self.floods.tick(now)

    def act(self, case: Case, verb: Verb, **changes: Any) -> None:
        request = a_request(
            verb, alert_id=case.alarm.alert_id, revision=case.alarm.revision, **changes
        )
        now = datetime.now(UTC)
        self.alerts.scribe.revise(case, on_action(case.alarm, request, now))
        self.alerts.settler.settle(case, now)

    # ------------------------------------------------------------ what is seen

    def floods_of(self, area: str) -> list[Case]:
        return [
            case
            for case in self.alerts.cases
            if case.incident.hazard == FLOOD_KIND and case.incident.area == area
        ]

    def flood(self, area: str = "hall") -> Case:
        [case] = self.floods_of(area)
        return case

    def grouped(self) -> list[Case]:
        return [case for case in self.alerts.cases if case.alarm.flood_alert_id is not None]

    def worst_shown(self, area: str) -> Severity | None:
        return max(
            (
                case.alarm.severity
                for case in self.alerts.cases
                if case.incident.area == area and case.alarm.state not in QUIET
            ),
            key=lambda severity: severity.rank,
            default=None,
        )


def the_event(number: int, hazard: str = "crowding", **changes: Any) -> HazardEvent:
    subject = f"track {number}"
    values = {"area": "hall", "subject": subject, "rule_id": "rule", "event_id": f"event-{number}"}
    return an_event(hazard, **(values | changes))


@pytest.fixture
def plant() -> Plant:
    return Plant(None)


def in_flood(plant: Plant, area: str = "hall") -> list[Case]:
    """Four alarms, of which the last begins a flood."""
    return [plant.found(number, area=area) for number in range(4)]


def test_the_alarm_after_the_last_allowed_begins_a_flood_and_all_so_far_stay_shown(
    plant: Plant,
) -> None:
    for number in range(3):
        plant.found(number)
    assert plant.floods_of("hall") == []
    plant.found(3)
    assert plant.grouped() == []
    flood = plant.flood()
    assert flood.alarm.state is IsaState.UNACKNOWLEDGED
    assert flood.incident.events[0].subject == "desk/hall"
    assert flood.incident.events[0].measured[0].value == 4
    assert flood.words is not None
    assert "Alarm flood" in flood.words.summary["en"]
    assert plant.in_flood == {"hall", "yard"}
    assert plant.floods_of("yard") == []


def test_alarms_during_the_flood_are_stored_and_published_but_grouped(plant: Plant) -> None:
    in_flood(plant)
    case = plant.found(9)
    flood = plant.flood()
    assert case.alarm.state is IsaState.SUPPRESSED_BY_DESIGN
    [note] = case.alarm.suppressed_by
    assert (note.cause, note.order_id) == (SuppressionCause.FLOOD, flood.alarm.alert_id)
    assert note.reason == "more than 3 alarms in 10 min at position desk"
    first = next(m for m in plant.written if m.alert_id == case.alarm.alert_id)
    assert (first.revision, first.state) == (1, IsaState.SUPPRESSED_BY_DESIGN)
    assert first.asks_anew
    assert first.flood_alert_id == flood.alarm.alert_id
    plant.tick(timedelta(seconds=2))
    assert set(plant.flood().alarm.members) == {
        each.alarm.alert_id for each in plant.alerts.cases if each is not flood
    }
    assert plant.written[-1].cause is Cause.FLOOD


def test_another_area_of_the_position_gets_a_flood_alert_with_its_first_alarm(
    plant: Plant,
) -> None:
    in_flood(plant)
    before = len(plant.units)
    case = plant.found(9, area="yard")
    flood = plant.flood("yard")
    assert case.alarm.flood_alert_id == flood.alarm.alert_id
    assert len(plant.units) == before + 1
    raised = [op for op in plant.units[-1] if isinstance(op, WriteRevision)]
    assert raised[0].message.alert_id == flood.alarm.alert_id
    assert plant.flood("hall").alarm.alert_id != flood.alarm.alert_id


def test_another_position_is_left_alone(plant: Plant) -> None:
    in_flood(plant)
    assert plant.found(9, area="gate").alarm.state is IsaState.UNACKNOWLEDGED
    assert plant.floods_of("gate") == []
    assert "gate" not in plant.in_flood


def test_a_site_without_positions_counts_everything_together() -> None:
    plant = Plant(None, site_of(positions={}))
    for number, area in enumerate(("hall", "yard", "gate", "hall")):
        plant.found(number, area=area)
    assert plant.in_flood == {"hall", "yard", "gate"}
    assert all(plant.floods_of(area) for area in ("hall", "yard", "gate"))


def test_critical_alarms_and_those_never_suppressed_are_shown_in_a_flood(plant: Plant) -> None:
    in_flood(plant)
    critical = plant.found(9, "toxic_gas", level="idlh", area="hall")
    gas = plant.found(10, "flammable_gas", level="high", area="yard")
    fire = plant.found(11, "fire")
    assert critical.alarm.severity is fire.alarm.severity is Severity.CRITICAL
    for case in (critical, gas, fire):
        assert case.alarm.state is IsaState.UNACKNOWLEDGED
        assert case.alarm.flood_alert_id is None


def test_a_member_that_becomes_critical_leaves_at_once(plant: Plant) -> None:
    in_flood(plant)
    case = plant.found(9, "toxic_gas", level="alarm")
    assert case.alarm.flood_alert_id is not None
    before = len(plant.units)
    plant.found(9, "toxic_gas", level="idlh")
    assert case.alarm.severity is Severity.CRITICAL
    assert case.alarm.state is IsaState.UNACKNOWLEDGED
    assert len(plant.units) == before + 1
    plant.tick()
    assert case.alarm.flood_alert_id is None


def test_a_member_that_a_model_finds_critical_leaves_at_once_and_stays_out(plant: Plant) -> None:
    in_flood(plant)
    case = plant.found(9, "person_in_restricted_zone")
    assert case.alarm.flood_alert_id is not None
    for severity in (Severity.CRITICAL, Severity.HIGH):
        told = {"severity": severity, "decided_at": datetime.now(UTC)}
        plant.alerts.decided(case, case.ladder, case.assessment.model_copy(update=told))
        assert case.alarm.severity is severity
        assert case.alarm.state is IsaState.UNACKNOWLEDGED
        plant.tick()
        assert case.alarm.flood_alert_id is None


def test_an_alarm_that_comes_back_counts_each_time_and_a_shelved_one_does_not(
    plant: Plant,
) -> None:
    case = plant.found(1)
    for _ in range(2):
        plant.found(1, condition=Condition.CLEARED)
        plant.found(1)
    assert sum(m.asks_anew for m in plant.written) == 3
    plant.act(case, Verb.SHELVE, duration_s=600, comment="noise")
    plant.act(case, Verb.UNSHELVE)
    mine = [m.asks_anew for m in plant.written if m.alert_id == case.alarm.alert_id]
    assert mine[-2:] == [False, True]
    assert len(plant.floods_of("hall")) == 1


def test_the_flood_alert_is_as_bad_as_its_worst_member_and_asks_again(plant: Plant) -> None:
    in_flood(plant)
    flood = plant.flood()
    assert flood.alarm.severity is Severity.MEDIUM
    plant.act(flood, Verb.ACKNOWLEDGE)
    assert flood.alarm.state is IsaState.ACKNOWLEDGED
    plant.found(9)
    assert flood.alarm.state is IsaState.ACKNOWLEDGED
    member = plant.found(10, "person_in_restricted_zone")
    assert member.alarm.flood_alert_id == flood.alarm.alert_id
    assert flood.alarm.severity is member.alarm.severity is Severity.HIGH
    assert flood.alarm.state is IsaState.UNACKNOWLEDGED
    units = [[type(op) for op in unit if isinstance(op, WriteRevision)] for unit in plant.units]
    assert len(units[-1]) == 2


def test_a_high_alarm_after_the_flood_alert_was_acknowledged_is_shown_and_stays_so(
    plant: Plant,
) -> None:
    in_flood(plant)
    before = plant.found(10, "person_in_restricted_zone")
    plant.act(plant.flood(), Verb.ACKNOWLEDGE)
    after = plant.found(11, "person_in_restricted_zone")
    mild = plant.found(12)
    plant.tick()
    assert after.alarm.state is IsaState.UNACKNOWLEDGED
    assert before.alarm.flood_alert_id == mild.alarm.flood_alert_id
    assert before.alarm.flood_alert_id == plant.flood().alarm.alert_id


def test_when_the_flood_is_over_its_members_are_shown_and_it_is_cleared(plant: Plant) -> None:
    in_flood(plant)
    member = plant.found(9)
    before = len(plant.units)
    plant.floods.tick(datetime.now(UTC) + OVER)
    assert member.alarm.state is IsaState.UNACKNOWLEDGED
    assert plant.flood().alarm.state is IsaState.RTN_UNACKNOWLEDGED
    assert len(plant.units) == before + 1
    assert plant.in_flood == frozenset()
    assert not any(m.asks_anew for m in plant.written if m.revision > 1)
    plant.act(plant.flood(), Verb.ACKNOWLEDGE)
    assert plant.floods_of("hall")[0].alarm.ended


def test_a_member_that_went_by_itself_is_not_lost(plant: Plant) -> None:
    in_flood(plant)
    plant.found(9)
    member = plant.found(9, condition=Condition.CLEARED)
    assert member.alarm.state is IsaState.SUPPRESSED_BY_DESIGN
    plant.tick(OVER)
    assert member.alarm.state is IsaState.RTN_UNACKNOWLEDGED


def test_members_count_for_the_flood_and_the_flood_alert_does_not(plant: Plant) -> None:
    in_flood(plant)
    asked = [m.hazard for m in plant.written if m.asks_anew]
    assert asked == ["crowding"] * 4
    plant.found(9)
    assert sum(m.asks_anew for m in plant.written) == 5


def test_alarms_are_shown_while_somebody_has_shelved_the_flood_alert(plant: Plant) -> None:
    in_flood(plant)
    first = plant.found(9)
    plant.act(plant.flood(), Verb.SHELVE, duration_s=600, comment="too loud")
    plant.tick()
    second = plant.found(10)
    assert first.alarm.state is second.alarm.state is IsaState.UNACKNOWLEDGED
    plant.act(plant.flood(), Verb.UNSHELVE)
    plant.tick()
    assert first.alarm.state is second.alarm.state is IsaState.UNACKNOWLEDGED
    assert plant.found(11).alarm.state is IsaState.SUPPRESSED_BY_DESIGN


def test_a_new_flood_after_the_first_has_an_alert_of_its_own(plant: Plant) -> None:
    in_flood(plant)
    first = plant.flood()
    plant.tick(OVER)
    plant.tick(OVER + timedelta(minutes=2))
    for number in range(20, 24):
        plant.found(number)
    second = plant.floods_of("hall")[-1]
    assert second.alarm.alert_id != first.alarm.alert_id
    assert plant.found(30).alarm.flood_alert_id == second.alarm.alert_id


def test_a_changed_site_file_counts_anew_by_its_positions(plant: Plant) -> None:
    in_flood(plant)
    member = plant.found(9)
    calm = site_of(flood={"starts_above": 30, "ends_below": 6, "window_min": 10})
    now = datetime.now(UTC)
    plant.alerts.reconfigure(calm)
    plant.floods.reconfigure(calm, now)
    assert member.alarm.state is IsaState.UNACKNOWLEDGED
    assert plant.in_flood == frozenset()
    moved = site_of(positions={"desk": {"name": "Desk", "areas": ["gate"]}})
    plant.floods.reconfigure(moved, now)
    assert plant.in_flood == {"hall", "yard"}
    assert plant.floods_of("hall")[-1].incident.events[-1].subject == "others/hall"


def test_a_restart_in_a_flood_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "hazard.db"
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        before = Plant(store)
        in_flood(before)
        member = before.found(9)
        before.tick(timedelta(seconds=2))
        flood = before.flood().alarm
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        after = Plant(store)
        after.tick()
        assert after.written == []
        assert after.flood().alarm == flood
        [again] = after.grouped()
        assert again.alarm == member.alarm
        assert after.in_flood == {"hall", "yard"}
        new = after.found(10)
        assert new.alarm.flood_alert_id == flood.alert_id
        after.tick(OVER)
        assert after.grouped() == []
        assert store.active_counts()["hall"].suppressed == 0


def test_a_restart_before_the_flood_alert_was_written_finds_the_flood_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "hazard.db"
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        before = Plant(store, site_of(flood={"starts_above": 9, "ends_below": 2}))
        in_flood(before)
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        after = Plant(store)
        assert after.floods_of("hall") == []
        after.tick()
        assert len(after.floods_of("hall")) == 1
        assert after.grouped() == []


def test_a_flood_that_ended_while_the_agent_was_away_is_cleared_at_the_first_tick(
    tmp_path: Path,
) -> None:
    path = tmp_path / "hazard.db"
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        before = Plant(store)
        in_flood(before)
        before.found(9)
    with Store.open(path, node="edge-1", render=outbox_messages) as store:
        after = Plant(store)
        after.tick(OVER)
        assert after.grouped() == []
        assert after.flood().alarm.state is IsaState.RTN_UNACKNOWLEDGED


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("found"),
            st.integers(0, 12),
            st.sampled_from(
                [
                    ("crowding", ""),
                    ("overtemperature", "warning"),
                    ("overtemperature", "trip"),
                    ("toxic_gas", "alarm"),
                    ("toxic_gas", "idlh"),
                    ("fire", ""),
                ]
            ),
            st.sampled_from(["hall", "yard", "gate"]),
        ),
        st.tuples(st.just("cleared"), st.integers(0, 12)),
        st.tuples(st.just("acknowledge"), st.integers(0, 20)),
        st.tuples(st.just("shelve"), st.integers(0, 20)),
        st.tuples(st.just("tick"), st.sampled_from([0, 2, 400, 700, -60])),
    ),
    max_size=40,
)


class Story:
    """A plant to which things happen, and what must be true of it after each."""

    def __init__(self) -> None:
        self.plant = Plant(None)
        self.events: dict[int, HazardEvent] = {}
        self.raised: set[str] = set()
        self.clock = timedelta(0)

    def found(self, number: int, hazard: tuple[str, str], area: str) -> None:
        name, level = hazard
        known = self.events.get(number)
        if known is not None:
            name, area = known.hazard, known.area
            level = level if level in catalogue()[name].levels else known.level
        self.events[number] = the_event(number, name, level=level, area=area)
        self.plant.alerts.found(self.events[number])

    def cleared(self, number: int) -> None:
        if number in self.events:
            cleared = {"condition": Condition.CLEARED}
            self.plant.alerts.found(self.events[number].model_copy(update=cleared))

    def acknowledge(self, number: int) -> None:
        for case in self.plant.alerts.cases[number : number + 1]:
            if not case.alarm.attention.acknowledged:
                self.plant.act(case, Verb.ACKNOWLEDGE)

    def shelve(self, number: int) -> None:
        for case in self.plant.alerts.cases[number : number + 1]:
            alarm = case.alarm
            critical = alarm.severity is Severity.CRITICAL
            if not critical and not alarm.ended and alarm.shelved_until is None:
                self.plant.act(case, Verb.SHELVE, duration_s=300, comment="noise")

    def tick(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)
        self.plant.tick(self.clock)

    def check(self) -> None:
        plant = self.plant
        self.raised |= {case.alarm.alert_id for case in plant.alerts.cases}
        for case in plant.grouped():
            assert case.alarm.severity < Severity.CRITICAL
            assert case.verdict.floor < Severity.CRITICAL
            flood = plant.alerts.case_of(case.alarm.flood_alert_id or "")
            assert flood is not None
            assert case.alarm.severity <= flood.alarm.severity
            shown = plant.worst_shown(case.incident.area)
            if flood.alarm.state not in QUIET:
                assert shown is not None
                assert shown >= case.alarm.severity
        assert not any(m.asks_anew for m in plant.written if m.hazard == FLOOD_KIND)

    def end(self) -> None:
        self.plant.tick(self.clock + timedelta(hours=2))
        assert self.plant.grouped() == []
        assert self.plant.in_flood == frozenset()
        assert {message.alert_id for message in self.plant.written} == self.raised


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(steps)
def test_no_area_looks_milder_for_a_flood_and_nothing_stays_grouped(
    todo: list[tuple[Any, ...]],
) -> None:
    story = Story()
    for name, *arguments in todo:
        getattr(story, name)(*arguments)
        story.check()
    story.end()
