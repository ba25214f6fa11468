"""What must hold of every rule, whatever comes in: purity, and that only good evidence clears."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.ports import RuleInput, Tick
from hazard.types import (
    CameraReport,
    CameraState,
    Condition,
    HazardEvent,
    Observation,
    Quality,
    Reading,
)
from tests.unit.rules.feed import person, picture, reading, report, rule, tick

LEVELS = [{"name": "alarm", "at": 10}, {"name": "idlh", "at": 100}]
CONFIGS: dict[str, dict[str, Any]] = {
    "zone": {"kind": "restricted_zone", "camera": "gate", "zone": "pit"},
    "line": {"kind": "line", "camera": "gate", "line": "door"},
    "proximity": {"kind": "vehicle_proximity", "camera": "gate"},
    "crowding": {"kind": "crowding", "camera": "gate", "people": 1, "dwell_s": 0.5},
    "fire": {"kind": "fire_smoke", "camera": "gate", "frames": 2, "window": 4},
    "health": {"kind": "camera_health", "cameras": ["gate"]},
    "threshold": {
        "kind": "threshold",
        "hazard": "toxic_gas",
        "sensor": "h2s-1",
        "levels": LEVELS,
        "deadband": 1,
    },
    "rate": {"kind": "rate", "hazard": "toxic_gas", "sensor": "h2s-1", "above_per_min": 30},
    "stale": {"kind": "stale", "sensors": ["h2s-1"]},
    "exposure": {"kind": "exposure", "sensor": "h2s-1", "at": 10, "seen_within_s": 3},
}
every_rule = pytest.mark.parametrize("name", CONFIGS)
quick = settings(max_examples=20, deadline=None)

tracks = st.lists(
    st.builds(
        person,
        st.sampled_from((None, 1, 2, 3)),
        st.sampled_from((100.0, 130.0, 600.0)),
        label=st.sampled_from(("person", "truck", "fire")),
        zones=st.sampled_from(((), ("pit",))),
        confidence=st.sampled_from((0.2, 0.9)),
    ),
    max_size=4,
)
gaps = st.sampled_from((0.0, 0.1, 0.1, 0.1, 0.3, 1.0, 4.0, 30.0, -0.2, -500.0))


@st.composite
def streams(draw: st.DrawFn) -> list[RuleInput]:
    """Pictures, reports, readings and ticks of one camera and one sensor, clocks not quite sane."""
    second, items = 1000.0, []
    for _ in range(draw(st.integers(1, 60))):
        second = max(0.0, second + draw(gaps))
        match draw(st.sampled_from("pppprrrst")):
            case "p":
                state = draw(st.sampled_from((*[CameraState.OK] * 6, *CameraState)))
                items.append(picture(second, *draw(tracks), state=state))
            case "r":
                value = draw(st.sampled_from((1.0, 9.5, 12.0, 12.0, 150.0, None, math.nan)))
                quality = draw(st.sampled_from((*[Quality.GOOD] * 5, *Quality)))
                items.append(reading(second, value, quality=quality))
            case "s":
                items.append(report(second, draw(st.sampled_from(CameraState))))
            case _:
                items.append(tick(second))
    return items


def play(subject: Any, items: list[RuleInput], state: object | None = None) -> Any:
    state = subject.initial() if state is None else state
    found: list[tuple[int, HazardEvent]] = []
    for number, item in enumerate(items):
        state, events = subject.step(state, item)
        found += [(number, event) for event in events]
    return state, found


def shape(found: list[tuple[int, HazardEvent]]) -> list[HazardEvent]:
    return [event for _, event in found]


@every_rule
@quick
@given(items=streams(), cut=st.integers(0, 60))
def test_the_same_inputs_give_the_same_findings_wherever_the_stream_is_cut(
    name: str, items: list[RuleInput], cut: int
) -> None:
    subject, twin = rule(**CONFIGS[name]), rule(**CONFIGS[name])
    _, whole = play(subject, items)
    state, first = play(twin, items[:cut])
    _, second = play(rule(**CONFIGS[name]), items[cut:], state)
    assert repr(shape(whole)) == repr(shape(first) + shape(second))


def is_good(item: RuleInput) -> bool:
    """Whether this input can be good evidence of safety at all."""
    if isinstance(item, Observation | CameraReport):
        state = item.camera_state if isinstance(item, Observation) else item.state
        return state is CameraState.OK
    if isinstance(item, Reading):
        sane = item.value is not None and math.isfinite(item.value)
        return item.quality is Quality.GOOD and sane
    return not isinstance(item, Tick)


@every_rule
@quick
@given(items=streams())
def test_only_good_evidence_clears(name: str, items: list[RuleInput]) -> None:
    _, found = play(rule(**CONFIGS[name]), items)
    for number, event in found:
        if event.condition is Condition.CLEARED:
            assert is_good(items[number])
            assert event.ended_at is not None


@every_rule
@quick
@given(items=streams())
def test_every_event_is_raised_first_and_says_nothing_after_it_was_cleared(
    name: str, items: list[RuleInput]
) -> None:
    _, found = play(rule(**CONFIGS[name]), items)
    last: dict[str, Condition] = {}
    for _, event in found:
        before = last.get(event.event_id)
        if before in (None, Condition.CLEARED):
            assert event.condition is Condition.ACTIVE
        if before is Condition.HELD:
            assert event.condition is not Condition.HELD
        last[event.event_id] = event.condition


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - {"stale"}))
@quick
@given(items=streams(), blind_from=st.integers(1, 60))
def test_nothing_is_cleared_after_the_last_good_evidence(
    name: str, items: list[RuleInput], blind_from: int
) -> None:
    blind: list[RuleInput] = [item for item in items[blind_from:] if not is_good(item)]
    late = [tick(3000.0 + n) for n in range(30)]
    _, found = play(rule(**CONFIGS[name]), [*items[:blind_from], *blind, *late])
    assert all(
        event.condition is not Condition.CLEARED for number, event in found if number >= blind_from
    )


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - {"health", "stale"}))
@quick
@given(items=streams())
def test_whatever_stands_is_held_when_everything_falls_silent(
    name: str, items: list[RuleInput]
) -> None:
    late = [tick(5000.0 + n) for n in range(120)]
    _, found = play(rule(**CONFIGS[name]), [*items, *late])
    last = {event.event_id: event.condition for _, event in found}
    assert Condition.ACTIVE not in last.values()
