"""Faults injected into the real pictures of a file source: for drills and the demo only.

`cover_freeze_offline` is laid out over a clip of about 79 s, by the number of the picture alone,
so that every run is the same: 15 to 25 s the lens is covered (near black, with the sensor's
noise), 35 to 47 s the picture is frozen, 55 to 67 s nothing comes, as if the cable were pulled.
Nothing downstream is told: the health monitor has to find each fault in the pictures.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

COVERED_MEAN = 5.0
"""Mean level (of 255) of a covered lens: black level plus leaking light."""

NOISE_SIGMA = 2.0
"""Read noise of a small sensor at full gain, in levels of 255."""


class Stage(StrEnum):
    """What happens to a picture."""

    NORMAL = "normal"
    COVERED = "covered"
    FROZEN = "frozen"
    OFFLINE = "offline"


_PLAN: tuple[tuple[float, float, Stage], ...] = (
    (15.0, 25.0, Stage.COVERED),
    (35.0, 47.0, Stage.FROZEN),
    (55.0, 67.0, Stage.OFFLINE),
)


def stage(index: int, fps: float) -> Stage:
    """What happens to picture `index` of a clip of `fps` pictures a second."""
    second = index / fps
    for start, end, what in _PLAN:
        if start <= second < end:
            return what
    return Stage.NORMAL


class FaultInjector:
    """Applies the plan to one camera's pictures, in order."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._still: NDArray[np.uint8] | None = None

    def delivers(self, index: int) -> bool:
        """False while nothing comes from the camera."""
        return stage(index, self._fps) is not Stage.OFFLINE

    def apply(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture as a faulty camera would have given it."""
        what = stage(index, self._fps)
        if what is Stage.FROZEN:
            if self._still is None or self._still.shape != image.shape:
                self._still = image.copy()
            return self._still
        self._still = None
        return _covered(image, index) if what is Stage.COVERED else image


def _covered(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(index)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * NOISE_SIGMA
    dark = image.astype(np.float32) * (2.0 / 255.0) + COVERED_MEAN - 1.0 + noise
    return np.clip(dark, 0, 255).astype(np.uint8)
