"""A network camera: RTSP or HTTP(S), opened by OpenCV's FFmpeg."""

from __future__ import annotations

import os
import re

import cv2

from edge_agent.vision.sources.stream import LiveCapture
from hazard.site.sources import UrlSource

OPEN_TIMEOUT_MS = 8000
READ_TIMEOUT_MS = 8000

_USER_INFO = re.compile(r"://[^/@\s]*@")
_QUERY = re.compile(r"\?[^\s]*")


def redact(text: str) -> str:
    """`text` without user names, passwords and query strings of addresses."""
    return _QUERY.sub("?…", _USER_INFO.sub("://…@", text))


class UrlCamera(LiveCapture):
    """Reads a network stream. Its secrets are resolved when it is opened and never logged."""

    def __init__(self, config: UrlSource) -> None:
        super().__init__()
        self._config = config

    def name(self) -> str:
        """The address as the site file has it (references, not secrets), redacted."""
        return f"stream {redact(self._config.url)}"

    @property
    def mend(self) -> str:
        """What to check."""
        return "check that the camera is powered and reachable, the address and the password"

    def _start(self) -> cv2.VideoCapture:
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        return cv2.VideoCapture(
            self._config.resolve(),
            cv2.CAP_FFMPEG,
            [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS),
                *(cv2.CAP_PROP_N_THREADS, 1),
            ],
        )


SOURCE = UrlCamera
