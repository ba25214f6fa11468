"""Numbers for the drawing over a snapshot: boxes, tracks, zones and lines.

Templates turn them into SVG elements; no markup is made here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dashboard.formats import Speech
from dashboard.lines import Stroke, strokes
from hazard.site.models import Site
from hazard.site.rules import LineRule
from hazard.types import AlertMessage, Evidence, Track

BOXES = 64


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
    """A snapshot and what is drawn over it; `paths` are the ways of tracks, as SVG points."""

    evidence: Evidence
    boxes: tuple[Box, ...]
    zones: tuple[Outline, ...]
    lines: tuple[Stroke, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def text_px(self) -> float:
        """Size of captions in the picture's pixels."""
        return max(10.0, self.evidence.width_px / 52)


Paths = Mapping[int, Sequence[tuple[float, float]]]
"""Foot points of each track, relative 0..1, oldest first."""


def picture(
    evidence: Evidence, site: Site, message: AlertMessage, paths: Paths, speech: Speech
) -> Picture:
    """A snapshot with the boxes seen in it, the ways they came, its camera's zones and lines."""
    events = message.events
    concerned = {(box.track_id, box.label) for event in events for box in event.boxes}
    named = {zone for event in events for box in event.boxes for zone in box.zones}
    camera = site.cameras.get(evidence.source)
    rules = [site.rules.get(event.rule_id) for event in events]
    crossed = [r.line for r in rules if isinstance(r, LineRule) and r.camera == evidence.source]
    width, height = evidence.width_px, evidence.height_px
    zones = {} if camera is None else {n: zone.polygon for n, zone in camera.zones.items()}
    seen = {box.track_id for box in evidence.boxes}
    ways = [way for track, way in paths.items() if track in seen and len(way) > 1][:BOXES]
    return Picture(
        evidence=evidence,
        boxes=tuple(_box(box, concerned, width, speech) for box in evidence.boxes[:BOXES]),
        zones=tuple(outlines(zones, width, height, named)),
        lines=strokes(site, evidence.source, width, height, crossed),
        paths=tuple(" ".join(f"{x * width:.1f},{y * height:.1f}" for x, y in way) for way in ways),
    )


def _box(
    track: Track, concerned: set[tuple[int | None, str]], picture_width: int, speech: Speech
) -> Box:
    left, top, right, bottom = track.xyxy
    hot = (track.track_id, track.label) in concerned
    label = speech.seen(track.label)
    name = label if track.track_id is None else f"{label} {track.track_id}"
    if hot:
        name = f"{name} {speech.percent(track.confidence)}"
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
