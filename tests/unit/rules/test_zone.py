from __future__ import annotations

import math
from typing import Any

import pytest

from hazard.rules.presence import MAX_PEOPLE
from hazard.types import CameraState
from tests.unit.rules.feed import person, picture, report, rule, run, steps, tick, told


def zone(**changes: Any) -> Any:
    config = {"kind": "restricted_zone", "camera": "gate", "zone": "pit"}
    return rule(**{**config, "dwell_s": 1.0, "clear_after_s": 3.0, **changes})


def test_a_person_who_stays_longer_than_the_dwell_is_found_once() -> None:
    events = run(zone(), [picture(t, person()) for t in steps(0, 5)])
    assert [(e.condition, e.subject) for e in events] == [("active", "gate/pit/track-1")]
    assert (events[0].updated_at - events[0].started_at).total_seconds() == pytest.approx(1.0)
    dwell = next(m for m in events[0].measured if m.name == "dwell")
    assert (dwell.value, dwell.unit, dwell.threshold) == (pytest.approx(1.0), "s", 1.0)
    assert events[0].sources == ("gate",)
    assert events[0].boxes[0].track_id == 1
    assert events[0].occupied is True


def test_a_person_who_passes_faster_than_the_dwell_is_not_found() -> None:
    inside = [picture(t, person()) for t in steps(0, 0.9)]
    outside = [picture(t, person(zones=())) for t in steps(0.9, 9)]
    assert run(zone(), inside + outside) == []


def test_somebody_who_leaves_and_comes_back_does_not_add_up_their_visits() -> None:
    frames = []
    for start in (0, 2, 4, 6):
        frames += [picture(t, person()) for t in steps(start, start + 0.8)]
        frames += [picture(t, person(zones=())) for t in steps(start + 0.8, start + 2)]
    assert run(zone(), frames) == []


def test_a_blink_of_the_detector_does_not_restart_the_dwell() -> None:
    frames = [picture(t, *([person()] if round(t * 10) % 4 else [])) for t in steps(0, 1.6)]
    assert [e.condition for e in run(zone(), frames)] == ["active"]


def test_a_person_in_alarm_who_is_hidden_for_a_moment_makes_no_revisions() -> None:
    frames = [picture(t, *([person()] if round(t * 10) % 20 < 5 else [])) for t in steps(2, 20)]
    stayed = [picture(t, person()) for t in steps(0, 2)]
    assert [e.condition for e in run(zone(), stayed + frames)] == ["active"]


def test_an_empty_zone_seen_by_a_healthy_camera_clears_after_the_set_time() -> None:
    frames = [picture(t, person()) for t in steps(0, 2)] + [picture(t) for t in steps(2, 8)]
    assert told(zone(), frames) == [
        (1.0, "active", ""),
        (4.0, "held", ""),
        (5.0, "cleared", ""),
    ]


@pytest.mark.parametrize(
    "state", [CameraState.DARK, CameraState.FROZEN, CameraState.OFFLINE, CameraState.STARTING]
)
def test_an_empty_picture_of_a_blind_camera_never_clears(state: CameraState) -> None:
    frames = [picture(t, person()) for t in steps(0, 2)]
    frames += [picture(t, state=state) for t in steps(2, 60, 2)]
    conditions = [e.condition for e in run(zone(), frames)]
    assert conditions == ["active", "held"]


def test_a_camera_that_falls_silent_holds_and_its_first_picture_does_not_clear() -> None:
    frames = [picture(t, person()) for t in steps(0, 2)]
    items = [*frames, *[tick(t) for t in steps(2, 30, 2)], picture(30.0), picture(30.1)]
    assert [e.condition for e in run(zone(), items)] == ["active", "held"]


@pytest.mark.parametrize("state", [CameraState.OFFLINE, CameraState.ENDED, CameraState.DARK])
def test_a_report_that_the_camera_is_blind_holds_at_once(state: CameraState) -> None:
    frames = [picture(t, person()) for t in steps(0, 2)]
    assert told(zone(), [*frames, report(2.0, state)])[-1] == (2.0, "held", "")


