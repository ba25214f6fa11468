"""Crowding, fire and smoke, proximity, camera health."""

from __future__ import annotations

from typing import Any

import pytest

from hazard.errors import ConfigError
from hazard.rules import build_rule
from hazard.types import CameraState, Track
from tests.unit.rules.feed import (
    HEIGHT,
    SQUARE,
    WIDTH,
    person,
    picture,
    report,
    rule,
    run,
    site,
    steps,
    tick,
    told,
)


def people(count: int) -> list[Track]:
    return [person(n, x=100.0 + 40 * n) for n in range(count)]


def crowd(**changes: Any) -> Any:
    config = {"kind": "crowding", "camera": "gate", "people": 3, "dwell_s": 2}
    return rule(**{**config, "clear_after_s": 5, **changes})


def test_more_people_than_allowed_for_the_dwell_are_a_crowd() -> None:
    events = run(crowd(), [picture(t, *people(4)) for t in steps(0, 4)])
    assert [(e.condition, e.measured[0].value) for e in events] == [("active", 4)]
    assert len(events[0].boxes) == 4
    assert run(crowd(), [picture(t, *people(3)) for t in steps(0, 9)]) == []


def test_only_people_in_the_zone_count_where_one_is_named() -> None:
    outside = [p.model_copy(update={"zones": ()}) for p in people(9)]
    frames = [picture(t, *outside, *people(3)) for t in steps(0, 9)]
    assert run(crowd(zone="pit"), frames) == []


def test_a_crowd_that_has_grown_by_half_is_said_again() -> None:
    frames = [picture(t, *people(4 if t < 4 else 6)) for t in steps(0, 9)]
    assert [e.measured[0].value for e in run(crowd(), frames)] == [4, 6]


def test_a_crowd_that_has_gone_clears_and_a_blind_camera_holds() -> None:
    frames = [picture(t, *people(4)) for t in steps(0, 3)]
    gone = [picture(t) for t in steps(3, 12)]
    assert told(crowd(), frames + gone) == [(2, "active", ""), (8, "cleared", "")]
    dark = [picture(t, state=CameraState.DARK) for t in steps(3, 30)]
    assert told(crowd(), [*frames, *dark, report(30, CameraState.DARK)])[-1][1] == "held"
    silence = [tick(t) for t in steps(3, 30, 4)]
    assert told(crowd(), frames + silence)[-1] == (8, "held", "")


def flame(confidence: float = 0.8) -> Track:
    return person(None, label="fire", confidence=confidence)


def fire(**changes: Any) -> Any:
    config = {"kind": "fire_smoke", "camera": "gate", "frames": 4, "window": 8}
    return rule(**{**config, "clear_after_s": 10, **changes})


@pytest.mark.parametrize(
    ("shown", "found"),
    [("11110000", 1), ("10101010", 1), ("10001000100010001000", 0), ("1110", 0), ("1" * 30, 1)],
)
def test_fire_must_show_in_several_of_the_last_pictures(shown: str, found: int) -> None:
    frames = [picture(n / 10, *([flame()] if c == "1" else [])) for n, c in enumerate(shown)]
    assert len(run(fire(), frames)) == found


def test_faint_flames_raise_nothing_and_block_clearing() -> None:
    assert run(fire(), [picture(t, flame(0.2)) for t in steps(0, 5)]) == []
    frames = [picture(t, flame()) for t in steps(0, 1)]
    faint = [picture(t, flame(0.2)) for t in steps(1, 60, 2)]
    assert [e.condition for e in run(fire(), frames + faint)] == ["active"]


def test_fire_clears_only_after_healthy_pictures_without_it() -> None:
    frames = [picture(t, flame()) for t in steps(0, 1)]
    assert told(fire(), frames + [picture(t) for t in steps(1, 20)])[-1] == (11.0, "cleared", "")
    frozen = [picture(t, state=CameraState.FROZEN) for t in steps(1, 60, 2)]
    assert [e.condition for e in run(fire(), frames + frozen)] == ["active", "held"]


def test_more_frames_than_the_window_holds_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"rules\.r\.frames"):
        fire(frames=9)


def near(**changes: Any) -> Any:
    config = {"kind": "vehicle_proximity", "camera": "gate", "distance_m": 2, "dwell_s": 0.5}
    return rule(**{**config, "clear_after_s": 3, **changes})


def truck(x: float, y: float = 300.0) -> Track:
    return person(99, x, y, label="truck", zones=())


@pytest.mark.parametrize(("pixels", "found"), [(90, True), (120, False)])
def test_without_calibration_the_distance_comes_from_the_persons_height(
    pixels: float,
    found: bool,  # noqa: FBT001
) -> None:
    # an 85 px person is 1.7 m, so that 100 px are 2 m; the truck's edge is 15 px from its centre
    walker = person(1, 200, 300, height=85)
    events = run(near(), [picture(t, walker, truck(200 + 15 + pixels)) for t in steps(0, 2)])
    assert bool(events) is found
    if found:
        measured = events[0].measured[0]
        assert (measured.name, measured.unit) == ("distance_estimated", "m")
        assert measured.value == pytest.approx(pixels / 50, abs=0.01)
        assert [track.label for track in events[0].boxes] == ["person", "truck"]


