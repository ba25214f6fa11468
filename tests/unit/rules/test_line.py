"""Crossing a line: when it counts, to which side, once each, whatever the camera's speed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.errors import ConfigError
from hazard.rules.crossing import begin, go
from hazard.rules.finding import CLOCK_RESTART_S
from hazard.types import CameraState, HazardEvent
from tests.unit.rules.feed import HEIGHT, WIDTH, person, picture, report, rule, run, steps, tick

MIDDLE = WIDTH / 2
QUICK = settings(max_examples=60, deadline=None)


def line(**changes: Any) -> Any:
    return rule(**{"kind": "line", "camera": "gate", "line": "door", "clear_after_s": 5, **changes})


def walk(
    *places: tuple[float, float],
    hertz: float = 10.0,
    number: int | None = 1,
    start_s: float = 0.0,
    **looks: Any,
) -> list[Any]:
    """Straight on from place to place, a second each; every place is seen."""
    seen = [picture(start_s, person(number, *places[0], **looks))]
    for leg, (one, other) in enumerate(pairwise(places)):
        for step in range(1, round(hertz) + 1):
            done = step / hertz
            x, y = (a + done * (b - a) for a, b in zip(one, other, strict=True))
            seen.append(picture(start_s + leg + done, person(number, x, y, **looks)))
    return seen


LEFT, RIGHT = (MIDDLE - 150.0, 300.0), (MIDDLE + 150.0, 300.0)


def counts(events: Sequence[HazardEvent]) -> list[dict[str, float]]:
    return [{m.name: m.value for m in e.measured} for e in events if e.condition == "active"]


def test_who_crosses_is_found_once_and_it_clears_when_nobody_does_again() -> None:
    events = run(line(), [*walk(LEFT, RIGHT), *[picture(t) for t in steps(1.1, 9)]])
    assert [e.condition for e in events] == ["active", "cleared"]
    raised, cleared = events
    assert (raised.subject, raised.sources) == ("gate/door/track-1", ("gate",))
    assert (raised.hazard, raised.occupied) == ("person_in_restricted_zone", True)
    assert counts(events) == [{"crossed_right": 1}]
    assert raised.boxes[0].track_id == 1
    assert (cleared.updated_at - raised.updated_at).total_seconds() == pytest.approx(5, abs=0.11)


@pytest.mark.parametrize(
    ("direction", "found"),
    [
        ("right", [{"crossed_right": 1}]),
        ("left", [{"crossed_left": 1}]),
        ("either", [{"crossed_right": 1}, {"crossed_left": 1, "crossed_right": 1}]),
    ],
)
def test_only_the_direction_that_is_asked_for_counts(
    direction: str, found: list[dict[str, float]]
) -> None:
    there_and_back = walk(LEFT, RIGHT, LEFT)
    events = run(line(direction=direction), there_and_back)
    assert counts(events) == found
    assert len({e.event_id for e in events}) == 1


def test_passing_beyond_an_end_of_the_line_is_no_crossing() -> None:
    below = HEIGHT * 0.95
    assert run(line(), walk((LEFT[0], below), (RIGHT[0], below), RIGHT)) == []


def test_feet_that_tremble_on_the_line_cross_nothing_and_count_once_when_they_go_on() -> None:
    tremble = [(MIDDLE + dx, 300.0) for dx in (6, -6, 7, -7, 0, 7, -3, 5, -7, 7, 7, 7)]
    assert run(line(), walk(LEFT, *tremble, LEFT)) == []
    assert counts(run(line(), walk(LEFT, *tremble, RIGHT))) == [{"crossed_right": 1}]


def test_who_is_first_seen_on_the_line_has_come_from_nowhere() -> None:
    assert run(line(), walk((MIDDLE - 3, 300.0), RIGHT)) == []


def test_a_number_that_changes_on_the_line_is_one_crossing_and_after_it_none() -> None:
    onto = walk(LEFT, (MIDDLE - 20, 300.0))
    on = walk((MIDDLE + 20, 300.0), RIGHT, number=2, start_s=1.4)
    (event,) = run(line(), [*onto, *on])
    assert event.subject == "gate/door/track-1"
    again = walk((MIDDLE + 4, 300.0), RIGHT, number=3, start_s=4.0)
    assert len(run(line(), [*onto, *on, *again])) == 1


def test_who_appears_elsewhere_or_too_late_is_somebody_else() -> None:
    onto = walk(LEFT, (MIDDLE - 20, 300.0))
    late = walk((MIDDLE + 20, 300.0), RIGHT, number=2, start_s=1.8)
    far = walk((WIDTH - 20, 300.0), (WIDTH - 60, 300.0), number=2, start_s=1.1)
    assert run(line(), [*onto, *late]) == []
    assert run(line(), [*onto, *far]) == []


def test_doubtful_sightings_and_other_things_cross_nothing() -> None:
    assert run(line(), walk(LEFT, RIGHT, confidence=0.2)) == []
    assert run(line(), walk(LEFT, RIGHT, label="truck")) == []
    assert run(line(), walk(LEFT, RIGHT, number=None)) == []
    truck = line(labels=["truck"], hazard="person_near_vehicle")
    (event,) = run(truck, walk(LEFT, RIGHT, label="truck"))
    assert (event.hazard, event.occupied) == ("person_near_vehicle", None)


def test_a_blind_or_silent_camera_holds_and_the_dark_clears_nothing() -> None:
    crossed = walk(LEFT, RIGHT)
    blind = [*crossed, report(1.5, CameraState.OFFLINE)]
    assert [e.condition for e in run(line(), blind)] == ["active", "held"]
    silent = [*crossed, *[tick(t) for t in steps(1, 30, 2)]]
    assert [e.condition for e in run(line(), silent)] == ["active", "held"]
    dark = [picture(t, state=CameraState.DARK) for t in steps(1.5, 30, 2)]
    assert [e.condition for e in run(line(), [*crossed, *dark])] == ["active"]
    seeing = [picture(t) for t in steps(30, 36)]
    assert [e.condition for e in run(line(), [*blind, *seeing])] == ["active", "held", "cleared"]


def test_a_picture_that_is_frozen_moves_nobody() -> None:
    frozen = [p.model_copy(update={"camera_state": CameraState.FROZEN}) for p in walk(LEFT, RIGHT)]
    assert run(line(), frozen) == []


def test_after_a_restart_what_stood_is_cleared_by_good_pictures_only() -> None:
    subject = line()
    stood = tuple(run(subject, walk(LEFT, RIGHT)))
    resumed: Any = subject
    assert run(subject, [tick(50)], resumed.resume(stood))[0].condition == "held"
    pictures = [picture(t) for t in steps(50, 56)]
    assert [e.condition for e in run(subject, pictures, resumed.resume(stood))] == ["cleared"]


def test_a_clock_that_was_restarted_does_not_keep_a_finding_for_ever() -> None:
    crossed = walk(LEFT, RIGHT, start_s=CLOCK_RESTART_S * 100)
    events = run(line(), [*crossed, *[picture(t) for t in steps(0, 6)]])
    assert [e.condition for e in events] == ["active", "cleared"]


def test_a_moved_line_is_another_rule_and_an_unknown_one_none() -> None:
    assert line() == line()
    with pytest.raises(ConfigError, match="no line 'dor'"):
        line(line="dor")


# ---------------------------------------------------------------- properties

sides = st.lists(st.booleans(), min_size=1, max_size=8)
heights = st.floats(0.25, 0.75)
speeds = st.sampled_from((2.0, 5.0, 10.0, 30.0))


def place(right: bool, away: float, y: float) -> tuple[float, float]:  # noqa: FBT001 - drawn
    return MIDDLE + (away if right else -away), y * HEIGHT


@st.composite
def ways(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[bool]]:
    """Places that are clear of the line, within its length, and on which side each is."""
    chosen = draw(sides)
    return [place(right, draw(st.floats(9, 300)), draw(heights)) for right in chosen], chosen


@QUICK
@given(way=ways(), direction=st.sampled_from(("left", "right", "either")), hertz=speeds)
def test_each_crossing_in_the_asked_direction_is_told_once_at_any_frame_rate(
    way: tuple[list[tuple[float, float]], list[bool]], direction: str, hertz: float
) -> None:
    places, chosen = way
    wanted = ["right" if after else "left" for before, after in pairwise(chosen) if before != after]
    wanted = [side for side in wanted if direction in (side, "either")]
    told = counts(run(line(direction=direction, clear_after_s=60), walk(*places, hertz=hertz)))
    assert len(told) == len(wanted)
    if wanted:
        assert sum(told[-1].values()) == len(wanted)
        assert told[-1].get("crossed_left", 0) == wanted.count("left")


@QUICK
@given(
    places=st.lists(st.tuples(st.floats(-50, MIDDLE), st.floats(-50, HEIGHT + 50)), min_size=1),
    hertz=speeds,
)
def test_a_way_that_never_crosses_is_never_told(
    places: list[tuple[float, float]], hertz: float
) -> None:
    beside = [(min(x, MIDDLE - 1e-6), y) for x, y in places]
    assert run(line(), walk(*beside, hertz=hertz)) == []


@QUICK
@given(st.lists(st.floats(-7.9, 7.9), min_size=1, max_size=40), st.booleans())
def test_trembling_on_the_line_is_never_told(offsets: list[float], right: bool) -> None:  # noqa: FBT001
    start = place(right, 60, 0.5)
    frames = [start, *[(MIDDLE + dx, 0.5 * HEIGHT) for dx in offsets]]
    assert run(line(), [picture(n / 10, person(1, *at)) for n, at in enumerate(frames)]) == []


def test_a_bent_line_is_crossed_once_through_its_corner() -> None:
    bent = [(0.0, 100.0), (100.0, 0.0), (200.0, 100.0)]
    for dx in range(-40, 41, 5):
        way = begin((100.0 + dx, 90.0), 80, bent)
        _, side = go(way, (100.0 - dx, -90.0), 80, bent)
        assert side == -1, dx
