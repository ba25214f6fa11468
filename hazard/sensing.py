"""What cameras and sensors say; frames and detections stay within the vision group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from hazard.base import Model, Name, UtcTime
from hazard.scales import Quality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


KEPT_EVERY = timedelta(seconds=0.5)
"""At most two observations a second of each camera are kept for dry runs."""
QUIET_EVERY = timedelta(seconds=5)
"""Of a camera that sees nobody, one in so long: the others say the same."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the original picture; may reach beyond its edges."""

PEOPLE = frozenset({"person", "people", "pedestrian", "worker", "human", "head", "face", "rider"})
"""Labels of detectors that mean a person or a part of one."""


def is_person(label: str) -> bool:
    """Whether a detector's label means a person or a part of one."""
    return label.strip().lower() in PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of one camera.

    Attributes:
        camera_id: the camera's name in the site file.
        sequence: number of the frame since the decoder's first start, from 0.
        image: BGR picture, uint8, shape (height, width, 3).
        captured_at: aware UTC time of capture.
        captured_monotonic_s: CLOCK_MONOTONIC at capture, in seconds (system-wide).
    """

    camera_id: str
    sequence: int
    image: NDArray[np.uint8]
    captured_at: datetime
    captured_monotonic_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A labelled box.

    Attributes:
        xyxy: left, top, right, bottom in pixels of the original picture.
        confidence: 0..1.
        class_id: index in the model's class list.
        label: the class's name.

    Raises:
        ValueError: if the box is inside out or the confidence is outside 0..1.
    """

    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    label: str

    def __post_init__(self) -> None:
        left, top, right, bottom = self.xyxy
        if not (right >= left and bottom >= top):
            raise ValueError(f"box {self.xyxy} is inside out: want left <= right, top <= bottom")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence {self.confidence} is outside 0..1")


class Track(Model):
    """One object followed over frames, as seen in one frame.

    `track_id` is None while the tracker has not confirmed it. `foot` is the bottom centre of the
    box in relative coordinates; `zones` are the zones whose polygon holds the foot point;
    `ground_m` is the foot point on the ground plane in metres where the camera is calibrated.
    """

    track_id: int | None
    label: str = Field(max_length=64)
    confidence: float = Field(ge=0.0, le=1.0)
    xyxy: tuple[float, float, float, float] = Field(description="pixels of the original picture")
    foot: tuple[float, float] = Field(description="bottom centre, relative 0..1")
    zones: tuple[str, ...] = ()
    ground_m: tuple[float, float] | None = None


class CameraState(StrEnum):
    """Health of a camera's picture. Only `ok` counts as good evidence."""

    OK = "ok"
    STARTING = "starting"
    DARK = "dark"
    FROZEN = "frozen"
    OFFLINE = "offline"
    ENDED = "ended"


class Observation(Model):
    """What one camera saw at one time."""

    camera_id: Name
    area: Name
    sequence: int
    captured_at: UtcTime
    captured_monotonic_s: float
    detected_at: UtcTime
    detected_monotonic_s: float = Field(description="CLOCK_MONOTONIC at the end of inference")
    width_px: int
    height_px: int
    camera_state: CameraState
    tracks: tuple[Track, ...] = ()


class CameraReport(Model):
    """A camera's health, sent once a second and at each change of state.

    Counters run since the vision group's start. `state` ENDED means that a file source that is
    played once has come to its end: not a fault.
    """

    camera_id: Name
    area: Name
    at: UtcTime
    at_monotonic_s: float
    state: CameraState
    reason: str = Field(default="", max_length=500, description="why, in words, with the mend")
    fps: float = Field(
        default=0.0, description="frames processed per second, last 5 s or three picture intervals"
    )
    frames_read: int = 0
    frames_processed: int = 0
    frames_dropped: int = 0
    restarts: int = Field(default=0, description="times the decoder was started again")
    watched: bool = Field(
        default=True, description="false: pictures come, and for too long none was processed"
    )


class Reading(Model):
    """One value of one sensor. `value` is None when the payload was not a number (quality bad)."""

    sensor_id: Name
    area: Name
    quantity: str = Field(max_length=64, description="e.g. h2s, ch4, temperature")
    value: float | None
    unit: str = Field(max_length=16, description="e.g. ppm, %LEL, degC")
    quality: Quality
    measured_at: UtcTime
    received_at: UtcTime
    received_monotonic_s: float
    note: str = Field(default="", max_length=200, description="why the quality is not good")