def test_a_person_on_a_frozen_picture_is_not_found() -> None:
    frames = [picture(t, person(), state=CameraState.FROZEN) for t in steps(0, 20)]
    assert run(zone(), frames) == []


def test_a_track_seen_elsewhere_clears_while_others_stay() -> None:
    both = [picture(t, person(1), person(2, x=500)) for t in steps(0, 2)]
    apart = [picture(t, person(1), person(2, x=700, zones=())) for t in steps(2, 6)]
    events = run(zone(), both + apart)
    assert [(e.subject, e.condition) for e in events] == [
        ("gate/pit/track-1", "active"),
        ("gate/pit/track-2", "active"),
        ("gate/pit/track-2", "cleared"),
    ]


def test_a_lost_track_is_held_while_somebody_else_stands_far_off_in_the_zone() -> None:
    both = [picture(t, person(1, x=200), person(2, x=600)) for t in steps(0, 2)]
    one = [picture(t, person(2, x=600)) for t in steps(2, 30)]
    events = run(zone(), both + one)
    assert [(e.subject[-1], e.condition) for e in events] == [
        ("1", "active"),
        ("2", "active"),
        ("1", "held"),
    ]


def test_new_track_numbers_for_the_same_person_make_no_new_events() -> None:
    frames = [picture(t, person(1 + int(t / 0.7))) for t in steps(0, 20)]
    events = run(zone(), frames)
    assert len({e.event_id for e in events}) == 1
    assert [e.condition for e in events] == ["active"]


def test_people_without_a_confirmed_number_are_found_too() -> None:
    events = run(zone(), [picture(t, person(None)) for t in steps(0, 3)])
    assert [e.subject for e in events] == ["gate/pit/untracked-0"]


def test_a_weak_sighting_blocks_clearing_but_raises_nothing() -> None:
    weak = person(confidence=0.2)
    assert run(zone(), [picture(t, weak) for t in steps(0, 10)]) == []
    frames = [picture(t, person()) for t in steps(0, 2)]
    frames += [picture(t, weak) for t in steps(2, 20)]
    assert [e.condition for e in run(zone(), frames)] == ["active"]


def test_another_camera_or_another_label_or_another_zone_is_ignored() -> None:
    frames = [picture(t, person(), camera="far") for t in steps(0, 3)]
    frames += [picture(t, person(label="dog")) for t in steps(0, 3)]
    frames += [picture(t, person(zones=("bay",))) for t in steps(3, 6)]
    assert run(zone(), frames) == []


def test_times_that_go_backwards_or_are_no_numbers_change_nothing() -> None:
    good = [picture(t, person()) for t in steps(0, 1.5)]
    odd = []
    for frame in good:
        odd += [
            frame,
            picture(math.nan),
            picture(math.inf),
            picture(frame.captured_monotonic_s - 1),
        ]
    assert run(zone(), odd) == run(zone(), good)


def test_a_clock_that_was_restarted_starts_the_dwell_anew() -> None:
    frames = [picture(t, person()) for t in steps(1000, 1000.5)]
    frames += [picture(t, person()) for t in steps(0, 1.5)]
    assert told(zone(), frames) == [(1.0, "active", "")]


def test_a_stream_of_new_track_numbers_does_not_grow_the_state_without_bound() -> None:
    subject = zone(dwell_s=0.0)
    state = subject.initial()
    for t in steps(0, 30):
        crowd = [person(int(t * 1000) + n, x=20.0 * n, y=40.0 * (n % 9)) for n in range(30)]
        state, _ = subject.step(state, picture(t, *crowd))
    assert len(state.people) <= MAX_PEOPLE


def test_a_finding_from_before_a_restart_goes_on_and_is_cleared_by_good_evidence() -> None:
    raised = run(zone(), [picture(t, person()) for t in steps(0, 2)])
    subject = zone()
    again = run(
        subject,
        [picture(t, person(77)) for t in steps(100, 102)] + [picture(t) for t in steps(102, 106)],
        subject.resume(tuple(raised)),
    )
    assert {e.event_id for e in again} == {raised[0].event_id}
    assert again[-1].condition == "cleared"
