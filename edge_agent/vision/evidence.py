"""Pictures kept as evidence: the last frames of each camera, and files named by their hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from hazard.errors import StoreError
from hazard.types import Evidence, Frame, Track

MAX_FRAMES: Final = 10
MAX_BYTES: Final = 24_000_000
"""Of each camera: 10 frames of 768x576, 8 of 1280x720, 3 of 1920x1080."""

MIN_FRAMES: Final = 2
JPEG_QUALITY: Final = 90


class FrameRing:
    """The last frames of one camera, each with what was seen in it."""

    def __init__(self) -> None:
        self._items: deque[tuple[Frame, tuple[Track, ...]]] = deque()
        self._bytes = 0

    def add(self, frame: Frame, tracks: tuple[Track, ...]) -> None:
        """Keep a frame, forgetting the oldest ones beyond the bounds."""
        self._items.append((frame, tracks))
        self._bytes += frame.image.nbytes
        while len(self._items) > MIN_FRAMES and (
            len(self._items) > MAX_FRAMES or self._bytes > MAX_BYTES
        ):
            old, _ = self._items.popleft()
            self._bytes -= old.image.nbytes

    def nearest(self, at: datetime) -> tuple[Frame, tuple[Track, ...]] | None:
        """The frame captured nearest to `at`, None if there is none."""
        items = list(self._items)
        if not items:
            return None
        return min(items, key=lambda item: abs((item[0].captured_at - at).total_seconds()))


def write_evidence(folder: Path, frame: Frame, boxes: tuple[Track, ...]) -> Evidence:
    """Write the clean picture as `folder/ab/abcd….jpg` and describe it.

    The file is complete or not there: written aside, fsynced, renamed, its folder fsynced.

    Raises:
        StoreError: if it cannot be encoded or written, with the mend.
    """
    done, encoded = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise StoreError(f"picture of camera {frame.camera_id} could not be encoded as JPEG")
    data = np.asarray(encoded, np.uint8).tobytes()
    digest = hashlib.sha256(data).hexdigest()
    target = folder / digest[:2] / f"{digest}.jpg"
    try:
        if not target.exists():
            _write_durably(target, data)
    except OSError as error:
        raise StoreError(
            f"evidence {target} cannot be written ({error.strerror}): free space on the data disk "
            "or lower retention.evidence_bytes"
        ) from error
    height, width = frame.image.shape[:2]
    return Evidence(
        evidence_id=digest,
        kind="snapshot",
        media_type="image/jpeg",
        size_bytes=len(data),
        source=frame.camera_id,
        captured_at=frame.captured_at,
        width_px=width,
        height_px=height,
        boxes=boxes,
    )


def _write_durably(target: Path, data: bytes) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(target)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
