"""Previews: annotated, in one step, and never an old picture that looks alive."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from edge_agent.vision.previews import MAX_WIDTH, PreviewWriter, View, draw
from hazard.types import CameraState, Track
from tests.vision import a_frame, a_picture, a_site, file_camera, wait_for

ZONES = {"corner": {"polygon": [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9]]}}
CAMERA = a_site({"cam": file_camera(Path("a.avi"), zones=ZONES)}).cameras["cam"]
SINCE = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TRACK = Track(track_id=3, label="person", confidence=0.9, xyxy=(10, 100, 40, 180), foot=(0.1, 0.75))


def test_boxes_and_zones_are_drawn_on_a_copy() -> None:
    frame = a_frame(a_picture())
    before = frame.image.copy()
    drawn = draw(View(CAMERA, CameraState.OK, SINCE, frame, (TRACK,)))
    assert drawn.shape == frame.image.shape
    assert tuple(int(v) for v in drawn[140, 10]) == (80, 220, 80)
    assert np.array_equal(frame.image, before)


def test_an_offline_camera_shows_no_picture_at_all() -> None:
    view = View(CAMERA, CameraState.OFFLINE, SINCE, a_frame(a_picture()))
    other = View(CAMERA, CameraState.OFFLINE, SINCE, a_frame(a_picture(50)))
    assert np.array_equal(draw(view), draw(other))


def test_a_dark_camera_has_a_banner() -> None:
    frame = a_frame(a_picture())
    plain = draw(View(CAMERA, CameraState.OK, SINCE, frame))
    dark = draw(View(CAMERA, CameraState.DARK, SINCE, frame))
    assert not np.array_equal(plain[:36], dark[:36])
    assert np.array_equal(plain[40:200], dark[40:200])


def test_a_hostile_label_cannot_break_the_drawing() -> None:
    hostile = TRACK.model_copy(update={"label": "\x00\n<b>é" * 12})
    draw(View(CAMERA, CameraState.OK, SINCE, a_frame(a_picture()), (hostile,)))


def test_a_large_picture_is_shown_smaller() -> None:
    frame = a_frame(np.zeros((1080, 1920, 3), np.uint8))
    assert draw(View(CAMERA, CameraState.OK, SINCE, frame)).shape[1] == MAX_WIDTH


def test_previews_come_at_most_twice_a_second_and_rarer_with_many_cameras(tmp_path: Path) -> None:
    writer = PreviewWriter(tmp_path)
    writer.start()
    assert writer.due("cam", 1000.0, cameras=1)
    writer.offer("cam", View(CAMERA, CameraState.OK, SINCE, a_frame(a_picture())))
    wait_for((tmp_path / "cam.jpg").exists)
    now_s = writer.offered_at_s("cam")
    assert not writer.due("cam", now_s + 0.4, cameras=1)
    assert writer.due("cam", now_s + 0.6, cameras=1)
    assert not writer.due("cam", now_s + 0.6, cameras=64)
    writer.stop()
    assert not writer.is_alive()
    assert cv2.imread(str(tmp_path / "cam.jpg")) is not None
    assert [p.name for p in tmp_path.iterdir()] == ["cam.jpg"]
