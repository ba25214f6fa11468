"""Objects followed over frames: ByteTrack of the `trackers` package, one for each camera.

ByteTrack knows no classes. So that a person is never continued as a vehicle, the boxes of each
group of labels are moved far aside before the tracker sees them and moved back afterwards. One
group holds the vehicle labels, between which detectors waver from frame to frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker

from hazard.types import Detection

SURE_ABOVE_LIMIT: Final = 0.1
"""A detection this much above the camera's limit may start a track; a weaker one may only continue
one (ByteTrack's second association, Zhang et al., ECCV 2022). Measured on PETS09-S2L1 with
NanoDet at 0.4: IDF1 0.77 and 59 switches; with 0 it is 0.65 and 83; with the limit of the second
association down at 0.15 it is 0.52 and 160, since faint boxes draw tracks away."""

LOST_FOR_30FPS_FRAMES: Final = 60
"""A lost track is kept for 2 s: long enough behind a lamp post, short enough not to be reused."""

_VEHICLES: Final = frozenset({"car", "truck", "bus", "forklift", "train", "vehicle"})
_ASIDE_PX: Final = 16384.0


class CameraTracker:
    """Follows the objects of one camera.

    Args:
        min_confidence: the camera's limit; weaker detections are left out.
        fps: nominal frames a second.
        timed: go by capture times. False where pictures come faster than they were filmed.
        first_id: number of the first track. The number of the camera's frame serves: it goes on
            over restarts, so that a person after a restart is not taken for one before it.
    """

    def __init__(
        self, min_confidence: float, fps: float, *, timed: bool, first_id: int = 0
    ) -> None:
        self.min_confidence = min_confidence
        self._timed = timed
        self._first_id = first_id
        self._groups: dict[str, int] = {}
        self._last_s = float("-inf")
        sure = min(0.95, min_confidence + SURE_ABOVE_LIMIT)
        self._tracker: Any = ByteTrackTracker(
            lost_track_buffer=LOST_FOR_30FPS_FRAMES,
            frame_rate=fps,
            track_activation_threshold=sure,
            high_conf_det_threshold=sure,
            minimum_consecutive_frames=2,
            minimum_iou_threshold=0.1,
        )

    def update(
        self, detections: Sequence[Detection], at_s: float
    ) -> list[tuple[Detection, int | None]]:
        """Each detection above the limit with its track's id, None while it is unconfirmed."""
        detections = [d for d in detections if d.confidence >= self.min_confidence]
        boxes = np.array([d.xyxy for d in detections], np.float64).reshape(-1, 4)
        aside = np.array([self._group(d.label) for d in detections], np.float64) * _ASIDE_PX
        boxes[:, (0, 2)] += aside[:, None]
        followed = self._tracker.update(
            sv.Detections(
                xyxy=boxes,
                confidence=np.array([d.confidence for d in detections], np.float64),
                class_id=np.arange(len(detections)),
            ),
            timestamp=self._time(at_s),
        )
        found: list[tuple[Detection, int | None]] = []
        if followed.class_id is None or followed.tracker_id is None:
            return found
        for index, track_id in zip(followed.class_id, followed.tracker_id, strict=True):
            known = self._first_id + int(track_id) if track_id >= 0 else None
            found.append((detections[int(index)], known))
        return found

    def _group(self, label: str) -> int:
        name = "vehicle" if label in _VEHICLES else label
        return self._groups.setdefault(name, len(self._groups))

    def _time(self, at_s: float) -> float | None:
        if not self._timed:
            return None
        self._last_s = max(at_s, self._last_s + 1e-3)
        return self._last_s
