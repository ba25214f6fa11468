"""When a flood begins and ends: by hand, and against counting each moment anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hazard.alarm_load import FloodPeriod, floods, microseconds
from hazard.alarms.flood import STANDARD, FloodMeter
from hazard.site.alarms import Flood
from tests.alert_builders import T0, later

MINUTE = 60


def meter_of(seconds: Sequence[float], settings: Flood = STANDARD) -> FloodMeter:
    meter = FloodMeter(settings)
    for second in seconds:
        meter.asked(later(second))
    return meter


def test_ten_alarms_in_ten_minutes_are_no_flood_and_the_eleventh_begins_one() -> None:
    meter = FloodMeter()
    begun = [meter.asked(later(second)) for second in range(11)]
    assert begun == [False] * 10 + [True]
    assert meter.since == later(10)


def test_an_alarm_that_is_ten_minutes_old_counts_no_more() -> None:
    assert meter_of([*range(10), 10 * MINUTE]).since is None
    assert meter_of([*range(10), 10 * MINUTE - 1]).since is not None


def test_a_flood_goes_on_with_five_alarms_left_and_ends_with_four() -> None:
    meter = meter_of([*([0] * 6), *([60] * 6)])
    assert meter.since is not None
    assert not meter.tick(later(10 * MINUTE))
    assert (meter.count, meter.since is not None) == (6, True)
    assert meter.tick(later(11 * MINUTE))
    assert (meter.count, meter.since) == (0, None)
    eased = meter_of([*range(8), 100, 101, 102, 103, 104])
    assert not eased.tick(later(10 * MINUTE + 99))
    assert eased.count == 5
    assert eased.tick(later(10 * MINUTE + 100))
    assert eased.count == 4


def test_a_site_may_set_its_own_figures() -> None:
    meter = meter_of([0, 1, 2], Flood(starts_above=2, ends_below=2, window_min=1))
    assert meter.since == later(2)
    assert meter.tick(later(62))


def test_a_clock_that_was_put_back_holds_a_flood_for_one_window_at_most() -> None:
    meter = meter_of(range(7200, 7220))
    assert not meter.tick(T0)
    assert meter.since == T0
    assert not meter.tick(later(10 * MINUTE - 1))
    assert meter.tick(later(10 * MINUTE))


def test_a_clock_that_was_put_on_ends_a_flood() -> None:
    meter = meter_of(range(20))
    assert meter.tick(later(86400))
    assert meter.since is None


def test_after_a_restart_the_stored_times_and_the_standing_flood_go_on() -> None:
    before = meter_of([*range(7), *range(400, 407)])
    after = FloodMeter()
    times = [later(second) for second in (*range(7), *range(400, 407))]
    after.restore(times, before.since)
    assert not after.tick(later(605))
    before.tick(later(605))
    assert (after.since, after.count) == (before.since, before.count) == (later(403), 8)
    forgotten = FloodMeter()
    forgotten.restore([], later(0))
    assert forgotten.tick(later(3600))
    assert forgotten.since is None


def test_a_history_has_each_flood_with_its_end() -> None:
    history = [later(second) for second in (*range(0, 24, 2), 3600, *range(7200, 7212))]
    assert floods(microseconds(history), later(8000)) == (
        FloodPeriod(later(20), later(14 + 10 * MINUTE)),
        FloodPeriod(later(7210), later(7207 + 10 * MINUTE)),
    )
    assert floods(microseconds(history), later(7500))[1].ended_at == later(7500)
    assert floods(microseconds([]), later(0)) == ()


seconds = st.lists(st.integers(0, 300), max_size=60).map(sorted)
figures = st.builds(
    Flood,
    starts_above=st.integers(2, 8),
    ends_below=st.integers(1, 3),
    window_min=st.sampled_from([0.25, 0.5, 1.0]),
)


@given(seconds, figures)
def test_history_and_meter_say_the_same_and_as_counting_each_second_anew(
    times: list[int], settings: Flood
) -> None:
    window = timedelta(minutes=settings.window_min)
    history = [later(second) for second in times]
    meter = FloodMeter(settings)
    flooded: set[datetime] = set()
    in_flood = False
    for second in range(420):
        now = later(second)
        for at in history:
            if at == now:
                meter.asked(at)
        meter.tick(now)
        count = sum(1 for at in history if now - window < at <= now)
        assert meter.count == count
        in_flood = count >= settings.ends_below if in_flood else count > settings.starts_above
        assert (meter.since is not None) == in_flood
        if in_flood:
            flooded.add(now)
    periods = floods(microseconds(history), later(420), settings)
    assert flooded == {
        later(second)
        for second in range(420)
        for period in periods
        if period.began_at <= later(second) < period.ended_at
    }
    assert all(a.ended_at <= b.began_at for a, b in pairwise(periods))


@given(seconds, st.integers(0, 300), st.integers(-1000, 1000))
def test_whatever_the_clock_does_a_flood_ends_when_alarms_stop(
    times: list[int], cut: int, jump: int
) -> None:
    meter = FloodMeter()
    for second in times:
        meter.asked(later(second + (jump if second > cut else 0)))
    now = later(300 + jump)
    meter.tick(now)
    meter.tick(now + meter.window)
    assert (meter.count, meter.since) == (0, None)
