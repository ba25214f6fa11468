"""Orders that suppress alarms: which hold, what they cover, what must never be suppressed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.alarms import (
    Alarm,
    Suppression,
    on_action,
    on_assessment,
    on_condition,
    on_expiry,
    on_members,
    on_suppressions,
    raise_alarm,
)
from hazard.alarms.site_orders import MachineReading, site_orders
from hazard.alarms.suppressing import MOST_NOTES, notes_for, why_not_suppressible
from hazard.catalogue import catalogue
from hazard.site.alarms import AlarmHandling
from hazard.types import (
    Cause,
    Condition,
    HazardEvent,
    Incident,
    IsaState,
    ProcessCondition,
    Quality,
    Severity,
    SuppressionCause,
    SuppressionNote,
    SuppressionOrder,
    Verb,
    Verdict,
)
from tests.alert_builders import T0, a_request, an_alarm, an_event, an_incident, later

NORMAL, ACTIVE = ProcessCondition.NORMAL, ProcessCondition.ACTIVE


def a_note(
    cause: SuppressionCause = SuppressionCause.HOT_WORK,
    order_id: str = "order-1",
    *,
    until: datetime | None = None,
) -> SuppressionNote:
    return SuppressionNote(
        cause=cause,
        order_id=order_id,
        until=until or later(3600),
        granted_by="sam",
        reason="welding at the flange",
    )


def an_order(**changes: object) -> SuppressionOrder:
    values: dict[str, object] = {
        "order_id": "order-1",
        "cause": SuppressionCause.HOT_WORK,
        "hazard": "smoke",
        "area": "yard",
        "starts_at": T0,
        "ends_at": later(3600),
        "granted_by": "sam",
        "reason": "welding at the flange",
    }
    return SuppressionOrder.model_validate(values | changes)


def suppressed(severity: Severity = Severity.MEDIUM, *notes: SuppressionNote) -> Alarm:
    return raise_alarm("a1", severity, ["smoke"], T0, suppressed_by=notes or (a_note(),))


# ---------------------------------------------------------------- the alarm under orders


def test_an_alarm_that_is_raised_under_an_order_never_annunciates() -> None:
    alarm = suppressed()
    assert (alarm.revision, alarm.state) == (1, IsaState.SUPPRESSED_BY_DESIGN)
    assert alarm.underlying is IsaState.UNACKNOWLEDGED


def test_all_suppressions_stand_side_by_side_and_each_ends_alone() -> None:
    out = a_note(SuppressionCause.OUT_OF_SERVICE, "order-2")
    shelf = a_request(Verb.SHELVE, comment="works", duration_s=600)
    alarm = on_action(an_alarm(), shelf, T0).alarm
    alarm = on_suppressions(alarm, [a_note(), out], later(1)).alarm
    assert alarm.suppressions == (
        Suppression.BY_DESIGN,
        Suppression.OUT_OF_SERVICE,
        Suppression.SHELVED,
    )
    assert alarm.state is IsaState.OUT_OF_SERVICE
    alarm = on_suppressions(alarm, [a_note()], later(2)).alarm
    assert alarm.state is IsaState.SUPPRESSED_BY_DESIGN
    alarm = on_suppressions(alarm, [], later(3)).alarm
    assert alarm.state is IsaState.SHELVED
    assert on_expiry(alarm, later(601)).alarm.state is IsaState.UNACKNOWLEDGED


def test_the_same_orders_again_are_no_revision_whatever_their_sequence() -> None:
    notes = [a_note(), a_note(SuppressionCause.LOCK_OUT, "order-2")]
    alarm = on_suppressions(an_alarm(), notes, later(1)).alarm
    assert not on_suppressions(alarm, notes[::-1], later(2)).changed


def test_the_text_says_who_granted_what_until_when_and_why() -> None:
    began = on_suppressions(an_alarm(), [a_note()], later(1))
    assert began.cause is Cause.SUPPRESSION
    for part in ("hot work", "order-1", "sam", "2026-03-01T13:00:00+00:00", "welding"):
        assert part in began.text
    assert "no longer" in on_suppressions(began.alarm, [], later(2)).text


def test_a_longer_order_of_the_same_name_is_a_revision() -> None:
    alarm = on_suppressions(an_alarm(), [a_note()], later(1)).alarm
    longer = on_suppressions(alarm, [a_note(until=later(7200))], later(2))
    assert longer.changed
    assert longer.alarm.suppressed_by[0].until == later(7200)


def test_an_order_ends_at_its_time_even_if_nobody_takes_it_away() -> None:
    alarm = suppressed()
    assert not on_expiry(alarm, later(3599)).changed
    assert on_expiry(alarm, later(3600)).alarm.state is IsaState.UNACKNOWLEDGED


def test_an_alarm_under_an_order_can_be_acknowledged_and_returns() -> None:
    alarm = on_action(suppressed(), a_request(), later(1)).alarm
    alarm = on_condition(alarm, NORMAL, later(2)).alarm
    assert (alarm.state, alarm.underlying) == (IsaState.SUPPRESSED_BY_DESIGN, IsaState.NORMAL)
    assert on_suppressions(alarm, [], later(3)).alarm.ended


def test_a_mild_alarm_that_came_and_went_under_its_order_ends_with_it() -> None:
    alarm = on_condition(suppressed(), NORMAL, later(60)).alarm
    assert not alarm.ended
    ended = on_suppressions(alarm, [], later(3600))
    assert ended.alarm.ended
    assert ended.alarm.acknowledged_by == "sam"
    assert "order of sam" in ended.text


def test_a_high_alarm_that_came_and_went_under_its_order_waits_for_a_person() -> None:
    alarm = on_condition(suppressed(Severity.HIGH), NORMAL, later(60)).alarm
    after = on_suppressions(alarm, [], later(3600)).alarm
    assert after.state is IsaState.LATCHED_UNACKNOWLEDGED


def test_one_that_was_high_for_a_while_waits_for_a_person() -> None:
    alarm = on_assessment(suppressed(), Severity.HIGH, later(1)).alarm
    alarm = on_condition(on_assessment(alarm, Severity.LOW, later(2)).alarm, NORMAL, later(3)).alarm
    assert not on_suppressions(alarm, [], later(3600)).alarm.ended


def test_one_that_was_shown_before_its_order_waits_for_a_person() -> None:
    alarm = on_suppressions(an_alarm(severity=Severity.LOW), [a_note()], later(5)).alarm
    alarm = on_condition(alarm, NORMAL, later(60)).alarm
    assert on_suppressions(alarm, [], later(90)).alarm.state is IsaState.RTN_UNACKNOWLEDGED


def test_one_that_was_shown_between_two_orders_waits_for_a_person() -> None:
    alarm = on_suppressions(suppressed(), [], later(5)).alarm
    alarm = on_suppressions(alarm, [a_note()], later(6)).alarm
    alarm = on_condition(alarm, NORMAL, later(60)).alarm
    assert not on_suppressions(alarm, [], later(90)).alarm.ended


def test_one_that_was_shown_for_no_time_at_all_waits_for_a_person() -> None:
    alarm = on_suppressions(an_alarm(severity=Severity.LOW), [a_note()], T0).alarm
    alarm = on_condition(alarm, NORMAL, T0).alarm
    assert not on_suppressions(alarm, [], T0).alarm.ended


def test_one_whose_order_gave_way_to_a_flood_waits_for_a_person() -> None:
    flood = a_note(SuppressionCause.FLOOD, "flood-1")
    alarm = on_condition(suppressed(), NORMAL, later(5)).alarm
    alarm = on_suppressions(alarm, [flood], later(6)).alarm
    assert not on_suppressions(alarm, [], later(90)).alarm.ended


def test_whoever_gave_the_order_covers_not_the_flood_that_ends_with_it() -> None:
    flood = a_note(SuppressionCause.FLOOD, "flood-1").model_copy(update={"granted_by": "agent"})
    alarm = on_suppressions(suppressed(), [a_note(), flood], later(1)).alarm
    alarm = on_condition(alarm, NORMAL, later(60)).alarm
    assert on_suppressions(alarm, [], later(90)).alarm.acknowledged_by == "sam"


def test_a_flood_covers_nothing_when_it_ends_its_members_are_shown() -> None:
    flood = a_note(SuppressionCause.FLOOD, "flood-1")
    alarm = on_condition(suppressed(Severity.LOW, flood), NORMAL, later(60)).alarm
    assert alarm.flood_alert_id == "flood-1"
    assert on_suppressions(alarm, [], later(90)).alarm.state is IsaState.RTN_UNACKNOWLEDGED


def test_an_alarm_that_is_back_to_normal_is_not_suppressed_any_more() -> None:
    alarm = on_condition(
        on_action(an_alarm(severity=Severity.LOW), a_request(), T0).alarm, NORMAL, T0
    )
    assert not on_suppressions(alarm.alarm, [a_note()], later(9)).changed


def test_what_must_not_be_suppressed_leaves_its_order_and_says_why() -> None:
    out = on_suppressions(suppressed(), [a_note()], later(9), never="its floor is critical")
    assert out.alarm.state is IsaState.UNACKNOWLEDGED
    assert "its floor is critical" in out.text


def test_what_must_not_be_suppressed_does_not_end_with_its_order() -> None:
    alarm = on_condition(suppressed(), NORMAL, later(5)).alarm
    out = on_suppressions(alarm, [a_note()], later(9), never="its floor is critical")
    assert out.alarm.state is IsaState.RTN_UNACKNOWLEDGED


def test_what_must_not_be_suppressed_stays_in_the_open_until_somebody_has_seen_it() -> None:
    alarm = on_suppressions(an_alarm(), [a_note()], later(1), never="toxic gas at idlh").alarm
    assert not on_suppressions(alarm, [a_note()], later(2)).changed
    alarm = on_action(alarm, a_request(revision=alarm.revision), later(3)).alarm
    assert on_suppressions(alarm, [a_note()], later(4)).alarm.suppressed_by == (a_note(),)


def test_the_members_of_a_flood_alert_are_named_once_each_and_bounded() -> None:
    members = [f"a{number}" for number in range(600)]
    grouped = on_members(an_alarm(), [*members, "a0"], later(1))
    assert (grouped.cause, grouped.alarm.members) == (Cause.FLOOD, tuple(members[:500]))
    assert "600" in grouped.text
    assert not on_members(grouped.alarm, members, later(2)).changed


# ---------------------------------------------------------------- which orders cover what


def nowhere(_event: HazardEvent) -> frozenset[str]:
    return frozenset()


def in_pit(_event: HazardEvent) -> frozenset[str]:
    return frozenset({"pit"})


def smoke(**changes: Any) -> Incident:
    return an_incident(hazard="smoke", events=(an_event(hazard="smoke", **changes),))


def test_an_order_covers_its_kind_in_its_area() -> None:
    notes = notes_for(smoke(), [an_order()], nowhere, later(1))
    assert [note.order_id for note in notes] == ["order-1"]
    assert notes[0].until == later(3600)


@pytest.mark.parametrize(
    "changes",
    [
        {"hazard": "fire"},
        {"area": "hall"},
        {"zone": "bay"},
        {"starts_at": later(2)},
        {"ends_at": later(1)},
        {"ended_at": later(9), "ended_by": "sam"},
    ],
)
def test_an_order_for_something_else_covers_nothing(changes: dict[str, object]) -> None:
    assert notes_for(smoke(), [an_order(**changes)], in_pit, later(1)) == ()


def test_an_order_for_a_zone_covers_only_what_is_in_it_for_certain() -> None:
    order = an_order(zone="pit")
    assert notes_for(smoke(), [order], in_pit, later(1))
    assert notes_for(smoke(), [order], nowhere, later(1)) == ()


def test_of_many_orders_those_are_named_that_last_longest() -> None:
    orders = [an_order(order_id=f"order-{n}", ends_at=later(100 + n)) for n in range(30)]
    notes = notes_for(smoke(), orders, nowhere, later(1))
    assert {note.order_id for note in notes} == {f"order-{n}" for n in range(10, 30)}


def test_every_finding_that_stands_must_be_covered() -> None:
    events = (an_event(hazard="smoke"), an_event(event_id="e2", hazard="fire"))
    both = an_incident(hazard="fire", events=events)
    fire = an_order(order_id="order-2", hazard="fire")
    assert notes_for(both, [an_order()], nowhere, later(1)) == ()
    assert len(notes_for(both, [an_order(), fire], nowhere, later(1))) == 2
    out = events[1].model_copy(update={"condition": Condition.CLEARED})
    put_out = both.model_copy(update={"events": (events[0], out)})
    assert notes_for(put_out, [an_order()], nowhere, later(1))


def test_an_incident_of_which_all_is_cleared_keeps_its_order() -> None:
    assert notes_for(smoke(condition=Condition.CLEARED), [an_order()], nowhere, later(1))


KINDS, AREAS = ("smoke", "fire", "crowding"), ("yard", "hall")
events_of = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(AREAS), st.sampled_from(Condition)),
    min_size=1,
    max_size=5,
)
orders_of = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(AREAS),
        st.sampled_from([None, "pit", "bay"]),
        st.integers(-100, 100),
        st.integers(1, 100),
        st.booleans(),
    ),
    max_size=30,
)


@given(events_of, orders_of, st.sampled_from([frozenset(), frozenset({"pit"})]))
def test_what_is_suppressed_is_covered_and_only_by_orders_that_hold(
    found: list[tuple[str, str, Condition]],
    granted: list[tuple[str, str, str | None, int, int, bool]],
    zones: frozenset[str],
) -> None:
    events = tuple(
        an_event(event_id=f"e{n}", hazard=hazard, area=area, condition=condition)
        for n, (hazard, area, condition) in enumerate(found)
    )
    orders = [
        an_order(
            order_id=f"order-{n}",
            hazard=hazard,
            area=area,
            zone=zone,
            starts_at=later(start),
            ends_at=later(start + lasts),
            ended_at=T0 if ended else None,
        )
        for n, (hazard, area, zone, start, lasts, ended) in enumerate(granted)
    ]
    incident = an_incident(hazard=events[0].hazard, events=events)
    notes = notes_for(incident, orders, lambda _: zones, T0)
    good = {
        order.order_id: order
        for order in orders
        if order.ended_at is None
        and order.starts_at <= T0 < order.ends_at
        and (order.zone is None or order.zone in zones)
    }
    stand = [e for e in events if e.condition is not Condition.CLEARED] or events
    covered = all(
        any((o.hazard, o.area) == (e.hazard, e.area) for o in good.values()) for e in stand
    )
    assert bool(notes) == covered
    assert {note.order_id for note in notes} <= set(good)
    assert len(notes) <= MOST_NOTES
    assert notes_for(incident, orders[::-1], lambda _: zones, T0) == notes


# ---------------------------------------------------------------- what is never suppressed


def a_verdict(floor: Severity) -> Verdict:
    return Verdict(floor=floor, default=Severity.CRITICAL, why="", policy_hash="")


@pytest.mark.parametrize(
    ("hazard", "level", "floor", "why"),
    [
        ("smoke", "", Severity.CRITICAL, "floor is critical"),
        ("toxic_gas_exposure", "", Severity.HIGH, "never suppressed"),
        ("toxic_gas", "idlh", Severity.HIGH, "level idlh"),
        ("flammable_gas", "high", Severity.HIGH, "level high"),
        ("flammable_gas", "very_high", Severity.HIGH, "level very_high"),
        ("toxic_gas", "hihi", Severity.HIGH, "unknown level 'hihi'"),
        ("toxic_gas", "", Severity.HIGH, "unknown level ''"),
        ("ghost", "", Severity.LOW, "not in the catalogue"),
        ("toxic_gas", "high", Severity.HIGH, ""),
        ("flammable_gas", "alarm", Severity.MEDIUM, ""),
        ("smoke", "", Severity.HIGH, ""),
        ("fire", "", Severity.HIGH, ""),
    ],
)
def test_what_must_never_be_suppressed(hazard: str, level: str, floor: Severity, why: str) -> None:
    incident = an_incident(hazard=hazard, events=(an_event(hazard=hazard, level=level),))
    told = why_not_suppressible(incident, a_verdict(floor), catalogue())
    assert why in told
    assert bool(told) == bool(why)


def test_one_finding_that_must_never_be_suppressed_is_enough() -> None:
    events = (an_event(hazard="smoke"), an_event(event_id="e2", hazard="toxic_gas", level="idlh"))
    incident = an_incident(hazard="smoke", events=events)
    assert why_not_suppressible(incident, a_verdict(Severity.HIGH), catalogue())
    gone = events[1].model_copy(update={"condition": Condition.CLEARED})
    incident = incident.model_copy(update={"events": (events[0], gone)})
    assert not why_not_suppressible(incident, a_verdict(Severity.HIGH), catalogue())


# ---------------------------------------------------------------- orders of the site file

WINDOWED = AlarmHandling.model_validate(
    {
        "maintenance": {
            "furnace": {
                "hazards": ["smoke", "overtemperature"],
                "area": "yard",
                "reason": "cleaning of the furnace",
                "times": [{"days": ["sun"], "start": "22:00", "end": "02:00"}],
            }
        }
    }
)
PRESS = AlarmHandling.model_validate(
    {
        "machine_states": {
            "press": {
                "hazards": ["person_near_vehicle"],
                "area": "yard",
                "zone": "pit",
                "sensor": "press-locked",
                "reason": "the press is locked out",
                "longest_h": 8,
            }
        }
    }
)


def test_a_maintenance_window_gives_one_order_for_each_kind_over_midnight() -> None:
    # 1 March 2026 is a Sunday; Berlin is one hour ahead of UTC.
    open_at = [datetime.fromisoformat(f"2026-03-01T{at}:00Z") for at in ("21:00", "23:30")]
    first, later_on = (site_orders(WINDOWED, "Europe/Berlin", {}, at) for at in open_at)
    assert first == later_on
    assert [order.hazard for order in first] == ["smoke", "overtemperature"]
    assert first[0].ends_at == datetime.fromisoformat("2026-03-02T01:00:00Z")
    assert len({order.order_id for order in first}) == 2
    assert {(order.granted_by, order.role) for order in first} == {("site file", None)}
    assert site_orders(WINDOWED, "Europe/Berlin", {}, first[0].ends_at) == ()
    assert site_orders(WINDOWED, "Europe/Berlin", {}, T0) == ()


def a_state(**changes: object) -> MachineReading:
    values = {"value": 1.0, "quality": Quality.GOOD, "measured_at": later(60), "since": T0}
    return MachineReading(**(values | changes))  # type: ignore[arg-type] # as the test names them


def test_a_machine_state_suppresses_while_it_is_known_for_certain() -> None:
    (order,) = site_orders(PRESS, "UTC", {"press-locked": a_state()}, later(60))
    assert (order.cause, order.zone) == (SuppressionCause.MACHINE_STATE, "pit")
    assert (order.starts_at, order.ends_at) == (T0, later(8 * 3600))
    assert order.reference == "press"
    again = site_orders(PRESS, "UTC", {"press-locked": a_state(measured_at=later(99))}, later(99))
    assert again == (order,)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 0.0},
        {"value": 0.5},
        {"value": None},
        {"value": float("nan")},
        {"quality": Quality.UNCERTAIN},
        {"quality": Quality.BAD},
        {"measured_at": later(29)},
        {"measured_at": later(91)},
        {"since": later(61)},
        {"since": later(60 - 8 * 3600)},
    ],
)
def test_a_machine_state_that_is_not_certain_suppresses_nothing(changes: dict[str, object]) -> None:
    assert site_orders(PRESS, "UTC", {"press-locked": a_state(**changes)}, later(60)) == ()


def test_a_sensor_that_was_never_heard_suppresses_nothing() -> None:
    assert site_orders(PRESS, "UTC", {}, T0) == ()


def test_a_state_that_comes_again_is_another_order() -> None:
    day = timedelta(days=1)
    readings = a_state(), a_state(measured_at=later(60) + day, since=T0 + day)
    ids = [
        site_orders(PRESS, "UTC", {"press-locked": each}, each.measured_at)[0].order_id
        for each in readings
    ]
    assert ids[0] != ids[1]
