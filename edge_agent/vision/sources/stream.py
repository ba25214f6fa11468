"""What network streams and USB cameras share: a live OpenCV capture."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import cv2
import numpy as np
from numpy.typing import NDArray

from hazard.errors import SourceError


class LiveCapture(ABC):
    """Pictures that come in their own time, until the connection is lost."""

    live = True
    lossless = False

    def __init__(self) -> None:
        self._capture: cv2.VideoCapture | None = None
        self.interval_s = 0.0
        self.position = 0
        self.notice = ""

    @abstractmethod
    def _start(self) -> cv2.VideoCapture:
        """A new capture, opened or not."""

    @abstractmethod
    def name(self) -> str:
        """How the source is called in messages: never with a secret in it."""

    @property
    @abstractmethod
    def mend(self) -> str:
        """What to check when it cannot be opened."""

    def identity(self) -> str:
        """A live source has no position; its name, hashed, keeps the numbering."""
        return hashlib.sha256(self.name().encode()).hexdigest()[:16]

    def open(self, start: int) -> None:
        """Connect; pictures are numbered on from `start`.

        Raises:
            SourceError: if there is no connection.
        """
        self.close()
        capture = self._start()
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"{self.name()} cannot be opened: {self.mend}")
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.interval_s = 1.0 / fps if 0.1 <= fps <= 240 else 0.0  # noqa: PLR2004 - sane values
        self.position = start
        self._capture = capture

    def grab(self) -> bool:
        """Wait for the next picture.

        Raises:
            SourceError: if the connection is lost.
        """
        if self._capture is None or not self._capture.grab():
            raise SourceError(f"{self.name()} was lost: {self.mend}")
        self.position += 1
        return True

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture that was grabbed."""
        if self._capture is None:
            return None
        done, image = self._capture.retrieve()
        if not done or image is None:
            self.notice = f"a picture of {self.name()} was broken and left out"
            return None
        picture: NDArray[np.uint8] = np.asarray(image, np.uint8)
        return picture

    def close(self) -> None:
        """Disconnect."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