def test_a_parked_vehicle_can_be_a_zone() -> None:
    inside = person(1, 0.5 * WIDTH, 0.5 * HEIGHT)
    outside = person(1, 0.95 * WIDTH, 0.5 * HEIGHT)
    subject = near(vehicle_zone="bay", distance_m=1)
    assert run(subject, [picture(t, outside) for t in steps(0, 2)]) == []
    (event,) = run(subject, [picture(t, inside) for t in steps(0, 2)])
    assert event.measured[0].value == 0
    assert SQUARE[0] == (0.2, 0.2)


def test_on_a_calibrated_camera_metres_on_the_ground_decide() -> None:
    plant = site(r={"kind": "vehicle_proximity", "camera": "gate", "distance_m": 2})
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    metres = ((0.0, 0.0), (76.8, 0.0), (76.8, 57.6), (0.0, 57.6))
    gate = plant.cameras["gate"].model_dump()
    gate["calibration"] = {"picture": corners, "ground_m": metres}
    data = {**plant.model_dump(), "cameras": {"gate": gate}}
    subject = build_rule("r", type(plant).model_validate(data))
    for gap_px, found in ((15, True), (25, False)):  # 10 px are 1 m
        walker = person(1, 200, 300, height=400, ground_m=(20.0, 30.0))
        events = run(subject, [picture(t, walker, truck(200 + 15 + gap_px)) for t in steps(0, 2)])
        assert bool(events) is found
        if found:
            assert events[0].measured[0].name == "distance"
            assert events[0].measured[0].value == pytest.approx(1.5, abs=0.01)


def test_a_person_seen_far_from_any_vehicle_clears_and_one_who_is_lost_does_not() -> None:
    close = [picture(t, person(1, 200), truck(260)) for t in steps(0, 2)]
    apart = [picture(t, person(1, 600), truck(260)) for t in steps(2, 6)]
    assert [e.condition for e in run(near(), close + apart)] == ["active", "cleared"]
    lost = [picture(t, truck(260), state=CameraState.DARK) for t in steps(2, 60)]
    assert [e.condition for e in run(near(), close + lost)] == ["active", "held"]


def health(**changes: Any) -> Any:
    config = {"kind": "camera_health", "cameras": ["gate"], "dark_after_s": 3}
    return rule(**{**config, "frozen_after_s": 5, "offline_after_s": 5, **changes})


def reports(start: float, stop: float, state: CameraState) -> list[Any]:
    return [item for t in steps(start, stop, 1) for item in (report(t, state), tick(t + 0.1))]


@pytest.mark.parametrize(
    ("state", "hazard", "after"),
    [
        (CameraState.DARK, "camera_dark", 3),
        (CameraState.FROZEN, "camera_frozen", 5),
        (CameraState.OFFLINE, "camera_offline", 5),
    ],
)
def test_a_fault_that_lasts_is_found_and_good_pictures_clear_it(
    state: CameraState, hazard: str, after: float
) -> None:
    ok = CameraState.OK
    items = [*reports(0, 5, ok), *reports(5, 15, state), *reports(15, 25, ok)]
    events = run(health(), items)
    assert [(e.hazard, e.condition) for e in events] == [(hazard, "active"), (hazard, "cleared")]
    assert events[0].subject == "gate"
    lasted = (events[0].updated_at - events[0].started_at).total_seconds()
    assert lasted == pytest.approx(0)
    assert events[0].measured[0].value == pytest.approx(after, abs=0.2)
    assert (events[1].updated_at - events[0].updated_at).total_seconds() > after


def test_a_short_fault_is_not_found() -> None:
    ok = CameraState.OK
    items = [*reports(0, 5, ok), *reports(5, 7, CameraState.DARK), *reports(7, 20, ok)]
    assert run(health(), items) == []


def test_dark_then_frozen_then_silent_are_three_findings_that_clear_together() -> None:
    items = [
        *reports(0, 5, CameraState.OK),
        *reports(5, 12, CameraState.DARK),
        *reports(12, 20, CameraState.FROZEN),
        *[tick(t) for t in steps(20, 30, 2)],
        *reports(30, 40, CameraState.OK),
    ]
    events = run(health(), items)
    raised = [e.hazard for e in events if e.condition == "active"]
    assert raised == ["camera_dark", "camera_frozen", "camera_offline"]
    assert sorted(e.hazard for e in events if e.condition == "cleared") == sorted(raised)
    last_bad = max(n for n, e in enumerate(events) if e.condition != "cleared")
    assert [e.condition for e in events[last_bad + 1 :]] == ["cleared"] * 3


def test_a_camera_that_was_never_heard_of_or_hangs_while_starting_is_offline() -> None:
    never = run(health(), [tick(t) for t in steps(0, 30, 2)])
    assert [(e.hazard, e.condition) for e in never] == [("camera_offline", "active")]
    starting = run(health(), reports(0, 30, CameraState.STARTING))
    assert [(e.hazard, e.condition) for e in starting] == [("camera_offline", "active")]
    assert run(health(), reports(0, 15, CameraState.STARTING)) == []


def test_a_recording_that_has_ended_is_no_fault() -> None:
    items = [*reports(0, 5, CameraState.OK), report(5, CameraState.ENDED)]
    assert run(health(), [*items, *[tick(t) for t in steps(5, 60, 1)]]) == []


def test_starting_again_after_a_fault_does_not_clear_it() -> None:
    items = [*reports(0, 15, CameraState.OFFLINE), *reports(15, 30, CameraState.STARTING)]
    assert "cleared" not in {e.condition for e in run(health(), items)}
