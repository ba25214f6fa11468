"""What the tests of rules feed: inputs at a second, a small site, and what a rule says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules import build_rule
from hazard.site.models import Site
from hazard.types import (
    CameraReport,
    CameraState,
    HazardEvent,
    Observation,
    Quality,
    Reading,
    Track,
)

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WIDTH, HEIGHT = 768, 576
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))

DOOR = ((0.5, 0.8), (0.5, 0.2))
"""Up the middle of the picture: its right side is the picture's right side."""


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def site(**rules: dict[str, Any]) -> Site:
    camera = {
        "area": "yard",
        "source": {"kind": "usb", "device": 0},
        "zones": {"pit": {"polygon": SQUARE}, "bay": {"polygon": SQUARE}},
        "lines": {"door": {"points": DOOR}},
    }
    sensor = {"area": "yard", "source": {"kind": "mqtt", "topic": "plant/x"}}
    return Site.model_validate(
        {
            "site": {"id": "s", "name": "S"},
            "areas": {"yard": {"name": "Yard"}, "hall": {"name": "Hall"}},
            "cameras": {"gate": camera, "far": {**camera, "area": "hall"}},
            "sensors": {
                "h2s-1": {**sensor, "quantity": "h2s", "unit": "ppm"},
                "motor-1": {**sensor, "quantity": "temperature", "unit": "degC"},
            },
            "rules": rules,
            "mqtt": {"embedded": True},
        }
    )


def rule(rule_id: str = "r", **config: Any) -> Rule:
    return build_rule(rule_id, site(**{rule_id: config}))


def person(
    number: int | None = 1,
    x: float = 384.0,
    y: float = 300.0,
    *,
    zones: Sequence[str] = ("pit",),
    label: str = "person",
    confidence: float = 0.9,
    height: float = 80.0,
    ground_m: tuple[float, float] | None = None,
) -> Track:
    return Track(
        track_id=number,
        label=label,
        confidence=confidence,
        xyxy=(x - 15, y - height, x + 15, y),
        foot=(min(1.0, x / WIDTH), min(1.0, y / HEIGHT)),
        zones=tuple(zones),
        ground_m=ground_m,
    )


def picture(
    second: float,
    *tracks: Track,
    camera: str = "gate",
    state: CameraState = CameraState.OK,
    area: str = "yard",
) -> Observation:
    return Observation(
        camera_id=camera,
        area=area,
        sequence=max(0, round(second * 10)) if abs(second) < 1e9 else 0,
        captured_at=at(second) if abs(second) < 1e9 else START,
        captured_monotonic_s=second,
        detected_at=at(second + 0.05) if abs(second) < 1e9 else START,
        detected_monotonic_s=second + 0.05,
        width_px=WIDTH,
        height_px=HEIGHT,
        camera_state=state,
        tracks=tracks,
    )


def reading(
    second: float,
    value: float | None,
    *,
    sensor: str = "h2s-1",
    quality: Quality = Quality.GOOD,
    unit: str | None = None,
) -> Reading:
    return Reading(
        sensor_id=sensor,
        area="yard",
        quantity="h2s" if sensor == "h2s-1" else "temperature",
        value=value,
        unit=unit or ("ppm" if sensor == "h2s-1" else "degC"),
        quality=quality,
        measured_at=at(second),
        received_at=at(second),
        received_monotonic_s=second,
    )


def report(second: float, state: CameraState, camera: str = "gate") -> CameraReport:
    return CameraReport(
        camera_id=camera, area="yard", at=at(second), at_monotonic_s=second, state=state
    )


def tick(second: float) -> Tick:
    return Tick(at(second), second)


def run(
    subject: Rule, items: Iterable[RuleInput], state: object | None = None
) -> list[HazardEvent]:
    """All events, in order."""
    current = subject.initial() if state is None else state
    found: list[HazardEvent] = []
    for item in items:
        current, events = subject.step(current, item)
        found += events
    return found


def told(subject: Rule, items: Iterable[RuleInput]) -> list[tuple[float, str, str]]:
    """What was said: second of update, condition, level."""
    return [
        (round((event.updated_at - START).total_seconds(), 2), str(event.condition), event.level)
        for event in run(subject, items)
    ]


def steps(start: float, stop: float, hertz: float = 10.0) -> list[float]:
    """The seconds from `start` up to, not including, `stop`."""
    return [round(start + n / hertz, 3) for n in range(round((stop - start) * hertz))]
