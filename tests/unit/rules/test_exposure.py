from __future__ import annotations

from typing import Any

import pytest

from hazard.types import CameraState, HazardEvent, Quality
from tests.unit.rules.feed import person, picture, reading, report, rule, run, steps, tick


def exposure(**changes: Any) -> Any:
    config = {"kind": "exposure", "sensor": "h2s-1", "at": 10, "deadband": 1}
    return rule(**{**config, "seen_within_s": 10, "off_delay_s": 3, **changes})


def watch(start: float, stop: float, *tracks: Any, **changes: Any) -> list[Any]:
    return [picture(t, *tracks, **changes) for t in steps(start, stop, 2)]


def said(events: list[HazardEvent]) -> list[tuple[str, bool | None]]:
    return [(str(e.condition), e.occupied) for e in events]


def test_gas_and_a_person_seen_are_one_finding_with_both_sources_and_the_person() -> None:
    events = run(exposure(), [*watch(0, 15), *watch(15, 16, person(7)), reading(16, 25)])
    assert said(events) == [("active", True)]
    event = events[0]
    assert event.hazard == "toxic_gas_exposure"
    assert event.sources == ("h2s-1", "gate")
    assert [track.track_id for track in event.boxes] == [7]
    assert {m.name: m.value for m in event.measured} == {"h2s": 25, "people": 1}


def test_a_person_counts_for_as_long_as_the_sighting_is_recent() -> None:
    before = [*watch(0, 15), *watch(15, 16, person())]
    for second, expected in ((25.0, [("active", True)]), (26.0, [])):
        items = [*before, *watch(16, second), reading(second, 25)]
        assert said(run(exposure(), items)) == expected


def test_gas_in_an_area_that_is_watched_and_empty_exposes_nobody() -> None:
    assert run(exposure(), [*watch(0, 15), reading(15, 25), *watch(15, 20)]) == []


@pytest.mark.parametrize(
    "blinded",
    [
        [],
        watch(0, 5),
        [*watch(0, 15), report(15, CameraState.DARK)],
        [*watch(0, 15), report(15, CameraState.OFFLINE)],
        watch(0, 16, state=CameraState.FROZEN),
        watch(0, 16, camera="far"),
    ],
    ids=["no picture", "not long enough", "dark", "offline", "frozen", "another area's camera"],
)
def test_unknown_occupancy_counts_as_occupied(blinded: list[Any]) -> None:
    assert said(run(exposure(), [*blinded, reading(16, 25)])) == [("active", None)]


def test_an_area_without_a_camera_counts_as_occupied() -> None:
    subject = exposure(cameras=["far"])
    assert said(run(subject, [reading(0, 25)])) == [("active", None)]


def test_one_blind_camera_of_two_makes_the_area_unknown() -> None:
    subject = exposure(cameras=["gate", "far"])
    both = [item for t in steps(0, 15, 2) for item in (picture(t), picture(t, camera="far"))]
    assert run(subject, [*both, reading(15, 25)]) == []
    blind = [*both, report(15, CameraState.DARK, camera="far"), reading(15, 25)]
    assert said(run(subject, blind)) == [("active", None)]


def test_a_camera_that_goes_blind_while_the_gas_is_high_raises_without_a_new_reading() -> None:
    items = [*watch(0, 15), reading(15, 25), report(15.5, CameraState.OFFLINE)]
    assert said(run(exposure(), items)) == [("active", None)]


def test_a_camera_that_falls_silent_while_the_gas_is_high_raises() -> None:
    gas = [reading(t, 25) for t in steps(15, 25, 1)]
    assert said(run(exposure(), [*watch(0, 15), *gas])) == [("active", None)]


def test_it_is_said_again_when_people_are_seen_at_last() -> None:
    items = [reading(0, 25), *watch(0.5, 2, person())]
    assert said(run(exposure(), items)) == [("active", None), ("active", True)]


def test_low_gas_clears_after_the_delay_of_good_readings_only() -> None:
    start = [reading(0, 25)]
    low = [reading(t, 3) for t in steps(1, 6, 1)]
    assert said(run(exposure(), start + low)) == [("active", None), ("cleared", None)]
    doubtful = [reading(t, 3, quality=Quality.UNCERTAIN) for t in steps(1, 60, 1)]
    assert said(run(exposure(), start + doubtful)) == [("active", None), ("held", None)]


def test_one_low_reading_and_the_passing_of_time_do_not_clear() -> None:
    items = [reading(0, 25), reading(1, 3), *[tick(t) for t in steps(1, 9, 2)], *watch(9, 10)]
    assert said(run(exposure(), items)) == [("active", None)]


def test_a_silent_sensor_holds() -> None:
    items = [reading(0, 25), *[tick(t) for t in steps(0, 60, 1)]]
    assert said(run(exposure(), items)) == [("active", None), ("held", None)]


def test_people_who_have_left_a_watched_area_end_the_exposure() -> None:
    items: list[Any] = [reading(0, 25)]
    for t in steps(0, 30, 2):
        items += [picture(t, *([person()] if t < 3 else [])), reading(t, 25)]
    assert said(run(exposure(), items)) == [("active", None), ("active", True), ("cleared", True)]
