"""What a changed site file would have raised over stored tracks and readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.dry_run import side
from hazard.dry_run.compare import match
from hazard.dry_run.result import MAX_EXAMPLES, DryRun, Span, WouldBe
from hazard.dry_run.run import dry_run
from hazard.dry_run.side import TooMany
from hazard.site.models import Site
from hazard.types import CameraState, Observation, Quality, Reading, Severity, Track

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LEFT = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0], [0.0, 1.0]]
RIGHT = [[0.6, 0.0], [1.0, 0.0], [1.0, 1.0], [0.6, 1.0]]


def a_site(
    zone: Sequence[Sequence[float]] = LEFT, *, at: float = 10.0, dwell_s: float = 1.0, **more: Any
) -> Site:
    data: dict[str, Any] = {
        "site": {"id": "plant", "name": "Plant"},
        "areas": {"yard": {"name": "Yard"}, "works": {"name": "Works"}},
        "cameras": {
            "gate": {
                "area": "yard",
                "source": {"kind": "folder", "path": "."},
                "zones": {"pit": {"polygon": zone}},
            }
        },
        "sensors": {
            "h2s": {
                "area": "works",
                "quantity": "h2s",
                "unit": "ppm",
                "source": {"kind": "mqtt", "topic": "plant/h2s"},
            }
        },
        "rules": {
            "pit": {"kind": "restricted_zone", "camera": "gate", "zone": "pit", "dwell_s": dwell_s},
            "gas": {
                "kind": "threshold",
                "hazard": "toxic_gas",
                "sensor": "h2s",
                "levels": [{"name": "alarm", "at": at}],
            },
            "eyes": {"kind": "camera_health"},
        },
        "mqtt": {"embedded": True},
    }
    return Site.model_validate({**data, **more})


def seen(
    at_s: float, x: float | None, *, track: int = 1, state: CameraState = CameraState.OK
) -> Observation:
    """What camera `gate` saw at that time: a person whose feet are at `x`, or nobody."""
    at = START + timedelta(seconds=at_s)
    person = Track(
        track_id=track,
        label="person",
        confidence=0.9,
        xyxy=(10.0, 10.0, 30.0, 60.0),
        foot=(x or 0.0, 0.5),
        zones=("what-was-there-then",),
    )
    return Observation(
        camera_id="gate",
        area="yard",
        sequence=int(at_s * 2),
        captured_at=at,
        captured_monotonic_s=7.0,
        detected_at=at,
        detected_monotonic_s=7.0,
        width_px=100,
        height_px=100,
        camera_state=state,
        tracks=() if x is None else (person,),
    )


def read(at_s: float, value: float | None, quality: Quality = Quality.GOOD) -> Reading:
    at = START + timedelta(seconds=at_s)
    return Reading(
        sensor_id="h2s",
        area="works",
        quantity="h2s",
        value=value,
        unit="ppm",
        quality=quality,
        measured_at=at,
        received_at=at,
        received_monotonic_s=0.0,
    )


def visit(start_s: float, x: float, lasts_s: float = 10.0, track: int = 1) -> Iterator[Observation]:
    """Somebody stands there for a while, at two pictures a second."""
    for number in range(int(lasts_s * 2)):
        yield seen(start_s + number / 2, x, track=track)


def quiet(start_s: float, end_s: float) -> Iterator[Observation]:
    """Nobody is there: one picture in five seconds is stored."""
    at_s = start_s
    while at_s < end_s:
        yield seen(at_s, None)
        at_s += 5.0


def tried(
    old: Site,
    new: Site,
    observations: Sequence[Observation] = (),
    readings: Sequence[Reading] = (),
    hours: float = 1.0,
) -> DryRun:
    return dry_run(
        old,
        new,
        observations,
        readings,
        span=Span(from_at=START, to_at=START + timedelta(hours=hours)),
        kinds=catalogue(),
        tell=lambda _share, _words: None,
    )


def test_a_line_that_is_drawn_is_tried_on_the_tracks_that_were_stored() -> None:
    walked = [seen(at / 2, 0.1 + at / 40) for at in range(30)]
    old = a_site([[0.0, 0.0], [0.05, 0.0], [0.05, 0.05]])
    data = old.model_dump()
    data["cameras"]["gate"]["lines"] = {"door": {"points": [[0.5, 1.0], [0.5, 0.0]]}}
    rules = {
        side: {"kind": "line", "camera": "gate", "line": "door", "direction": side}
        for side in ("left", "right")
    }
    new = Site.model_validate(data | {"rules": old.model_dump()["rules"] | rules})
    found = tried(old, new, [*walked, *quiet(15, 60)])
    (crossed,) = found.raised.examples
    assert (crossed.rule_id, crossed.line, crossed.zone) == ("right", "door", None)
    assert (found.raised.total, found.no_longer.total) == (1, 0)


ONE_LEFT_TWO_RIGHT = [
    *quiet(0, 60),
    *visit(60, 0.2),
    *quiet(70, 200),
    *visit(200, 0.8, track=2),
    *quiet(210, 400),
    *visit(400, 0.8, track=3),
    *quiet(410, 500),
]


def test_a_zone_that_moves_raises_here_and_no_longer_there() -> None:
    found = tried(a_site(LEFT), a_site(RIGHT), ONE_LEFT_TWO_RIGHT)
    assert found.raised.total == 2
    assert found.raised.kinds == {"person_in_restricted_zone": 2}
    assert found.no_longer.total == 1
    (gone,) = found.no_longer.examples
    assert (gone.area, gone.zone, gone.rule_id, gone.sources) == ("yard", "pit", "pit", ("gate",))
    assert gone.started_at == START + timedelta(seconds=60)
    assert gone.ended_at is not None
    assert gone.ended_at < START + timedelta(seconds=90)
    assert gone.default >= gone.floor
    assert (found.unchanged, found.rerated.total) == (0, 0)


def test_a_longer_dwell_takes_the_short_visits_away() -> None:
    short = [*quiet(0, 60), *visit(60, 0.2, 3.0), *quiet(63, 120), *visit(120, 0.2, 20.0, track=2)]
    found = tried(a_site(), a_site(dwell_s=8.0), short)
    assert (found.raised.total, found.no_longer.total, found.unchanged) == (0, 1, 1)


def test_a_lower_limit_raises_where_the_present_one_does_not() -> None:
    values = [read(number / 2, 8.0 if 100 <= number < 160 else 1.0) for number in range(400)]
    found = tried(a_site(at=10.0), a_site(at=5.0), readings=values)
    assert found.raised.kinds == {"toxic_gas": 1}
    (one,) = found.raised.examples
    assert (one.area, one.zone, one.sources) == ("works", None, ("h2s",))
    assert tried(a_site(at=5.0), a_site(at=10.0), readings=values).no_longer.total == 1


def test_a_stricter_policy_is_told_as_another_rating() -> None:
    strict = a_site(policy={"kinds": {"person_in_restricted_zone": {"floor": "critical"}}})
    found = tried(a_site(), strict, ONE_LEFT_TWO_RIGHT)
    assert (found.raised.total, found.no_longer.total, found.unchanged) == (0, 0, 0)
    assert found.rerated.kinds == {"person_in_restricted_zone": 1}
    (pair,) = found.rerated.examples
    assert pair.after.floor == "critical"
    assert pair.before.floor != "critical"


def test_what_was_not_seen_is_said() -> None:
    other = a_site(
        RIGHT,
        cameras={
            "gate": {
                "area": "yard",
                "source": {"kind": "usb", "device": 0},
                "zones": {"pit": {"polygon": RIGHT}},
            },
            "dock": {"area": "yard", "source": {"kind": "usb", "device": 1}},
        },
    )
    late = [*quiet(0, 600), *quiet(1800, 2400)]
    found = tried(a_site(), other, late)
    assert found.coverage.covered_h == pytest.approx(1200 / 3600, abs=0.01)
    assert found.coverage.sources["gate"] == pytest.approx(1200 / 3600, abs=0.01)
    assert found.coverage.sources["h2s"] == 0
    assert [(gap.from_at - START).total_seconds() for gap in found.coverage.gaps] == [595.0, 2395.0]
    told = "\n".join(found.not_tried)
    assert "rules.eyes: finds silence" in told
    assert "dock: nothing of it is stored" in told
    assert "h2s: nothing of it is stored" in told
    assert "cameras.gate.source: what it would have seen is not known" in told


def test_nothing_goes_on_over_a_gap() -> None:
    found = tried(a_site(RIGHT), a_site(LEFT), [*visit(0, 0.2), *visit(1000, 0.2)])
    assert found.raised.total == 2
    first, second = sorted(found.raised.examples, key=lambda each: each.started_at)
    assert first.ended_at == START + timedelta(seconds=9.5)
    assert second.ended_at is None


def test_examples_are_bounded_and_counts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = [
        each
        for number in range(MAX_EXAMPLES + 20)
        for each in (
            *visit(number * 70.0, 0.8, 5.0, track=number + 1),
            *quiet(number * 70.0 + 5, number * 70.0 + 70),
        )
    ]
    found = tried(a_site(LEFT), a_site(RIGHT), visits, hours=3)
    assert found.raised.total == MAX_EXAMPLES + 20
    assert len(found.raised.examples) == MAX_EXAMPLES
    monkeypatch.setattr(side, "MOST_INCIDENTS", 10)
    with pytest.raises(TooMany, match="look at fewer hours"):
        tried(a_site(LEFT), a_site(RIGHT), visits, hours=3)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.5, 1.0, 5.0, 30.0, 120.0]),
        st.sampled_from([None, 0.2, 0.5, 0.8]),
        st.integers(1, 3),
        st.sampled_from(list(CameraState)),
        st.sampled_from([None, 1.0, 8.0, 12.0]),
    ),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_a_site_file_that_does_not_change_raises_nothing_new_and_nothing_less(
    steps: list[tuple[float, float | None, int, CameraState, float | None]],
) -> None:
    observations, readings, at_s = [], [], 0.0
    for after_s, x, track, state, value in steps:
        at_s += after_s
        observations.append(seen(at_s, x, track=track, state=state))
        readings.append(read(at_s, value, Quality.GOOD if value else Quality.BAD))
    found = tried(a_site(), a_site(), observations, readings)
    assert (found.raised.total, found.no_longer.total, found.rerated.total) == (0, 0, 0)


def would_be(start_s: float, lasts_s: float | None, hazard: str = "crowding") -> WouldBe:
    start = START + timedelta(seconds=start_s)
    return WouldBe(
        hazard=hazard,
        area="yard",
        rule_id="r",
        sources=("gate",),
        started_at=start,
        ended_at=None if lasts_s is None else start + timedelta(seconds=lasts_s),
        floor=Severity.LOW,
        default=Severity.MEDIUM,
    )


INCIDENTS = st.lists(
    st.builds(
        would_be,
        st.integers(0, 300),
        st.one_of(st.none(), st.integers(0, 60)),
        st.sampled_from(["crowding", "fire"]),
    ),
    max_size=12,
)


@given(INCIDENTS, INCIDENTS)
def test_each_incident_is_counted_once_and_only_what_meets_is_the_same(
    before: list[WouldBe], after: list[WouldBe]
) -> None:
    window = timedelta(seconds=30)
    found = match(before, after, window)
    assert len(found.gone) + len(found.both) == len(before)
    assert len(found.added) + len(found.both) == len(after)
    far = datetime.max.replace(tzinfo=UTC)

    def meet(one: WouldBe, other: WouldBe) -> bool:
        return (
            one.hazard == other.hazard
            and one.started_at - window <= (other.ended_at or far)
            and other.started_at - window <= (one.ended_at or far)
        )

    assert all(meet(pair.before, pair.after) for pair in found.both)
    assert not any(meet(one, other) for one in found.gone for other in found.added)


def test_many_incidents_are_compared_in_no_time_to_speak_of() -> None:
    many = [would_be(number * 60.0, 5.0) for number in range(20_000)]
    found = match(many, [each.model_copy() for each in many], timedelta(seconds=30))
    assert (len(found.both), found.added, found.gone) == (20_000, (), ())
