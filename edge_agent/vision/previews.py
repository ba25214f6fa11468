"""The latest annotated picture of each camera, for the dashboard."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hazard.site.models import Camera
from hazard.types import CameraState, Frame, Track

MIN_INTERVAL_S: Final = 0.5
CPU_SHARE: Final = 0.05
"""Share of one CPU that previews may cost; with many cameras each is drawn less often."""

MAX_WIDTH: Final = 960
JPEG_QUALITY: Final = 80

_ZONE, _KNOWN, _UNKNOWN, _WHITE, _ALARM = (
    (0, 200, 255),
    (80, 220, 80),
    (170, 170, 170),
    (255, 255, 255),
    (40, 40, 200),
)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class View:
    """What a preview shows: a frame with its tracks, or only a banner."""

    camera: Camera
    state: CameraState
    since: datetime
    frame: Frame | None
    tracks: tuple[Track, ...] = ()


def draw(view: View) -> NDArray[np.uint8]:
    """The picture with zones, lines, boxes, time, and a banner unless the camera is fine."""
    if view.frame is None or view.state in (CameraState.OFFLINE, CameraState.STARTING):
        return _banner_only(view)
    image = _scaled(view.frame.image)
    height, width = image.shape[:2]
    scale = width / view.frame.image.shape[1]
    for name, zone in view.camera.zones.items():
        points = (np.array(zone.polygon) * (width, height)).astype(np.int32)
        cv2.polylines(image, [points], isClosed=True, color=_ZONE, thickness=2)
        _text(image, name, (int(points[0][0]) + 4, int(points[0][1]) + 16), _ZONE)
    for name, line in view.camera.lines.items():
        points = (np.array(line.points) * (width, height)).astype(np.int32)
        cv2.polylines(image, [points], isClosed=False, color=_ZONE, thickness=2)
        _text(image, name, (int(points[0][0]) + 4, max(12, int(points[0][1]) - 6)), _ZONE)
    for track in view.tracks:
        left, top, right, bottom = (int(v * scale) for v in track.xyxy)
        colour = _UNKNOWN if track.track_id is None else _KNOWN
        cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
        known = "" if track.track_id is None else f" {track.track_id}"
        _text(image, f"{track.label}{known}", (left, max(12, top - 4)), colour)
    stamp = view.frame.captured_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    _text(image, stamp, (8, height - 10), _WHITE)
    if view.state is not CameraState.OK:
        _banner(image, _words(view))
    return image


def _words(view: View) -> str:
    return f"{view.state.value.upper()} since {view.since.strftime('%H:%M:%S UTC')}"


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if width <= MAX_WIDTH:
        return image.copy()
    size = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
    smaller: NDArray[np.uint8] = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8
    )
    return smaller


def _banner_only(view: View) -> NDArray[np.uint8]:
    """Grey, with words: an old picture must not look alive."""
    image: NDArray[np.uint8] = np.full((432, 768, 3), 60, np.uint8)
    _banner(image, _words(view))
    return image


def _banner(image: NDArray[np.uint8], words: str) -> None:
    cv2.rectangle(image, (0, 0), (image.shape[1], 36), _ALARM, -1)
    cv2.putText(image, words, (10, 25), _FONT, 0.7, _WHITE, 2, cv2.LINE_AA)


def _text(image: Any, words: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    plain = words.encode("ascii", "replace").decode()[:40]
    (width, height), _ = cv2.getTextSize(plain, _FONT, 0.45, 1)
    cv2.rectangle(image, (at[0], at[1] - height - 2), (at[0] + width, at[1] + 3), (0, 0, 0), -1)
    cv2.putText(image, plain, at, _FONT, 0.45, colour, 1, cv2.LINE_AA)


class PreviewWriter(threading.Thread):
    """Draws and writes previews in a thread of its own, at most two a second for each camera."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="previews", daemon=True)
        self._folder = folder
        self._waiting: dict[str, View] = {}
        self._last_s: dict[str, float] = {}
        self._cost_s = 0.005
        self._condition = threading.Condition()
        self._stopping = False
        self.error = ""

    def due(self, name: str, now_s: float, cameras: int) -> bool:
        """Whether a new preview of this camera is wanted now."""
        interval_s = max(MIN_INTERVAL_S, cameras * self._cost_s / CPU_SHARE)
        return now_s - self.offered_at_s(name) >= interval_s

    def offered_at_s(self, name: str) -> float:
        """CLOCK_MONOTONIC of the last offer of this camera, 0 before the first."""
        return self._last_s.get(name, 0.0)

    def offer(self, name: str, view: View) -> None:
        """Have a view drawn; a newer one of the same camera replaces it."""
        self._last_s[name] = time.monotonic()
        with self._condition:
            self._waiting[name] = view
            self._condition.notify()

    def forget(self, name: str) -> None:
        """Remove the preview of a camera that is gone."""
        with self._condition:
            self._waiting.pop(name, None)
        with suppress(OSError):
            (self._folder / f"{name}.jpg").unlink()

    def run(self) -> None:
        """Draw what is offered until stopped."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                waiting, self._waiting = self._waiting, {}
            self._write_all(waiting)

    def _write_all(self, views: Mapping[str, View]) -> None:
        for name, view in views.items():
            began_s = time.thread_time()
            try:
                write_picture(self._folder / f"{name}.jpg", draw(view))
            except (OSError, cv2.error) as error:
                self.error = f"preview of {name} not written: {error}"[:300]
            else:
                self.error = ""
            self._cost_s = 0.9 * self._cost_s + 0.1 * (time.thread_time() - began_s)

    def stop(self) -> None:
        """End the thread; what waits is not drawn."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self.is_alive():
            self.join(timeout=1.0)


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a JPEG in one step: a reader sees the old one or the new one.

    Raises:
        OSError: if it cannot be written.
    """
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise OSError("JPEG could not be encoded")
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.write_bytes(np.asarray(data, np.uint8).tobytes())
    aside.replace(path)


def view_now(camera: Camera, state: CameraState) -> View:
    """A view without a frame, as of now."""
    return View(camera=camera, state=state, since=datetime.now(UTC), frame=None)
