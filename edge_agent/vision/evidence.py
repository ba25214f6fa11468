"""Pictures kept as evidence: the last frames of each camera, and files named by their hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from edge_agent.vision.people import AROUND_S, Sighting, places
from hazard.errors import StoreError
from hazard.types import Box, Evidence, Frame, Track

MAX_FRAMES: Final = 10
MAX_BYTES: Final = 24_000_000
"""Of each camera: 10 frames of 768x576, 8 of 1280x720, 3 of 1920x1080."""

MIN_FRAMES: Final = 2
MAX_SIGHTINGS: Final = 60
"""Frames of each camera whose people are known, with or without the picture: a second or more."""

JPEG_QUALITY: Final = 90


class Kept(NamedTuple):
    """One frame and what was seen in it; `people` as `Evidence.people`."""

    frame: Frame
    tracks: tuple[Track, ...]
    people: tuple[Box, ...] | None


class FrameRing:
    """The last frames of one camera, each with what was seen in it."""

    def __init__(self) -> None:
        self._items: deque[tuple[Frame, tuple[Track, ...], tuple[Sighting, ...] | None]] = deque()
        self._bytes = 0
        self._people: deque[tuple[datetime, tuple[Sighting, ...]]] = deque(maxlen=MAX_SIGHTINGS)

    def add(
        self, frame: Frame, tracks: tuple[Track, ...], people: tuple[Sighting, ...] | None
    ) -> None:
        """Keep a frame, forgetting the oldest ones beyond the bounds.

        `people` is whoever may be in it, None where no detector looked for them.
        """
        self._items.append((frame, tracks, people))
        if people is not None:
            self._people.append((frame.captured_at, people))
        self._bytes += frame.image.nbytes
        while len(self._items) > MIN_FRAMES and (
            len(self._items) > MAX_FRAMES or self._bytes > MAX_BYTES
        ):
            old, _, _ = self._items.popleft()
            self._bytes -= old.image.nbytes

    def nearest(self, at: datetime) -> Kept | None:
        """The frame captured nearest to `at`, None if there is none."""
        items, known = list(self._items), list(self._people)
        if not items:
            return None
        frame, tracks, people = min(
            items, key=lambda item: abs((item[0].captured_at - at).total_seconds())
        )
        if people is None:
            return Kept(frame, tracks, None)
        around = (
            seen
            for time, seen in known
            if abs((frame.captured_at - time).total_seconds()) <= AROUND_S
        )
        return Kept(frame, tracks, places(people, around))


def write_evidence(folder: Path, kept: Kept) -> Evidence:
    """Write the clean picture as `folder/ab/abcd….jpg` and describe it.

    The file is complete or not there: written aside, fsynced, renamed, its folder fsynced.

    Raises:
        StoreError: if it cannot be encoded or written, with the mend.
    """
    frame = kept.frame
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
        boxes=kept.tracks,
        people=kept.people,
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
