"""A camera on the box itself, by Video4Linux."""

from __future__ import annotations

import cv2

from edge_agent.vision.sources.stream import LiveCapture
from hazard.site.sources import UsbSource


class UsbCamera(LiveCapture):
    """Reads /dev/videoN."""

    def __init__(self, config: UsbSource) -> None:
        super().__init__()
        self._config = config

    def name(self) -> str:
        """The device's path."""
        return f"USB camera /dev/video{self._config.device}"

    @property
    def mend(self) -> str:
        """What to check."""
        return "plug it in, check source.device and that this user is in the group video"

    def _start(self) -> cv2.VideoCapture:
        return cv2.VideoCapture(self._config.device, cv2.CAP_V4L2)


SOURCE = UsbCamera
