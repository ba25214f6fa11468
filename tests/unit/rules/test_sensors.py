"""Threshold, rate and stale: tables of (second, value) and what is said."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hazard.rules.finding import Stamp
from hazard.types import Quality
from tests.unit.rules.feed import reading, rule, run, steps, tick, told

H2S = [{"name": "alarm", "at": 10}, {"name": "high", "at": 15}, {"name": "idlh", "at": 100}]
Table = list[tuple[float, float | None]]


def gas(**changes: Any) -> Any:
    config = {"kind": "threshold", "hazard": "toxic_gas", "sensor": "h2s-1", "levels": H2S}
    return rule(**{**config, "deadband": 2, "off_delay_s": 5, **changes})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(0, 9.9), (1, 3), (2, 9.99)], []),
        ([(0, 10), (1, 11)], [(0, "active", "alarm")]),
        (
            [(0, 10), (1, 16), (2, 120)],
            [(0, "active", "alarm"), (1, "active", "high"), (2, "active", "idlh")],
        ),
        ([(0, 500)], [(0, "active", "idlh")]),
        ([(0, 12), (1, 9), (2, 8.1), (3, 9), (30, 8)], [(0, "active", "alarm")]),
        (
            [(0, 12), (1, 7.9), (3, 7), (5, 7), (6, 7)],
            [(0, "active", "alarm"), (6, "cleared", "alarm")],
        ),
        ([(0, 12), (1, 7), (4, 9), (5, 7), (9, 7)], [(0, "active", "alarm")]),
        (
            [(0, 120), (1, 50), (3, 40), (6, 40)],
            [(0, "active", "idlh"), (6, "active", "high")],
        ),
        ([(0, 120), (1, 50), (5, 99), (6.5, 50)], [(0, "active", "idlh")]),
        (
            [(0, 12), (1, 5), (6, 5), (7, 11)],
            [(0, "active", "alarm"), (6, "cleared", "alarm"), (7, "active", "alarm")],
        ),
    ],
)
def test_levels_rise_at_once_and_fall_after_deadband_and_delay(
    values: Table, expected: list[tuple[float, str, str]]
) -> None:
    assert told(gas(), [reading(t, v) for t, v in values]) == expected


def test_the_worst_level_seen_while_falling_is_the_one_that_is_named() -> None:
    values = [(0, 120), (1, 11), (3, 16), (6, 11)]
    said = told(gas(), [reading(t, v) for t, v in values])
    assert said == [(0, "active", "idlh"), (6, "active", "high")]


def test_a_level_below_which_it_is_dangerous_is_mirrored() -> None:
    levels = [{"name": "low", "at": 19.5}, {"name": "lowest", "at": 18}]
    oxygen = gas(direction="below", levels=levels, deadband=0.3, off_delay_s=2)
    values = [(0, 20.9), (1, 19.4), (2, 17.9), (3, 19.6), (5, 19.7), (6, 20), (8, 20.9)]
    assert told(oxygen, [reading(t, v) for t, v in values]) == [
        (1, "active", "low"),
        (2, "active", "lowest"),
        (5, "active", "low"),
        (8, "cleared", "low"),
    ]


def test_an_on_delay_waits_and_a_dip_starts_it_anew() -> None:
    slow = gas(on_delay_s=3)
    values = [(0, 11), (2, 11), (2.5, 9), (3, 11), (5.9, 11), (6, 11)]
    assert told(slow, [reading(t, v) for t, v in values]) == [(6, "active", "alarm")]


def test_a_sensor_that_reports_rarely_is_raised_by_the_passing_of_time() -> None:
    slow = gas(on_delay_s=3)
    events = run(slow, [reading(0, 11), *[tick(t) for t in steps(0, 5, 5)]])
    assert [e.condition for e in events] == ["active"]
    assert events[0].measured[0].value == 11


def test_the_event_says_value_unit_threshold_and_sensor() -> None:
    (event,) = run(gas(), [reading(0, 12.5)])
    (measured,) = event.measured
    assert (measured.name, measured.value, measured.unit) == ("h2s", 12.5, "ppm")
    assert (measured.threshold, measured.source) == (10, "h2s-1")
    assert (event.subject, event.area, event.sources) == ("h2s-1", "yard", ("h2s-1",))


@pytest.mark.parametrize(
    "bad",
    [
        reading(2, None, quality=Quality.BAD),
        reading(2, 3, quality=Quality.BAD),
        reading(2, None),
        reading(2, math.nan),
        reading(2, math.inf),
        reading(2, 3, unit="%LEL"),
        reading(2, 3, quality=Quality.UNCERTAIN),
    ],
    ids=["bad", "bad with value", "none", "nan", "inf", "other unit", "uncertain and low"],
)
def test_what_is_no_good_evidence_holds_and_never_clears(bad: Any) -> None:
    later = [bad.model_copy(update={"received_monotonic_s": t}) for t in steps(3, 60, 1)]
    events = run(gas(), [reading(0, 12), bad, *later])
    assert [e.condition for e in events] == ["active", "held"]


@pytest.mark.parametrize(
    "bad",
    [
        reading(0, 500, quality=Quality.BAD),
        reading(0, math.inf),
        reading(0, 500, unit="ppb"),
        reading(0, 500, sensor="motor-1"),
    ],
)
def test_what_is_no_evidence_never_raises(bad: Any) -> None:
    assert run(gas(), [bad]) == []


def test_an_uncertain_reading_may_raise_and_say_so_in_its_confidence() -> None:
    (event,) = run(gas(), [reading(0, 12, quality=Quality.UNCERTAIN)])
    assert event.confidence == 0.5


def test_a_silent_sensor_holds_once_and_goes_on_when_it_is_back() -> None:
    items = [reading(0, 12), *[tick(t) for t in steps(0, 30, 1)], reading(30, 13)]
    assert told(gas(), items) == [
        (0, "active", "alarm"),
        (11, "held", "alarm"),
        (30, "active", "alarm"),
    ]


def test_low_readings_around_a_silence_do_not_add_up_to_a_clear() -> None:
    assert told(gas(), [reading(0, 12), reading(1, 3), reading(60, 3)])[-1][1] == "active"


def test_readings_in_the_wrong_order_are_ignored() -> None:
    assert told(gas(), [reading(10, 12), reading(4, 3), reading(9.5, 3)]) == [
        (10, "active", "alarm")
    ]


def test_a_standing_finding_is_taken_up_after_a_restart_with_its_level() -> None:
    raised = run(gas(), [reading(0, 120)])
    subject = gas()
    after = run(subject, [reading(t, 5) for t in (100, 103, 106)], subject.resume(tuple(raised)))
    assert [(e.event_id, e.condition) for e in after] == [(raised[0].event_id, "cleared")]


def motor(**changes: Any) -> Any:
    config = {"kind": "rate", "hazard": "rapid_temperature_rise", "sensor": "motor-1"}
    return rule(**{**config, "above_per_min": 6, "window_s": 10, "off_delay_s": 5, **changes})


def warm(t: float, value: float | None, **changes: Any) -> Any:
    return reading(t, value, sensor="motor-1", **changes)


@pytest.mark.parametrize(
    ("per_min", "expected"), [(0, []), (5.9, []), (12, ["active"]), (-60, []), (6.5, ["active"])]
)
def test_only_a_rise_beyond_the_limit_is_found(per_min: float, expected: list[str]) -> None:
    events = run(motor(), [warm(t, 60 + per_min * t / 60) for t in steps(0, 30, 2)])
    assert [e.condition for e in events] == expected


def test_the_rate_does_not_depend_on_how_regular_the_sampling_is() -> None:
    moments = [0, 0.1, 0.15, 3, 3.05, 7, 7.01, 7.02, 9.9, 10.5, 14]
    events = run(motor(), [warm(t, 60 + 12 * t / 60) for t in moments])
    assert [e.condition for e in events] == ["active"]
    assert events[0].measured[0].value == pytest.approx(12)
    assert events[0].measured[0].unit == "degC/min"


def test_a_step_between_two_readings_a_moment_apart_is_no_rate() -> None:
    assert run(motor(), [warm(0, 60), warm(0.01, 61)]) == []


def test_a_rise_is_raised_after_the_on_delay_and_one_that_ends_before_it_is_not() -> None:
    rise = [warm(t, 60 + 12 * t / 60) for t in steps(0, 40, 2)]
    first, late = run(motor(), rise)[0], run(motor(on_delay_s=8), rise)[0]
    assert (late.updated_at - first.updated_at).total_seconds() == pytest.approx(8)
    assert late.started_at == first.started_at
    short = [warm(t, 60 + 12 * min(t, 8) / 60) for t in steps(0, 60, 2)]
    assert [e.condition for e in run(motor(), short)] == ["active", "cleared"]
    assert run(motor(on_delay_s=30), short) == []


def test_the_on_delay_of_a_rise_begins_anew_after_a_bad_reading() -> None:
    before = [warm(t, 60 + 12 * t / 60) for t in steps(0, 12, 2)]
    after = [warm(t, 60 + 12 * t / 60) for t in steps(14, 21, 2)]
    assert run(motor(on_delay_s=8), [*before, warm(13, None, quality="bad"), *after]) == []


def test_a_rise_that_has_ended_clears_after_the_delay_and_silence_does_not() -> None:
    rise = [warm(t, 60 + 12 * t / 60) for t in steps(0, 20, 2)]
    flat = [warm(t, 64) for t in steps(20, 50, 2)]
    assert [e.condition for e in run(motor(), rise + flat)] == ["active", "cleared"]
    quiet = [tick(t) for t in steps(20, 60, 2)]
    assert [e.condition for e in run(motor(), rise + quiet)] == ["active", "held"]


def test_a_fast_sensor_does_not_grow_the_window_without_bound() -> None:
    subject = motor(window_s=1000)
    state = subject.initial()
    for t in steps(0, 200):
        state, _ = subject.step(state, warm(t, 60))
    assert len(state.samples) <= 257


def stale(**changes: Any) -> Any:
    return rule(**{"kind": "stale", "sensors": ["h2s-1"], "after_s": 10, **changes})


@pytest.mark.parametrize(
    "noise",
    [
        [],
        [reading(t, 3, quality=Quality.BAD) for t in range(4, 30)],
        [reading(t, 3, quality=Quality.UNCERTAIN) for t in range(4, 30)],
        [reading(t, None) for t in range(4, 30)],
        [reading(t, 3, sensor="motor-1") for t in range(4, 30)],
    ],
)
def test_a_sensor_without_a_good_reading_is_stale_whatever_else_it_sends(noise: list[Any]) -> None:
    timed = [tick(t) for t in steps(0, 30, 4)]
    items = [reading(3, 3), *sorted([*noise, *timed], key=lambda item: Stamp.of(item).monotonic_s)]
    assert told(stale(), items) == [(13.25, "active", "")]


def test_a_sensor_that_never_spoke_is_stale_too_and_its_first_good_reading_clears() -> None:
    items = [*[tick(t) for t in steps(0, 15, 1)], reading(15, 3)]
    assert told(stale(), items) == [(11, "active", ""), (15, "cleared", "")]


def test_without_a_list_all_sensors_are_watched_each_with_its_own_finding() -> None:
    events = run(stale(sensors=[]), [tick(t) for t in steps(0, 15, 1)])
    assert sorted(e.subject for e in events) == ["h2s-1", "motor-1"]
