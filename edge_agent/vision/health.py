"""Whether a camera's picture can be trusted: dark, frozen or offline, found in the pixels.

Only the raw state is said here; how long it must last before anyone is told is the rules'
business. IEC 62676-1-1 (tamper and fault detection, as collected in the project's table of camera
tampering) asks of grade 4 that an interrupted connection is told within 10 s and that a covered
lens is found (grades 3 and 4), and names no picture levels: those below were measured on
surveillance footage and are this project's own.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hazard.types import CameraState

DARK_MEAN: Final = 20.0
"""Mean level (0..255) under which a picture may be dark. A covered lens gives 2 to 10, a lit yard
at night above 30, the demo's footage 109 to 116."""

DARK_CONTRAST: Final = 12.0
"""Standard deviation (levels) under which a dark picture shows nothing: lamps exceed it."""

DARK_FRAMES: Final = 3
"""Consecutive pictures, so that one broken picture is no finding."""

FROZEN_DIFFERENCE: Final = 0.1
"""Mean absolute difference (levels) under which two pictures are the same one. The stillest pair
of the demo's footage differs by 0.55; sensor noise of one level by more than 1."""

FROZEN_AFTER_S: Final = 2.0
"""Codecs repeat a still picture exactly until the next key frame, usually 1 to 2 s."""

FROZEN_FRAMES: Final = 3
"""Consecutive equal pairs, so that a slow picture folder is not called frozen at once."""

OFFLINE_AFTER_S: Final = 3.0
"""No new picture for this long (or five picture intervals, if that is longer)."""

_SAMPLES: Final = 48


def sample(image: NDArray[np.uint8]) -> NDArray[np.int16]:
    """About 48x48 single pixels of `image`: picked, not averaged, so that noise stays visible."""
    height, width = image.shape[:2]
    step_y, step_x = max(1, height // _SAMPLES), max(1, width // _SAMPLES)
    picked: NDArray[np.int16] = image[step_y // 2 :: step_y, step_x // 2 :: step_x].astype(np.int16)
    return picked


class PictureMonitor:
    """Judges one camera's pictures, one after the other (about 40 microseconds each)."""

    def __init__(self) -> None:
        self._last: NDArray[np.int16] | None = None
        self._dark = 0
        self._same = 0
        self._same_since_s = 0.0

    def judge(self, image: NDArray[np.uint8], at_s: float) -> CameraState:
        """State after the picture captured at `at_s` (monotonic): OK, DARK or FROZEN."""
        now = sample(image)
        dark = float(now.mean()) < DARK_MEAN and float(now.std()) < DARK_CONTRAST
        self._dark = self._dark + 1 if dark else 0
        self._compare(now, at_s)
        if self._dark >= DARK_FRAMES:
            return CameraState.DARK
        if self._same >= FROZEN_FRAMES and at_s - self._same_since_s >= FROZEN_AFTER_S:
            return CameraState.FROZEN
        return CameraState.OK

    def _compare(self, now: NDArray[np.int16], at_s: float) -> None:
        last, self._last = self._last, now
        same = (
            last is not None
            and last.shape == now.shape
            and float(np.abs(now - last).mean()) < FROZEN_DIFFERENCE
        )
        if not same:
            self._same, self._same_since_s = 0, at_s
        else:
            self._same += 1


def offline_after_s(interval_s: float) -> float:
    """How long a camera with this picture interval may be silent."""
    return max(OFFLINE_AFTER_S, 5.0 * interval_s)
