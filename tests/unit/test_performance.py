"""The report of the alarm system: small histories counted by hand, and reports joined together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.alarm_load import microseconds, peak
from hazard.alarms.flood import FLOOD_KIND
from hazard.performance import AlarmChange, AlarmReport, Point, PositionReport, performance
from hazard.targets import Held
from hazard.types import IsaState, Severity
from tests.alert_builders import T0, later

HOUR, DAY = 3600, 86400
GAS = Point("hall", "toxic_gas", "gas", "h2s-1")
ZONE = Point("hall", "person_in_restricted_zone", "press", "cam-1")
SHOWN, GONE = IsaState.UNACKNOWLEDGED, IsaState.NORMAL


def change(alert: str, second: float, revision: int = 1, **values: Any) -> AlarmChange:
    plain: dict[str, Any] = {
        "at": later(second),
        "alert_id": alert,
        "revision": revision,
        "severity": Severity.LOW,
        "state": SHOWN,
        "point": GAS,
        "acknowledged": False,
        "asks_anew": revision == 1,
        "chattering": False,
        "fleeting": False,
    }
    return AlarmChange(**(plain | values))


def report_of(
    changes: Sequence[AlarmChange], end_s: float = DAY, begin_s: float = 0
) -> AlarmReport:
    return performance(
        sorted(changes, key=lambda each: (each.at, each.revision)),
        began_at=later(begin_s),
        ended_at=later(end_s),
        positions={"desk": ("hall",)},
    )


def desk(changes: Sequence[AlarmChange], end_s: float = DAY, begin_s: float = 0) -> PositionReport:
    return report_of(changes, end_s, begin_s).positions[0]


def short(number: int, second: float, **values: Any) -> Iterator[AlarmChange]:
    """Raised, acknowledged after a minute, gone after two."""
    name = f"a{number}"
    yield change(name, second, **values)
    state = IsaState.ACKNOWLEDGED
    yield change(name, second + 60, 2, acknowledged=True, **(values | {"state": state}))
    yield change(name, second + 120, 3, acknowledged=True, **(values | {"state": GONE}))


def test_rates_of_a_day_counted_by_hand() -> None:
    steady = [each for n in range(24) for each in short(n, n * HOUR)]
    burst = [each for n in range(100, 131) for each in short(n, 2 * HOUR + 900 + n % 31)]
    found = desk([*steady, *burst])
    assert found.alarms == 55
    assert found.figure("alarms_per_h_average").value == round(55 / 24, 3)
    assert found.figure("alarms_per_10_min_average").value == round(55 / 144, 3)
    assert found.figure("alarms_per_10_min_peak").value == 31
    assert found.figure("alarms_per_10_min_peak").held is Held.MISSED
    assert found.figure("hours_above_30_alarms_percent").value == round(100 / 24, 3)
    assert found.figure("periods_of_10_min_above_10_alarms_percent").value == round(100 / 144, 3)
    assert found.floods == 1
    # From the 11th alarm of the burst until its 27th is ten minutes old: four are left then.
    assert found.figure("time_in_flood_percent").value == round(100 * (26 - 10 + 600) / DAY, 3)


def test_a_quiet_day_meets_every_rate() -> None:
    found = desk([])
    held = {figure.name: figure.held for figure in found.figures}
    assert held["alarms_per_h_average"] is Held.MET
    assert held["priority_low_percent"] is None
    assert found.figure("priority_low_percent").value is None
    assert found.figure("time_to_acknowledge_median_s").value is None


def test_bad_actors_are_points_with_their_share_the_most_frequent_first() -> None:
    points = [Point("hall", "toxic_gas", f"rule-{n:02}", "h2s-1") for n in range(12)]
    changes = [
        change(f"{n}-{again}", n * 600 + again, point=point)
        for n, point in enumerate(points)
        for again in range(n + 1)
    ]
    found = desk(changes)
    assert [actor.alarms for actor in found.bad_actors] == list(range(12, 2, -1))
    assert found.bad_actors[0].rule_id == "rule-11"
    assert found.bad_actors[0].share_percent == pytest.approx(100 * 12 / 78)
    assert found.figure("bad_actors_share_percent").value == round(100 * 75 / 78, 3)


def test_an_alarm_that_asks_again_counts_again_and_one_that_only_changes_does_not() -> None:
    found = desk([change("a", 0), change("a", 10, 2), change("a", 20, 3, asks_anew=True)])
    assert found.alarms == 2


def test_priorities_are_held_against_80_15_5_and_one_percent() -> None:
    counts = {Severity.LOW: 80, Severity.MEDIUM: 14, Severity.HIGH: 5, Severity.CRITICAL: 1}
    changes = [
        change(f"{severity}-{n}", n, severity=severity)
        for severity, count in counts.items()
        for n in range(count)
    ]
    found = desk(changes)
    assert found.alarms_by_severity == counts
    held = {s: found.figure(f"priority_{s.value}_percent").held for s in counts}
    assert held == {
        Severity.LOW: Held.MET,
        Severity.MEDIUM: Held.MET,
        Severity.HIGH: Held.MET,
        Severity.CRITICAL: Held.MISSED,
    }


def test_a_stale_alarm_is_one_that_was_shown_for_more_than_a_day() -> None:
    old = [change(f"old-{n}", n) for n in range(5)]
    hidden = change("hidden", 0, 2, state=IsaState.SHELVED, asks_anew=False)
    changes = [*old, change("hidden", 0), hidden, change("new", 2 * DAY)]
    found = desk(changes, 3 * DAY)
    assert found.figure("stale_alarms_on_the_worst_day").value == 5
    assert found.figure("stale_alarms_on_the_worst_day").held is Held.MISSED
    assert found.figure("standing_alarms_at_the_end").value == 6
    assert found.figure("shelved_alarms_at_the_end").value == 1
    assert desk(changes, DAY).figure("stale_alarms_on_the_worst_day").value == 0


def test_an_alarm_from_before_the_window_is_stale_in_it_but_counts_in_no_rate() -> None:
    changes = [change("old", -3 * DAY), change("old", HOUR, 2, acknowledged=True, state=GONE)]
    found = desk(changes)
    assert found.alarms == 0
    assert found.figure("stale_alarms_on_the_worst_day").value == 1
    assert found.figure("standing_alarms_at_the_end").value == 0
    assert found.figure("time_to_acknowledge_median_s").value is None


def test_suppressed_alarms_at_the_end_are_told_apart() -> None:
    states = (IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE)
    found = desk([change(state.value, 0, state=state, asks_anew=False) for state in states])
    for name in ("shelved", "suppressed_by_design", "out_of_service"):
        assert found.figure(f"{name}_alarms_at_the_end").value == 1
    assert found.figure("standing_alarms_at_the_end").value == 0
    assert found.alarms == 0


def test_time_to_acknowledge_is_from_the_asking_on_by_median_and_nine_tenths() -> None:
    changes = []
    for number, wait in enumerate((10, 20, 30, 40, 50, 60, 70, 80, 90, 1000)):
        changes += [
            change(f"a{number}", number),
            change(f"a{number}", number + wait, 2, acknowledged=True, asks_anew=False),
        ]
    found = desk(changes)
    assert found.figure("time_to_acknowledge_median_s").value == 50
    assert found.figure("time_to_acknowledge_p90_s").value == 90
    assert found.figure("time_to_acknowledge_p90_s").held is None


def test_chattering_and_fleeting_count_points_and_name_them() -> None:
    changes = [
        change("a", 0),
        change("a", 5, 2, chattering=True, asks_anew=True),
        change("b", 9, chattering=True),
        change("c", 20, point=ZONE),
        change("c", 22, 2, point=ZONE, fleeting=True, asks_anew=False),
    ]
    found = desk(changes)
    assert found.figure("chattering_points").value == 1
    assert [(each.rule_id, each.alarms) for each in found.chattering] == [("gas", 2)]
    assert [(each.rule_id, each.alarms) for each in found.fleeting] == [("press", 1)]
    assert found.figure("fleeting_points").held is Held.MISSED


def test_positions_count_their_own_areas_and_flood_alerts_count_nowhere() -> None:
    flood = Point("hall", FLOOD_KIND, "flood", "desk/hall")
    yard = GAS._replace(area="yard")
    found = performance(
        [change("a", 0), change("b", 1, point=yard), change("f", 2, point=flood)],
        began_at=T0,
        ended_at=later(DAY),
        positions={"desk": ("hall",), "gate": ("yard", "road")},
    )
    assert [(each.position, each.areas, each.alarms) for each in found.positions] == [
        ("desk", ("hall",), 1),
        ("gate", ("road", "yard"), 1),
    ]
    assert found.positions[0].figure("standing_alarms_at_the_end").value == 1


def test_less_than_thirty_days_is_not_enough_and_an_empty_window_is_refused() -> None:
    assert not report_of([], 29.9 * DAY).enough_data
    assert report_of([], 30 * DAY).enough_data
    with pytest.raises(ValueError, match="not after its beginning"):
        report_of([], 0)


def test_a_revision_that_the_clock_put_before_a_newer_one_does_not_bring_the_alarm_back() -> None:
    gone = change("a", 10, 3, state=GONE, acknowledged=True, asks_anew=False)
    late = change("a", 20, 2, asks_anew=False)
    found = desk([change("a", 0), gone, late])
    assert found.figure("standing_alarms_at_the_end").value == 0


alarms = st.lists(
    st.tuples(
        st.integers(0, 48 * HOUR - 1),
        st.sampled_from([Severity.LOW, Severity.HIGH, Severity.CRITICAL]),
        st.sampled_from([GAS, ZONE]),
        st.integers(1, 60 * HOUR),
    ),
    max_size=40,
)


@given(alarms, st.integers(1, 47))
def test_two_windows_together_say_what_one_over_both_says(
    raised: list[tuple[int, Severity, Point, int]], cut_h: int
) -> None:
    changes = []
    for number, (second, severity, point, lasts_s) in enumerate(raised):
        values = {"severity": severity, "point": point}
        changes += [
            change(f"a{number}", second, **values),
            change(
                f"a{number}",
                second + lasts_s,
                2,
                state=GONE,
                acknowledged=True,
                asks_anew=False,
                **values,
            ),
        ]
    cut = cut_h * HOUR
    first, second_half = desk(changes, cut), desk(changes, 48 * HOUR, cut)
    whole = desk(changes, 48 * HOUR)
    assert first.alarms + second_half.alarms == whole.alarms
    for severity in whole.alarms_by_severity:
        parts = (first.alarms_by_severity[severity], second_half.alarms_by_severity[severity])
        assert sum(parts) == whole.alarms_by_severity[severity]

    def by_point(found: PositionReport) -> dict[str, int]:
        return {actor.rule_id: actor.alarms for actor in found.bad_actors}

    parts_by_point = by_point(first), by_point(second_half)
    for rule, count in by_point(whole).items():
        assert count == sum(part.get(rule, 0) for part in parts_by_point)
    name = "hours_above_30_alarms_percent"
    crowded_hours = sum(
        (found.figure(name).value or 0) / 100 * hours
        for found, hours in ((first, cut_h), (second_half, 48 - cut_h))
    )
    assert crowded_hours == pytest.approx((whole.figure(name).value or 0) / 100 * 48, abs=0.01)
    standing = "standing_alarms_at_the_end"
    assert second_half.figure(standing).value == whole.figure(standing).value
    peaks = [found.figure("alarms_per_10_min_peak").value or 0 for found in (first, second_half)]
    assert max(peaks) <= (whole.figure("alarms_per_10_min_peak").value or 0) <= sum(peaks)


@given(st.lists(st.integers(0, 100), max_size=30).map(sorted), st.integers(1, 50))
def test_the_peak_is_the_most_within_any_window(seconds: list[int], window_s: int) -> None:
    times: list[datetime] = [later(second) for second in seconds]
    brute = max(
        (sum(1 for s in seconds if end - window_s < s <= end) for end in seconds), default=0
    )
    assert peak(microseconds(times), later(window_s) - T0) == brute
