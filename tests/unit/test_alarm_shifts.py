"""Shifts and windows by the local clock, also on the nights on which the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hazard.alarms.shifts import occurrence, shift_at, within
from hazard.site.alarms import WEEK, Weekly

BERLIN = "Europe/Berlin"
THREE = {
    "early": Weekly(start="06:00", end="14:00"),
    "late": Weekly(start="14:00", end="22:00"),
    "night": Weekly(start="22:00", end="06:00"),
}
ZONES = st.sampled_from(
    ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]
)
SINCE = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 35 * 366 * 86400).map(lambda s: SINCE + timedelta(seconds=s))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "shift"),
    [
        ("2026-07-01T03:59:59", "night"),
        ("2026-07-01T04:00:00", "early"),
        ("2026-07-01T12:00:00", "late"),
        ("2026-07-01T21:59:59", "night"),
        ("2026-12-01T04:59:59", "night"),
        ("2026-12-01T05:00:00", "early"),
    ],
)
def test_the_shift_follows_the_local_clock_in_summer_and_winter(at: str, shift: str) -> None:
    assert shift_at(THREE, BERLIN, utc(at)) == shift


def test_no_shift_is_on_at_a_time_that_none_covers() -> None:
    assert (
        shift_at({"day": Weekly(start="06:00", end="14:00")}, "UTC", utc("2026-07-01T15:00"))
        is None
    )


def test_the_first_shift_of_the_file_that_fits_is_on() -> None:
    shifts = {"weekend": Weekly(days=("sat", "sun"), start="00:00", end="00:00"), **THREE}
    assert shift_at(shifts, "UTC", utc("2026-07-04T12:00")) == "weekend"
    assert shift_at(shifts, "UTC", utc("2026-07-03T12:00")) == "early"


def test_a_night_belongs_to_the_day_on_which_it_starts() -> None:
    friday = Weekly(days=("fri",), start="22:00", end="06:00")
    assert within(friday, "UTC", utc("2026-07-04T05:59"))
    assert not within(friday, "UTC", utc("2026-07-04T06:00"))
    assert not within(friday, "UTC", utc("2026-07-03T05:59"))


def test_the_night_in_which_the_clock_is_put_back_is_an_hour_longer() -> None:
    found = occurrence(THREE["night"], BERLIN, utc("2026-10-25T00:30"))
    assert found is not None
    assert found.ends_at - found.starts_at == timedelta(hours=9)
    assert shift_at(THREE, BERLIN, utc("2026-10-25T04:59")) == "night"


def test_the_night_in_which_the_clock_is_put_forward_is_an_hour_shorter() -> None:
    found = occurrence(THREE["night"], BERLIN, utc("2026-03-29T00:30"))
    assert found is not None
    assert found.ends_at - found.starts_at == timedelta(hours=7)
    assert shift_at(THREE, BERLIN, utc("2026-03-29T04:00")) == "early"


def test_a_window_that_ends_within_the_hour_that_comes_twice_ends_the_first_time() -> None:
    window = Weekly(start="01:00", end="02:30")
    assert within(window, BERLIN, utc("2026-10-25T00:29"))
    assert not within(window, BERLIN, utc("2026-10-25T00:30"))
    assert not within(window, BERLIN, utc("2026-10-25T01:15"))


@given(ZONES, MOMENTS, st.lists(st.integers(0, 1439), min_size=2, max_size=5, unique=True))
@example(BERLIN, utc("2026-10-25T01:15"), [150, 1320])
@example(BERLIN, utc("2026-03-29T01:15"), [60, 150, 180])
@example(BERLIN, utc("2026-03-29T01:00"), [150, 1320])
@example(BERLIN, utc("2026-03-29T00:59:59"), [150, 1320])
def test_shifts_that_follow_each_other_leave_no_moment_out_and_share_none(
    zone: str, at: datetime, starts: list[int]
) -> None:
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(starts)]
    shifts = [
        Weekly(start=start, end=end)
        for start, end in zip(clock, [*clock[1:], clock[0]], strict=True)
    ]
    assert sum(within(shift, zone, at) for shift in shifts) == 1


@given(
    ZONES,
    MOMENTS,
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sets(st.sampled_from(WEEK), min_size=1),
)
def test_an_occurrence_holds_its_moment_starts_on_its_day_and_lasts_a_day_at_most(
    zone: str, at: datetime, start: int, end: int, days: set[str]
) -> None:
    weekly = Weekly.model_validate(
        {
            "days": tuple(days),
            "start": f"{start // 60:02}:{start % 60:02}",
            "end": f"{end // 60:02}:{end % 60:02}",
        }
    )
    found = occurrence(weekly, zone, at)
    assert within(weekly, zone, at) == (found is not None)
    if found is not None:
        assert found.starts_at <= at < found.ends_at
        assert found.ends_at - found.starts_at <= timedelta(hours=25)
        assert occurrence(weekly, zone, found.starts_at) == found
