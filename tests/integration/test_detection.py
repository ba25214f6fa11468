"""Detection on real footage: quality against ground truth, and backends that agree."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from hazard.types import Detection, Frame
from models.detection.factory import open_detector
from models.manifest import Manifest
from tests.networks import a_frame
from tests.programs import require_installed, require_weights

pytestmark = pytest.mark.weights

Box = tuple[float, float, float, float]
THRESHOLD = 0.4
MARGIN = 0.02
"""Boxes this close to the threshold may be there in one backend and not in another."""


def _iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def _frames(step: int) -> dict[int, Frame]:
    """Every `step`-th frame of the demo clip, by its number from 1."""
    capture = cv2.VideoCapture(str(require_weights("vtest")))
    frames = {}
    number = 0
    while capture.grab():
        number += 1
        if number % step == 1:
            frames[number] = a_frame(capture.retrieve()[1])
    capture.release()
    return frames


def _detect(
    backend: str, frames: Sequence[Frame], *, precision: str = "auto", confidence: float = THRESHOLD
) -> list[list[Detection]]:
    models_dir = require_weights("nanodet").parent.parent
    detector = open_detector(
        Manifest.load()["nanodet"],
        models_dir=models_dir,
        backend=backend,
        threads=2,
        confidence=confidence,
        precision=precision,  # type: ignore[arg-type]
    )
    found = [detector.detect([frame])[0] for frame in frames]
    detector.close()
    return found


def _truth(shared_data: Path) -> dict[int, list[Box]]:
    path = shared_data / "people_tracking_mot15" / "PETS09-S2L1" / "gt" / "gt.txt"
    boxes = defaultdict(list)
    with path.open() as stream:
        for row in csv.reader(stream):
            left, top, width, height = map(float, row[2:6])
            boxes[int(row[0])].append((left, top, left + width, top + height))
    return boxes


def _score(found: list[Detection], truth: list[Box]) -> tuple[int, int, int]:
    """True and false positives, and misses, at an overlap of one half."""
    left, hits = list(truth), 0
    for person in (d for d in found if d.label == "person"):
        best = max(left, key=lambda box: _iou(person.xyxy, box), default=None)
        if best is not None and _iou(person.xyxy, best) >= 0.5:
            hits += 1
            left.remove(best)
    people = sum(d.label == "person" for d in found)
    return hits, people - hits, len(left)


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
@pytest.mark.parametrize(
    ("confidence", "recall", "precision"),
    [(0.4, 0.85, 0.78), (0.45, 0.85, 0.86)],
    ids=["at 0.4", "at the default 0.45"],
)
def test_people_on_the_demo_clip_are_found(
    shared_data: Path, backend: str, confidence: float, recall: float, precision: float
) -> None:
    frames, truth = _frames(step=12), _truth(shared_data)
    found = _detect(backend, list(frames.values()), confidence=confidence)
    scores = [_score(f, truth[n]) for n, f in zip(frames, found, strict=True)]
    hits, false, missed = (sum(column) for column in zip(*scores, strict=True))
    assert hits / (hits + missed) >= recall
    assert hits / (hits + false) >= precision


def _unmatched(
    one: list[list[Detection]], other: list[list[Detection]], *, iou: float
) -> tuple[int, int]:
    """How many confident boxes there are, and how many have no partner in the other's answer."""
    total = lonely = 0
    for mine, theirs in zip(one, other, strict=True):
        for box in mine:
            if box.confidence < THRESHOLD + MARGIN:
                continue
            total += 1
            lonely += not any(
                box.label == b.label
                and abs(box.confidence - b.confidence) <= MARGIN
                and _iou(box.xyxy, b.xyxy) >= iou
                for b in theirs
            )
    return total, lonely


@pytest.mark.filterwarnings("ignore")  # ultralytics and torch warn about themselves
@pytest.mark.parametrize(
    "backend", ["openvino", pytest.param("ultralytics", marks=pytest.mark.heavy)]
)
def test_backends_give_the_same_boxes_in_float32(backend: str) -> None:
    """Tolerance: every confident box has a partner with IoU >= 0.98, confidence within 0.02."""
    if backend == "ultralytics":
        require_installed("ultralytics")  # imported as the product does
    frames = list(_frames(step=40).values())
    reference = _detect("onnx", frames)
    found = _detect(backend, frames, precision="f32")
    for one, other in ((reference, found), (found, reference)):
        total, lonely = _unmatched(one, other, iou=0.98)
        assert total > 100
        assert lonely == 0


def test_openvino_in_reduced_precision_stays_close() -> None:
    """Tolerance of bfloat16: at least 99 % of boxes with IoU >= 0.9, confidence within 0.02."""
    frames = list(_frames(step=20).values())
    reference, found = _detect("onnx", frames), _detect("openvino", frames)
    for one, other in ((reference, found), (found, reference)):
        total, lonely = _unmatched(one, other, iou=0.9)
        assert total > 200
        assert lonely <= total / 100


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_the_exported_flame_model_sees_fires_and_few_where_there_is_none(
    shared_data: Path, backend: str
) -> None:
    folder = shared_data / "fire_smoke_cctv"
    models_dir = require_weights("flame").parent.parent
    detector = open_detector(
        Manifest.load()["flame"], models_dir=models_dir, backend=backend, threads=2
    )
    assert set(detector.labels) == {"fire", "smoke"}
    seen: dict[bool, list[bool]] = {True: [], False: []}
    for label in sorted((folder / "labels").glob("*.txt"))[::12]:
        kinds = {line.split()[0] for line in label.read_text().splitlines() if line.strip()}
        picture = cv2.imread(str(folder / "images" / f"{label.stem}.jpg"))
        (found,) = detector.detect([a_frame(picture)])
        seen["0" in kinds].append(any(d.label == "fire" for d in found))
    assert sum(seen[True]) >= len(seen[True]) * 0.4
    assert sum(seen[False]) <= len(seen[False]) / 5
