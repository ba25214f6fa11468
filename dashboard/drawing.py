"""Numbers for the drawings: boxes and zones over a snapshot, and readings over time.

Templates turn them into SVG elements; no markup is made here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dashboard.stages import figure
from hazard.site.models import Site
from hazard.store.queries import ReadingPoint
from hazard.types import AlertMessage, Evidence, Quality, Track

BOXES = 64
GAP_S = 5.0
"""A line is broken where no reading came for longer."""
CHART_WIDTH, CHART_HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 84, 12, 28


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels with its caption."""

    x: float
    y: float
    width: float
    height: float
    text: str
    concerned: bool
    anchor: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A zone: points for an SVG polygon, its name, and where to write it."""

    points: str
    name: str
    x: float
    y: float
    concerned: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A snapshot and what is drawn over it."""

    evidence: Evidence
    boxes: tuple[Box, ...]
    zones: tuple[Outline, ...]

    @property
    def text_px(self) -> float:
        """Size of captions in the picture's pixels."""
        return max(10.0, self.evidence.width_px / 52)


def picture(evidence: Evidence, site: Site, message: AlertMessage) -> Picture:
    """A snapshot with the boxes that were seen in it and the zones of its camera."""
    events = message.events
    concerned = {(box.track_id, box.label) for event in events for box in event.boxes}
    named = {zone for event in events for box in event.boxes for zone in box.zones}
    camera = site.cameras.get(evidence.source)
    width, height = evidence.width_px, evidence.height_px
    zones = {} if camera is None else {n: zone.polygon for n, zone in camera.zones.items()}
    return Picture(
        evidence=evidence,
        boxes=tuple(_box(box, concerned, width) for box in evidence.boxes[:BOXES]),
        zones=tuple(outlines(zones, width, height, named)),
    )


def _box(track: Track, concerned: set[tuple[int | None, str]], picture_width: int) -> Box:
    left, top, right, bottom = track.xyxy
    hot = (track.track_id, track.label) in concerned
    name = track.label if track.track_id is None else f"{track.label} {track.track_id}"
    if hot:
        name = f"{name} {track.confidence:.0%}"
    elif track.track_id is not None:
        name = str(track.track_id)
    return Box(
        x=round(left, 1),
        y=round(top, 1),
        width=round(right - left, 1),
        height=round(bottom - top, 1),
        text=name,
        concerned=hot,
        anchor="end" if left > 0.8 * picture_width else "start",
    )


def outlines(
    polygons: Mapping[str, Sequence[tuple[float, float]]],
    width: int,
    height: int,
    concerned: Collection[str] = (),
) -> list[Outline]:
    """Relative polygons by name as outlines in pixels, those of `concerned` marked."""
    return [
        _outline(name, polygon, width, height, name in concerned)
        for name, polygon in list(polygons.items())[:BOXES]
    ]


def _outline(
    name: str,
    polygon: Sequence[tuple[float, float]],
    width: int,
    height: int,
    concerned: bool,  # noqa: FBT001 - private
) -> Outline:
    points = [(x * width, y * height) for x, y in polygon]
    x, y = min(points, key=lambda point: (point[1], point[0]))
    text = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return Outline(text, name, round(x, 1), round(y, 1), concerned)


# ---------------------------------------------------------------- readings


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line of the chart."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One sensor's readings over time, ready to be drawn."""

    sensor_id: str
    title: str
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    levels: tuple[Level, ...]
    y_ticks: tuple[Level, ...]
    x_ticks: tuple[tuple[float, str], ...]
    marker_x: float | None
    last_text: str
    bad: int
    summary: str

    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    left: int = LEFT
    right: int = CHART_WIDTH - RIGHT
    top: int = TOP
    bottom: int = CHART_HEIGHT - BOTTOM


def chart(
    sensor_id: str,
    points: Sequence[ReadingPoint],
    levels: Sequence[tuple[str, float]],
    *,
    since: datetime,
    until: datetime,
    raised_at: datetime,
    zone: str,
) -> Chart | None:
    """Readings of one sensor with its levels; None when there is no good one to draw."""
    good = [p for p in points if p.value is not None and math.isfinite(p.value)]
    if not good:
        return None
    values = [p.value for p in good if p.value is not None] + [at for _, at in levels]
    low, high, step = scale(min(values), max(values))
    right, bottom = CHART_WIDTH - RIGHT, CHART_HEIGHT - BOTTOM
    span_s = max(1.0, (until - since).total_seconds())

    def x_of(at: datetime) -> float:
        share = (at - since).total_seconds() / span_s
        return round(LEFT + max(0.0, min(1.0, share)) * (right - LEFT), 1)

    def y_of(value: float) -> float:
        return round(bottom - (value - low) / (high - low) * (bottom - TOP), 1)

    newest = good[-1]
    quantity, unit = newest.quantity, newest.unit
    ticks = [low + step * n for n in range(round((high - low) / step) + 1)]
    marks = [since + timedelta(seconds=span_s * n / 4) for n in range(5)]
    drawn = [(x_of(p.measured_at), y_of(p.value)) for p in good if p.value is not None]
    top_value = max(p.value for p in good if p.value is not None)
    return Chart(
        sensor_id=sensor_id,
        title=f"{quantity} in {unit}",
        lines=tuple(_lines(good, drawn)),
        dots=(drawn[-1],),
        levels=tuple(Level(y_of(at), f"{name} {figure(at)}") for name, at in levels[:8]),
        y_ticks=tuple(Level(y_of(tick), figure(round(tick, 6))) for tick in ticks),
        x_ticks=tuple((x_of(at), f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}") for at in marks),
        marker_x=x_of(raised_at) if since <= raised_at <= until else None,
        last_text=f"{figure(newest.value)} {unit}",
        bad=sum(p.quality is not Quality.GOOD for p in points),
        summary=f"{len(good)} readings, highest {figure(top_value)} {unit}, "
        f"last {figure(newest.value)} {unit}",
    )


def _lines(good: Sequence[ReadingPoint], drawn: Sequence[tuple[float, float]]) -> list[str]:
    parts: list[list[str]] = [[f"{drawn[0][0]},{drawn[0][1]}"]]
    for (before, after), (x, y) in zip(pairwise(good), drawn[1:], strict=True):
        if (after.measured_at - before.measured_at).total_seconds() > GAP_S:
            parts.append([])
        parts[-1].append(f"{x},{y}")
    return [" ".join(part) for part in parts]


def scale(low: float, high: float) -> tuple[float, float, float]:
    """Round limits and a round step (1, 2 or 5 times a power of ten) of at most six steps."""
    if 0 < low <= high / 2:
        low = 0.0
    if high - low <= 0:
        low, high = low - 1, high + 1
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step
