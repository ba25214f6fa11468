"""The contenders, each run in a process of its own: `python -m edge_agent.bench.contenders`.

Each reads a job from standard input (JSON) and writes one line of figures to standard output.
Times are taken after the model is loaded and warmed up; `setup_s` is what came before.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.bench.scene import CLIP_FPS, CONFIDENCE, DWELL_S, PERSON, ZONE, Scene, bench_site
from hazard.types import Observation

Figures = dict[str, Any]
SAMPLE_EVERY = 20
"""Boxes of every twentieth frame are kept, to check that all see the same."""
WARM_UP = 5
PREPARED = 64
"""Tensors prepared for the bare loop; it goes round them."""
INPUT_PX = 416
CUT_PX = (320, 416)
"""Height and width that our letterbox leaves of the square for 4:3 footage: the floor computes the
same, so that the ratio tells of what is around the network."""


class Clock:
    """Wall and CPU time of this process and the children that it has waited for."""

    def __init__(self) -> None:
        self._wall_s = time.perf_counter()
        self._cpu_s = self._cpu()

    @staticmethod
    def _cpu() -> float:
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    def figures(self, frames: int) -> Figures:
        """Rate, CPU time per frame and peak memory since the clock was made."""
        wall_s = time.perf_counter() - self._wall_s
        cpu_s = self._cpu() - self._cpu_s
        return {
            "frames": frames,
            "wall_s": round(wall_s, 3),
            "fps": round(frames / wall_s, 2),
            "cpu_ms_per_frame": round(cpu_s * 1000 / frames, 3),
            "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


def pictures(scene: Scene) -> Iterator[NDArray[np.uint8]]:
    """The footage's pictures, as many as the scene wants."""
    capture = cv2.VideoCapture(str(scene.footage))
    for _ in range(scene.frames):
        done, picture = capture.read()
        if not done:
            return
        yield picture.astype(np.uint8, copy=False)


def letterbox(
    picture: NDArray[np.uint8], canvas_px: tuple[int, int] = (INPUT_PX, INPUT_PX)
) -> NDArray[np.float32]:
    """A picture as the model wants it: RGB 0..1, grey borders, [1, 3, height, width]."""
    height, width = picture.shape[:2]
    scale = INPUT_PX / max(height, width)
    size = (round(width * scale), round(height * scale))
    canvas = np.full((*canvas_px, 3), 114, np.uint8)
    top, left = (canvas_px[0] - size[1]) // 2, (canvas_px[1] - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size)
    return cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)  # type: ignore[return-value]


class ZoneDwell:
    """The peers' hazard rule: how many people have stood in the zone long enough."""

    def __init__(self) -> None:
        self._polygon = np.array(ZONE, np.float32)
        self._since: dict[int, int] = {}
        self.findings: set[int] = set()

    def see(self, frame: int, feet: dict[int, tuple[float, float]]) -> None:
        """People of one frame: track id to foot point in relative coordinates."""
        for track, point in feet.items():
            if cv2.pointPolygonTest(self._polygon, point, measureDist=False) < 0:
                self._since.pop(track, None)
                continue
            first = self._since.setdefault(track, frame)
            if (frame - first) / CLIP_FPS >= DWELL_S:
                self.findings.add(track)


