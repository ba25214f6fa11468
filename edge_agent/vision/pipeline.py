"""From frames to observations, in one process and without sockets: detect, track, place.

The vision group runs it on the slots of its cameras; the benchmark runs it on frames that it
decoded itself. It is not thread-safe: one thread infers.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from edge_agent.vision.people import Sighting, sightings
from edge_agent.vision.tracking import CameraTracker
from hazard.errors import HazardError
from hazard.geometry import contains, to_ground
from hazard.ports import Detector
from hazard.site.models import Camera, Site
from hazard.types import CameraState, Detection, Frame, Observation, Track, is_person

OpenDetector = Callable[[str, Path, float], Detector]
"""Manifest name, weights folder, lowest confidence to report -> detector."""

MAX_BATCH: Final = 8
LOWEST_CONFIDENCE: Final = 0.05
"""What detectors report from. A camera's own limit decides what counts as seen; what is weaker
serves the privacy of people in stored pictures alone."""

_WINDOW: Final = 512


def open_packaged(name: str, models_dir: Path, confidence: float) -> Detector:
    """The detector `name` of the manifest.

    Raises:
        WeightsError: if its weights are missing, wrong or cannot be loaded.
        ConfigError: if the manifest has no such model.
    """
    from models.detection.factory import open_detector  # noqa: PLC0415 - loads a runtime of 60 MB
    from models.manifest import Manifest  # noqa: PLC0415 - the same

    return open_detector(Manifest.load()[name], models_dir=models_dir, confidence=confidence)


class Seen(NamedTuple):
    """What one frame gave: what counts as seen, and wherever else a person may be.

    `people` is None where that is not known: no detector that knows people looked, or the camera's
    picture is no good evidence.
    """

    observation: Observation
    people: tuple[Sighting, ...] | None


class Pipeline:
    """Detectors, trackers and zones of a site's cameras.

    Args:
        site: cameras, their detectors, zones and calibrations.
        models_dir: where the weights lie.
        open_detector: how a detector is opened, by name.

    Attributes:
        problems: detectors that are needed and not loaded, with the reason.
        timings_ms: wall time of the last inference calls.
        batches: how often each batch size was inferred.
        labels: detections counted by label.
    """

    def __init__(
        self, site: Site, models_dir: Path, open_detector: OpenDetector = open_packaged
    ) -> None:
        self._site = site
        self.models_dir = models_dir
        self._open = open_detector
        self._detectors: dict[str, Detector] = {}
        self._trackers: dict[str, CameraTracker] = {}
        self._matrices: dict[str, tuple[tuple[float, float, float], ...] | None] = {}
        self.problems: dict[str, str] = {}
        self.timings_ms: deque[float] = deque(maxlen=_WINDOW)
        self.batches: Counter[int] = Counter()
        self.labels: Counter[str] = Counter()
        self.configure(site)

    def configure(self, site: Site) -> None:
        """Take over a changed site; cameras that did not change keep their tracks."""
        before, self._site = self._site, site
        for name in list(self._trackers):
            camera, old = site.cameras.get(name), before.cameras.get(name)
            if camera is None or old is None or _tracking_key(camera) != _tracking_key(old):
                del self._trackers[name]
        self._matrices = {
            name: camera.calibration.matrix() if camera.calibration else None
            for name, camera in site.cameras.items()
        }
        self.problems = {n: why for n, why in self.problems.items() if n in self.needed}
        for name in self._detectors.keys() - self.needed:
            self._detectors.pop(name).close()

    @property
    def needed(self) -> set[str]:
        """Names of all detectors that the site's cameras ask for."""
        return {name for camera in self._site.cameras.values() for name in camera.detectors}

    @property
    def detectors(self) -> Mapping[str, Detector]:
        """The detectors that are loaded."""
        return self._detectors

    def load(self) -> bool:
        """Load what is needed and not loaded; True if everything is there.

        Failures are kept in `problems` with their reason; call again later.
        """
        for name in sorted(self.needed - self._detectors.keys()):
            try:
                self._detectors[name] = self._open(name, self.models_dir, LOWEST_CONFIDENCE)
            except (HazardError, ImportError, OSError) as error:
                self.problems[name] = str(error)[:300]
            else:
                self.problems.pop(name, None)
        return not self.problems

    def ready(self, camera_id: str) -> bool:
        """Whether at least one detector of this camera is loaded."""
        camera = self._site.cameras.get(camera_id)
        return camera is not None and any(name in self._detectors for name in camera.detectors)

    def process(
        self,
        frames: Sequence[Frame],
        states: Mapping[str, CameraState],
        fps: Mapping[str, float] | None = None,
    ) -> list[Seen]:
        """What was seen in each frame, in the same order.

        Args:
            frames: at most one of each camera.
            states: state of each camera's picture; OK where it is not named.
            fps: nominal frames a second of each camera, for the tracker; default the budget.

        Raises:
            WeightsError: if a model gives an output that it should not.
        """
        found = self._detect(frames)
        detected_at, detected_s = datetime.now(UTC), time.monotonic()
        seen = []
        for frame, detections in zip(frames, found, strict=True):
            followed = self._track(frame, detections, (fps or {}).get(frame.camera_id))
            state = states.get(frame.camera_id, CameraState.OK)
            observation = self._observe(frame, followed, state, (detected_at, detected_s))
            people = self._people(frame.camera_id, state, detections)
            seen.append(Seen(observation, people))
        return seen

    def close(self) -> None:
        """Free the models."""
        for detector in self._detectors.values():
            detector.close()
        self._detectors.clear()

    # ------------------------------------------------------------ steps

    def _detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Detections of each frame: one batch for each detector."""
        found: list[list[Detection]] = [[] for _ in frames]
        for name, detector in self._detectors.items():
            wanted = [
                i
                for i, frame in enumerate(frames)
                if name in self._site.cameras[frame.camera_id].detectors
            ]
            for start in range(0, len(wanted), MAX_BATCH):
                chunk = wanted[start : start + MAX_BATCH]
                began_s = time.perf_counter()
                answers = detector.detect([frames[i] for i in chunk])
                self.timings_ms.append((time.perf_counter() - began_s) * 1000)
                self.batches[len(chunk)] += 1
                for index, detections in zip(chunk, answers, strict=True):
                    found[index] += detections
        return found

    def _track(
        self, frame: Frame, detections: list[Detection], fps: float | None
    ) -> list[tuple[Detection, int | None]]:
        tracker = self._trackers.get(frame.camera_id)
        if tracker is None:
            camera = self._site.cameras[frame.camera_id]
            timed = getattr(camera.source, "pace", "") != "fast"
            tracker = CameraTracker(
                camera.min_confidence,
                fps or camera.fps_budget,
                timed=timed,
                first_id=frame.sequence,
            )
            self._trackers[frame.camera_id] = tracker
        return tracker.update(detections, frame.captured_monotonic_s)

    def _people(
        self, camera_id: str, state: CameraState, detections: list[Detection]
    ) -> tuple[Sighting, ...] | None:
        """Whoever may be in a frame, down to the weakest detection; None if nobody can say."""
        looked = any(
            is_person(label)
            for name in self._site.cameras[camera_id].detectors
            if name in self._detectors
            for label in self._detectors[name].labels
        )
        return sightings(detections) if looked and state is CameraState.OK else None

    def _observe(
        self,
        frame: Frame,
        followed: list[tuple[Detection, int | None]],
        state: CameraState,
        detected: tuple[datetime, float],
    ) -> Observation:
        camera = self._site.cameras[frame.camera_id]
        height, width = frame.image.shape[:2]
        matrix = self._matrices.get(frame.camera_id)
        for detection, _ in followed:
            self.labels[detection.label] += 1
        return Observation(
            camera_id=frame.camera_id,
            area=camera.area,
            sequence=frame.sequence,
            captured_at=frame.captured_at,
            captured_monotonic_s=frame.captured_monotonic_s,
            detected_at=detected[0],
            detected_monotonic_s=detected[1],
            width_px=width,
            height_px=height,
            camera_state=state,
            tracks=tuple(
                _place(camera, matrix, item, track_id, (width, height))
                for item, track_id in followed
            ),
        )


def percentile_ms(values: Sequence[float], share: float) -> float:
    """The `share` (0..100) percentile of `values`, 0 if there are none."""
    return float(np.percentile(np.asarray(values), share)) if values else 0.0


def _tracking_key(camera: Camera) -> tuple[object, ...]:
    return camera.source, camera.min_confidence, camera.detectors


def _place(
    camera: Camera,
    matrix: tuple[tuple[float, float, float], ...] | None,
    detection: Detection,
    track_id: int | None,
    size: tuple[int, int],
) -> Track:
    """The track with its foot point, its zones and its place on the ground."""
    left, _, right, bottom = detection.xyxy
    foot = (
        min(1.0, max(0.0, (left + right) / 2 / size[0])),
        min(1.0, max(0.0, bottom / size[1])),
    )
    return Track(
        track_id=track_id,
        label=detection.label,
        confidence=detection.confidence,
        xyxy=detection.xyxy,
        foot=foot,
        zones=tuple(n for n, zone in camera.zones.items() if contains(zone.polygon, foot)),
        ground_m=None if matrix is None else to_ground(matrix, foot),
    )
