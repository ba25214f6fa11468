"""Frames become observations: tracks, zones, metres; a missing model is told, not fatal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.vision.pipeline import LOWEST_CONFIDENCE, OpenDetector, Pipeline
from edge_agent.vision.tracking import CameraTracker
from hazard.errors import WeightsError
from hazard.ports import Detector
from hazard.types import CameraState, Detection, Frame, Observation
from tests.vision import BrightDetector, a_frame, a_picture, a_site, open_bright

SOURCE = {"source": {"kind": "file", "path": "a.avi"}}
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]


def a_pipeline(**camera: Any) -> Pipeline:
    pipeline = Pipeline(a_site({"cam": {**SOURCE, **camera}}), Path(), open_bright)
    assert pipeline.load()
    return pipeline


def observe(pipeline: Pipeline, count: int) -> list[Observation]:
    return [
        pipeline.process([a_frame(a_picture(i), sequence=i, at_s=i / 10)], {})[0].observation
        for i in range(count)
    ]


def test_an_object_keeps_its_number_and_has_none_before_it_is_confirmed() -> None:
    observations = observe(a_pipeline(), 20)
    ids = [o.tracks[0].track_id for o in observations]
    assert ids[0] is None
    assert set(ids[4:]) == {ids[-1]}
    assert ids[-1] is not None


def test_the_feet_decide_about_the_zone() -> None:
    zones = {
        "feet": {"polygon": [[0, 0.7], [1, 0.7], [1, 0.8], [0, 0.8]]},
        "head": {"polygon": [[0, 0.3], [1, 0.3], [1, 0.6], [0, 0.6]]},
    }
    track = observe(a_pipeline(zones=zones), 1)[0].tracks[0]
    assert track.zones == ("feet",)
    assert track.foot == pytest.approx((25 / 320, 180 / 240), abs=0.01)


def test_metres_come_from_the_calibration() -> None:
    calibration = {"picture": SQUARE, "ground_m": [[0, 0], [32, 0], [32, 24], [0, 24]]}
    track = observe(a_pipeline(calibration=calibration), 1)[0].tracks[0]
    assert track.ground_m == pytest.approx((2.5, 18.0), abs=0.15)
    assert observe(a_pipeline(), 1)[0].tracks[0].ground_m is None


def test_zones_change_in_place_and_tracks_go_on() -> None:
    pipeline = a_pipeline()
    before = observe(pipeline, 10)[-1].tracks[0]
    pipeline.configure(a_site({"cam": {**SOURCE, "zones": {"all": {"polygon": SQUARE}}}}))
    after = pipeline.process([a_frame(a_picture(10), sequence=10, at_s=1.0)], {})[
        0
    ].observation.tracks[0]
    assert after.track_id == before.track_id
    assert after.zones == ("all",)


def test_cameras_share_a_batch_and_keep_their_own_tracks() -> None:
    batches: list[int] = []

    class Counting(BrightDetector):
        def detect(self, batch: list[Frame]) -> list[list[Detection]]:
            batches.append(len(batch))
            return super().detect(batch)

    def open_counting(_name: str, _models_dir: Path, _confidence: float) -> Detector:
        return Counting()

    pipeline = Pipeline(a_site({"a": SOURCE, "b": SOURCE}), Path(), open_counting)
    pipeline.load()
    frames = [a_frame(a_picture(), camera_id=name) for name in ("b", "a")]
    found = pipeline.process(frames, {"a": CameraState.DARK})
    assert batches == [2]
    assert [(o.camera_id, o.camera_state) for o, _ in found] == [
        ("b", CameraState.OK),
        ("a", CameraState.DARK),
    ]


def test_a_missing_model_is_named_while_the_other_detector_works() -> None:
    def open_some(name: str, models_dir: Path, confidence: float) -> Detector:
        if name == "fire":
            raise WeightsError("fire is missing: run `hazard models fetch fire`")
        return open_bright(name, models_dir, confidence)

    camera = {**SOURCE, "detectors": ["nanodet", "fire"]}
    pipeline = Pipeline(a_site({"cam": camera}), Path(), open_some)
    assert not pipeline.load()
    assert pipeline.problems == {"fire": "fire is missing: run `hazard models fetch fire`"}
    assert pipeline.ready("cam")
    assert observe(pipeline, 1)[0].tracks


def test_an_empty_picture_gives_an_observation_without_tracks() -> None:
    pipeline = a_pipeline()
    observe(pipeline, 5)
    black = np.zeros((240, 320, 3), np.uint8)
    assert pipeline.process([a_frame(black, at_s=9.0)], {})[0].observation.tracks == ()


def _box(label: str, confidence: float = 0.9, left: float = 10.0) -> Detection:
    return Detection(
        xyxy=(left, 10.0, left + 30, 80.0), confidence=confidence, class_id=0, label=label
    )


def test_a_person_is_never_continued_as_a_vehicle_but_a_car_may_become_a_truck() -> None:
    tracker = CameraTracker(0.4, 10.0, timed=True)
    for index in range(5):
        (_, person), (_, car) = sorted(
            tracker.update([_box("person"), _box("car", left=200)], index / 10),
            key=lambda item: item[0].label,
            reverse=True,
        )
    swapped = tracker.update([_box("car"), _box("truck", left=200)], 0.5)
    ids = {detection.label: track_id for detection, track_id in swapped}
    assert person is not None
    assert ids["car"] != person
    assert ids["truck"] == car


def test_a_weak_detection_continues_a_track_and_starts_none() -> None:
    tracker = CameraTracker(0.4, 10.0, timed=True)
    for index in range(5):
        tracker.update([_box("person")], index / 10)
    for index in range(5, 10):
        weak = tracker.update([_box("person", 0.45), _box("person", 0.45, left=300)], index / 10)
    ids = {detection.xyxy[0]: track_id for detection, track_id in weak}
    assert ids[10.0] is not None
    assert ids[300.0] is None


def test_what_is_below_the_cameras_limit_is_left_out() -> None:
    tracker = CameraTracker(0.4, 10.0, timed=True)
    assert tracker.update([_box("person", 0.39)], 0.0) == []


def open_weak(limits: list[float], *labels: str) -> OpenDetector:
    """A detector that is half as sure, and keeps at what confidence it was opened."""

    class Weak(BrightDetector):
        def detect(self, batch: list[Frame]) -> list[list[Detection]]:
            return [
                [replace(one, confidence=one.confidence / 2, label=self.labels[0]) for one in found]
                for found in super().detect(batch)
            ]

    def opened(_name: str, _models_dir: Path, confidence: float) -> Detector:
        limits.append(confidence)
        detector = Weak()
        detector.labels = labels
        return detector

    return opened


def test_whom_the_cameras_limit_leaves_out_is_known_for_privacy() -> None:
    limits: list[float] = []
    camera = {**SOURCE, "min_confidence": 0.6}
    pipeline = Pipeline(a_site({"cam": camera}), Path(), open_weak(limits, "person"))
    pipeline.load()
    seen = pipeline.process([a_frame(a_picture())], {})[0]
    assert seen.observation.tracks == ()
    assert seen.people is not None
    assert [one.box for one in seen.people] == [(10, 100, 40, 180)]
    pipeline.configure(a_site({"cam": {**SOURCE, "min_confidence": 0.3}}))
    pipeline.load()
    assert limits == [LOWEST_CONFIDENCE]


@pytest.mark.parametrize(
    ("label", "state"), [("smoke", CameraState.OK), ("person", CameraState.DARK)]
)
def test_where_people_are_is_unknown_if_no_detector_or_no_good_picture_can_tell(
    label: str, state: CameraState
) -> None:
    pipeline = Pipeline(a_site({"cam": SOURCE}), Path(), open_weak([], label))
    pipeline.load()
    assert pipeline.process([a_frame(a_picture())], {"cam": state})[0].people is None


def test_after_a_restart_nobody_gets_a_number_from_before_it() -> None:
    before = observe(a_pipeline(), 30)
    pipeline = a_pipeline()
    after = [
        pipeline.process([a_frame(a_picture(i), sequence=i, at_s=i / 10)], {})[0].observation
        for i in range(30, 40)
    ]
    ids = [{t.track_id for o in half for t in o.tracks} - {None} for half in (before, after)]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]
