"""A video file, paced in real time or as fast as its pictures are taken."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.vision.faults import FaultInjector
from hazard.errors import SourceError
from hazard.site.sources import FileSource

_DEFAULT_FPS = 25.0
_WIND_BY_GRABBING = 3000
"""Up to here a file is wound picture by picture, which is exact for every codec."""

_COMPLETE_SHARE = 0.9
"""A file that ends before this share of the pictures its header names is truncated.

Headers of variable-rate files only estimate the number, hence the margin.
"""


class VideoFile:
    """Reads a video file through OpenCV."""

    live = False

    def __init__(self, config: FileSource) -> None:
        self._config = config
        self._capture: cv2.VideoCapture | None = None
        self._injector: FaultInjector | None = None
        self._count = 0.0
        self.interval_s = 1.0 / _DEFAULT_FPS
        self.lossless = config.pace == "fast"
        self.position = 0
        self.notice = ""

    def identity(self) -> str:
        """Path, size and time of change, hashed."""
        try:
            stat = self._config.path.stat()
        except OSError:
            return ""
        text = f"{self._config.path} {stat.st_size} {stat.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def open(self, start: int) -> None:
        """Open the file and wind to picture `start`.

        Raises:
            SourceError: if it is missing, empty, unreadable or no video.
        """
        path = self._config.path
        try:
            with path.open("rb"):
                size = path.stat().st_size
        except OSError as error:
            raise SourceError(
                f"video {path} cannot be opened ({error.strerror}): put the file there, readable "
                "by this user, or change source.path"
            ) from error
        if size == 0:
            raise SourceError(f"video {path} is empty (0 bytes): copy it again")
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            raise SourceError(
                f"video {path} ({size} bytes) is not a video that OpenCV can read: copy it again, "
                "or convert it to MP4 (H.264)"
            )
        self._capture = capture
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0.1 <= fps <= 1000 else _DEFAULT_FPS  # noqa: PLR2004 - sane header values
        self._count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.interval_s = 1.0 / fps
        if self._config.fault != "none":
            self._injector = FaultInjector(fps)
        self._wind(capture, start)

    def _wind(self, capture: cv2.VideoCapture, start: int) -> None:
        self.position = start
        if start > _WIND_BY_GRABBING:
            capture.set(cv2.CAP_PROP_POS_FRAMES, start)
            return
        for _ in range(start):
            if not capture.grab():
                return

    def grab(self) -> bool:
        """Decode the next picture.

        Raises:
            SourceError: if the file ends before its header says.
        """
        if self._capture is None:
            raise SourceError("the video is not open")
        if self._capture.grab():
            self.position += 1
            return True
        if self.position < self._count * _COMPLETE_SHARE:
            raise SourceError(
                f"video {self._config.path} ends at picture {self.position} of "
                f"{self._count:.0f}: it is truncated, copy it again"
            )
        if self._config.loop:
            self.close()
            self.open(0)
            return self.grab()
        return False

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture, with the fault of a drill where one is set."""
        if self._capture is None:
            return None
        index = self.position - 1
        if self._injector is not None and not self._injector.delivers(index):
            return None
        done, image = self._capture.retrieve()
        if not done or image is None:
            self.notice = f"picture {index} of {self._config.path} is broken and was left out"
            return None
        picture: NDArray[np.uint8] = np.asarray(image, np.uint8)
        return picture if self._injector is None else self._injector.apply(index, picture)

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


SOURCE = VideoFile
