"""The zone rule on real people: PETS 2009 S2.L1, 795 frames at 10 fps, boxes labelled by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hazard.geometry import contains
from hazard.types import HazardEvent, Observation
from tests.unit.rules.feed import HEIGHT, WIDTH, person, picture, rule

FPS = 10.0
DWELL_S = 1.0
GAP_FRAMES = 8


@pytest.fixture(scope="module")
def sequence(shared_data: Path) -> Path:
    return shared_data / "people_tracking_mot15" / "PETS09-S2L1"


@pytest.fixture(scope="module")
def visits(sequence: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((sequence / "zone_visits.json").read_text())
    return loaded


def frames(sequence: Path, polygon: list[list[float]], renumber: int = 0) -> Iterator[Observation]:
    """The labelled boxes as observations; with `renumber`, ids change every so many frames."""
    zone = [(x / WIDTH, y / HEIGHT) for x, y in polygon]
    boxes = defaultdict(list)
    for line in (sequence / "gt" / "gt.txt").read_text().splitlines():
        frame, number, left, top, width, height = (float(cell) for cell in line.split(",")[:6])
        boxes[int(frame)].append((int(number), left, top, width, height))
    for frame in range(1, 796):
        tracks = []
        for number, left, top, width, height in boxes[frame]:
            name = number + 1000 * (frame // renumber) if renumber else number
            x, y = left + width / 2, top + height
            foot = (min(1.0, max(0.0, x / WIDTH)), min(1.0, max(0.0, y / HEIGHT)))
            inside = ("pit",) if contains(zone, foot) else ()
            tracks.append(person(name, x, y, zones=inside, height=height))
        yield picture(frame / FPS, *tracks)


def found(sequence: Path, visits: dict[str, Any], renumber: int = 0) -> list[HazardEvent]:
    subject = rule(
        kind="restricted_zone", camera="gate", zone="pit", dwell_s=DWELL_S, clear_after_s=3
    )
    state, events = subject.initial(), []
    for seen in frames(sequence, visits["zone_polygon_px"], renumber):
        state, more = subject.step(state, seen)
        events += more
    return events


def raised(events: list[HazardEvent]) -> list[tuple[int, float]]:
    """Track and frame of each first finding."""
    first: dict[str, tuple[int, float]] = {}
    for event in events:
        if event.condition == "active" and event.event_id not in first:
            number = event.boxes[0].track_id
            assert number is not None
            first[event.event_id] = (number, event.updated_monotonic_s * FPS)
    return list(first.values())


def test_every_real_visit_longer_than_the_dwell_is_found_and_nothing_else(
    sequence: Path, visits: dict[str, Any]
) -> None:
    findings = raised(found(sequence, visits))
    long = [
        visit
        for visit in visits["visits"]
        if visit["last_frame"] - visit["first_frame"] > DWELL_S * FPS
    ]
    assert len(long) >= 15
    for visit in long:
        first, last = visit["first_frame"], visit["last_frame"]
        assert any(
            number == visit["track"] and first <= frame <= last + 1 for number, frame in findings
        ), visit
    for number, frame in findings:
        assert any(
            visit["track"] == number
            and visit["first_frame"] - 1 <= frame <= visit["last_frame"] + 1
            for visit in visits["visits"]
        ), (number, frame)


def test_nothing_is_found_where_nobody_is(sequence: Path, visits: dict[str, Any]) -> None:
    for event in found(sequence, visits):
        if event.condition == "active":
            frame = event.updated_monotonic_s * FPS
            assert any(
                visit["first_frame"] - 1 <= frame <= visit["last_frame"] + GAP_FRAMES
                for visit in visits["visits"]
            )


def test_a_tracker_that_loses_every_number_each_two_seconds_multiplies_no_events(
    sequence: Path, visits: dict[str, Any]
) -> None:
    steady = {event.event_id for event in found(sequence, visits)}
    switching = {event.event_id for event in found(sequence, visits, renumber=20)}
    assert len(switching) <= 1.5 * len(steady)