def bare_onnx(scene: Scene, _cameras: int, _backend: str) -> Figures:
    """The floor: session.run on prepared tensors of the canvas that ours cuts, nothing else.

    Its threads do not spin while they wait, as ours do not: spinning would only burn CPU time that
    the comparison then counts for us.
    """
    import onnxruntime as ort  # noqa: PLC0415 - each contender loads only its own

    options = ort.SessionOptions()
    options.intra_op_num_threads = scene.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(str(scene.model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    prepared = [
        letterbox(picture, CUT_PX)
        for picture, _ in zip(pictures(scene), range(PREPARED))  # noqa: B905
    ]
    for tensor in prepared[:WARM_UP]:
        session.run(None, {name: tensor})
    clock = Clock()
    for number in range(scene.frames):
        session.run(None, {name: prepared[number % len(prepared)]})
    return clock.figures(scene.frames) | {"canvas_px": list(prepared[0].shape[2:])}


def ultralytics_track(scene: Scene, _cameras: int, _backend: str) -> Figures:
    """Peer: the plain ultralytics `model.track(stream=True)` loop plus a zone test."""
    import torch  # noqa: PLC0415
    from ultralytics.models import YOLO  # noqa: PLC0415

    torch.set_num_threads(scene.threads)
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    model = YOLO(str(scene.model), task="detect")
    rule, samples = ZoneDwell(), []
    results: Any = model.track(
        str(scene.footage),
        stream=True,
        conf=CONFIDENCE,
        imgsz=INPUT_PX,
        tracker="bytetrack.yaml",
        verbose=False,
        device="cpu",
    )
    clock: Clock | None = None
    frames = 0
    for number, result in enumerate(results):
        if number == WARM_UP:
            clock = Clock()
        boxes = result.boxes
        height, width = result.orig_shape
        xyxy = boxes.xyxy.cpu().numpy()
        if number % SAMPLE_EVERY == 0:
            kept = zip(boxes.cls.tolist(), boxes.conf.tolist(), xyxy.tolist(), strict=True)
            samples.append([number, [[int(c), s, *b] for c, s, b in kept]])
        if boxes.id is not None:
            feet = {
                int(track): ((box[0] + box[2]) / 2 / width, box[3] / height)
                for track, cls, box in zip(boxes.id, boxes.cls, xyxy, strict=True)
                if int(cls) == PERSON
            }
            rule.see(number, feet)
        frames = number + 1
        if frames >= scene.frames:
            break
    if clock is None:
        raise RuntimeError(f"only {frames} frames came")
    return clock.figures(frames - WARM_UP) | {"findings": len(rule.findings), "boxes": samples}


def supervision_loop(scene: Scene, _cameras: int, _backend: str) -> Figures:
    """Peer: supervision and trackers around the same ONNX Runtime session."""
    import onnxruntime as ort  # noqa: PLC0415
    import supervision as sv  # noqa: PLC0415
    from trackers import ByteTrackTracker  # noqa: PLC0415

    options = ort.SessionOptions()
    options.intra_op_num_threads = scene.threads
    session = ort.InferenceSession(str(scene.model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    tracker, rule, samples = ByteTrackTracker(frame_rate=CLIP_FPS), ZoneDwell(), []
    clock: Clock | None = None
    number = -1
    for number, picture in enumerate(pictures(scene)):
        if number == WARM_UP:
            clock = Clock()
        height, width = picture.shape[:2]
        output = session.run(None, {name: letterbox(picture)})[0][0].T
        scores = output[:, 4:]
        best = scores.argmax(1)
        confidence = scores[np.arange(len(scores)), best]
        keep = confidence >= CONFIDENCE
        centre, size = output[keep, :2], output[keep, 2:4]
        xyxy = np.concatenate([centre - size / 2, centre + size / 2], 1)
        scale = INPUT_PX / max(height, width)
        xyxy -= np.tile([(INPUT_PX - width * scale) / 2, (INPUT_PX - height * scale) / 2], 2)
        found: Any = sv.Detections(
            xyxy=np.clip(xyxy / scale, 0, [width, height, width, height]),
            confidence=confidence[keep],
            class_id=best[keep],
        ).with_nms(0.7)
        if number % SAMPLE_EVERY == 0:
            kept = zip(found.class_id, found.confidence, found.xyxy.tolist(), strict=True)
            samples.append([number, [[int(c), float(s), *b] for c, s, b in kept]])
        tracked: Any = tracker.update(found)
        feet = {
            int(track): ((box[0] + box[2]) / 2 / width, box[3] / height)
            for track, cls, box in zip(
                tracked.tracker_id, tracked.class_id, tracked.xyxy, strict=True
            )
            if track >= 0 and cls == PERSON
        }
        rule.see(number, feet)
    if clock is None:
        raise RuntimeError(f"only {number + 1} frames came")
    return clock.figures(number + 1 - WARM_UP) | {
        "findings": len(rule.findings),
        "boxes": samples,
    }


def ours(scene: Scene, cameras: int, backend: str) -> Figures:
    """This pipeline: decoder processes, shared memory, inference, tracks, zones and rules."""
    from edge_agent.paths import Paths  # noqa: PLC0415
    from edge_agent.vision.engine import Engine  # noqa: PLC0415
    from hazard.rules import build_rules  # noqa: PLC0415
    from hazard.rules.engine import RuleEngine  # noqa: PLC0415
    from hazard.types import CameraState  # noqa: PLC0415
    from models.detection.factory import open_detector  # noqa: PLC0415
    from models.manifest import Manifest  # noqa: PLC0415

    site = bench_site(scene, cameras)
    rules = RuleEngine(build_rules(site))
    findings: set[str] = set()
    samples: list[Any] = []
    taken = 0
    started = threading.Event()
    done = threading.Event()
    clock: list[Clock] = []

    def observed(observation: Observation) -> None:
        nonlocal taken
        taken += 1
        if taken == WARM_UP * cameras:
            clock.append(Clock())
            started.set()
        findings.update(event.event_id for event in rules.apply(observation))
        if observation.camera_id == "cam-0" and observation.sequence % SAMPLE_EVERY == 0:
            boxes = [
                [0 if t.label == "person" else -1, t.confidence, *t.xyxy]
                for t in observation.tracks
            ]
            samples.append([observation.sequence, boxes])
        if taken >= scene.frames * cameras:
            done.set()

    def opened(name: str, models_dir: Path, confidence: float) -> Any:
        return open_detector(
            Manifest.load()[name],
            models_dir=models_dir,
            backend=backend,
            threads=scene.threads,
            confidence=confidence,
        )

    with tempfile.TemporaryDirectory(prefix="hz-") as folder:
        root = Path(folder)
        paths = Paths(root / "site.yaml", root / "data", root / "run", scene.models_dir)
        paths.create()
        engine = Engine(paths, site, observed, open_detector=opened)
        engine.start()
        while not done.wait(0.2):
            engine.tick()
            reports = [engine.report(name) for name in engine.cameras]
            if all(report.state is CameraState.ENDED for report in reports):
                break
        names = sorted(str(detector.name) for detector in engine.pipeline.detectors.values())
        decoders_mb = sum(_rss_mb(camera.pid) for camera in engine.cameras.values() if camera.pid)
        wall = time.perf_counter()
        engine.stop()
        stopping_s = time.perf_counter() - wall
    if not clock:
        raise RuntimeError(f"only {taken} frames came")
    figures = clock[0].figures(taken - WARM_UP * cameras)
    figures["fps"] = round(figures["frames"] / (figures["wall_s"] - stopping_s), 2)
    return figures | {
        "findings": len(findings),
        "boxes": samples,
        "decoders_rss_mb": round(decoders_mb, 1),
        "rss_mb_per_camera": round((figures["rss_mb"] + decoders_mb) / cameras, 1),
        "detector": names,
    }


def _rss_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


CONTENDERS: dict[str, Callable[[Scene, int, str], Figures]] = {
    "bare_onnx": bare_onnx,
    "ultralytics_track": ultralytics_track,
    "supervision": supervision_loop,
    "ours": ours,
}


def main() -> int:
    """Run the job on standard input."""
    job = json.load(sys.stdin)
    scene = Scene(
        footage=Path(job["footage"]),
        model=Path(job["model"]),
        models_dir=Path(job["models_dir"]),
        threads=job["threads"],
        frames=job["frames"],
    )
    cv2.setNumThreads(1)
    out = os.dup(1)
    os.dup2(2, 1)
    began = time.perf_counter()
    figures = CONTENDERS[job["contender"]](scene, job["cameras"], job["backend"])
    figures["total_s"] = round(time.perf_counter() - began, 2)
    figures["setup_s"] = round(figures["total_s"] - figures["wall_s"], 2)
    os.write(out, (json.dumps(figures) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
