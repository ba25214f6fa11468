"""The demo's footage through the real model: faults found, none invented, people followed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge_agent.paths import default_models_dir
from edge_agent.vision.evidence import FrameRing
from edge_agent.vision.faults import FaultInjector, Stage, stage
from edge_agent.vision.health import PictureMonitor
from edge_agent.vision.pipeline import Pipeline, Seen
from hazard.blurring import MARGIN
from hazard.types import CameraState
from tests.programs import require_weights
from tests.vision import Core, a_frame, a_site, file_camera, node_paths, vision_process, wait_for

pytestmark = pytest.mark.weights

FPS = 10.0
Boxes = list[tuple[int, tuple[float, ...]]]


@pytest.fixture(scope="module")
def clip() -> Path:
    return require_weights("vtest")


def pictures(clip: Path) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(clip))
    found = []
    while (step := capture.read())[0]:
        found.append(np.asarray(step[1], np.uint8))
    return found


def test_normal_footage_is_fine_and_each_injected_fault_is_found_in_time(clip: Path) -> None:
    plain, faulty, injector = PictureMonitor(), PictureMonitor(), FaultInjector(FPS)
    for index, image in enumerate(pictures(clip)):
        assert plain.judge(image, index / FPS) is CameraState.OK
        if not injector.delivers(index):
            continue
        state = faulty.judge(injector.apply(index, image), index / FPS)
        what, before = stage(index, FPS), stage(max(0, index - 22), FPS)
        if what is Stage.NORMAL:
            assert state is CameraState.OK, index
        elif what is Stage.COVERED and before is Stage.COVERED:
            assert state is CameraState.DARK, index
        elif what is Stage.FROZEN and before is Stage.FROZEN:
            assert state is CameraState.FROZEN, index


def iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = one[:, None], other[None]
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.prod(np.clip(size, 0, None), axis=2)
    areas = [np.prod(x[..., 2:] - x[..., :2], axis=2) for x in (a, b)]
    result: NDArray[np.float64] = both / (areas[0] + areas[1] - both)
    return result


def identity(truth: dict[int, Boxes], found: dict[int, Boxes]) -> tuple[float, int]:
    """IDF1 (Ristani et al., 2016) and identity switches, at IoU 0.5."""
    pairs: dict[tuple[int, int], int] = defaultdict(int)
    last: dict[int, int] = {}
    switches = 0
    for frame, boxes in truth.items():
        seen = found.get(frame, [])
        if not seen:
            continue
        overlap = iou(np.array([b for _, b in boxes]), np.array([b for _, b in seen]))
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, column] < 0.5:
                continue
            person, track = boxes[row][0], seen[column][0]
            pairs[person, track] += 1
            switches += last.get(person, track) != track
            last[person] = track
    people, tracks = sorted({p for p, _ in pairs}), sorted({t for _, t in pairs})
    counts = np.zeros((len(people), len(tracks)))
    for (person, track), count in pairs.items():
        counts[people.index(person), tracks.index(track)] = count
    matched = counts[linear_sum_assignment(-counts)].sum()
    total = sum(map(len, truth.values())) + sum(map(len, found.values()))
    return float(2 * matched / total), switches


@pytest.fixture(scope="module")
def seen(clip: Path) -> list[Seen]:
    """What the real model saw in each frame of the footage."""
    require_weights("nanodet")
    pipeline = Pipeline(a_site({"cam": file_camera(clip, pace="fast")}), default_models_dir())
    assert pipeline.load(), pipeline.problems
    found = []
    for index, image in enumerate(pictures(clip)):
        frame = a_frame(image, sequence=index, at_s=index / FPS)
        found += pipeline.process([frame], {}, {"cam": FPS})
    pipeline.close()
    return found


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> dict[int, Boxes]:
    """Who was where in each frame, as people have marked it."""
    marked: dict[int, Boxes] = defaultdict(list)
    text = (shared_data / "people_tracking_mot15/PETS09-S2L1/gt/gt.txt").read_text()
    for line in text.splitlines():
        number, person, left, top, width, height = map(float, line.split(",")[:6])
        box = (left, top, left + width, top + height)
        marked[int(number) - 1].append((int(person), box))
    return marked


def test_people_of_the_footage_keep_their_numbers(
    seen: list[Seen], truth: dict[int, Boxes]
) -> None:
    found: dict[int, Boxes] = {
        index: [
            (t.track_id, t.xyxy)
            for t in one.observation.tracks
            if t.label == "person" and t.track_id is not None
        ]
        for index, one in enumerate(seen)
    }
    idf1, switches = identity(truth, found)
    assert idf1 > 0.70
    assert switches < 80


def test_people_of_the_footage_are_covered_in_stored_pictures(
    seen: list[Seen], truth: dict[int, Boxes]
) -> None:
    ring = FrameRing()
    image = np.zeros((576, 768, 3), np.uint8)
    heads = covered = 0
    shares = []
    for index, one in enumerate(seen):
        frame = a_frame(image, sequence=index, at_s=index / FPS)
        ring.add(frame, one.observation.tracks, one.people)
        if index % 10:
            continue
        kept = ring.nearest(frame.captured_at)
        assert kept is not None
        mosaic = np.zeros(image.shape[:2], np.bool_)
        for left, top, right, bottom in kept.people or ():
            wide, high = (right - left) * MARGIN, (bottom - top) * MARGIN
            rows = slice(max(0, int(top - high)), int(bottom + high))
            mosaic[rows, max(0, int(left - wide)) : int(right + wide)] = True
        shares.append(mosaic.mean())
        for _, (left, top, right, bottom) in truth[index]:
            head = mosaic[max(0, int(top)) : int(top + (bottom - top) / 4)]
            heads += 1
            covered += head[:, max(0, int(left)) : int(right)].mean() > 0.8
    assert covered / heads > 0.99
    assert np.mean(shares) < 0.35


def test_the_real_process_with_the_real_model_sees_every_frame_of_the_footage(
    clip: Path, tmp_path: Path
) -> None:
    require_weights("nanodet")
    zones = {"all": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}}
    site = a_site({"cam": file_camera(clip, pace="fast", zones=zones)})
    with (
        node_paths(tmp_path, default_models_dir()) as paths,
        Core(paths, site) as core,
        vision_process(paths, bright=False),
    ):
        report = core.wait_state("cam", CameraState.ENDED, 150)
        wait_for(lambda: len(core.observed) == report.frames_processed)
    assert report.frames_read == report.frames_processed == 795
    people = [t for _, o in core.observed for t in o.tracks if t.label == "person"]
    assert len(people) > 3000
    figures = core.worker[-1].figures
    detectors = figures["detectors"]
    assert isinstance(detectors, dict)
    assert len(str(detectors["nanodet"]["sha256"])) == 64
    assert isinstance(figures["inference_ms_p50"], float)
