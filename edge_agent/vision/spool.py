"""Observations that the core has not acknowledged yet."""

from __future__ import annotations

import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable

from edge_agent.ipc import SPOOL_SIZE, Observed
from hazard.types import Observation


class Spool:
    """Numbers observations and keeps them until they are acknowledged; safe between threads.

    Of each camera the newest `size` are kept; older ones are dropped and counted.

    Args:
        wake: called after each addition (from the adding thread).
        size: observations kept for each camera.

    Attributes:
        instance: a name that no other spool has, since its numbers begin at 1.
    """

    def __init__(self, wake: Callable[[], None], size: int = SPOOL_SIZE) -> None:
        self.instance = uuid.uuid4().hex
        self._wake = wake
        self._size = size
        self._lock = threading.Lock()
        self._kept: deque[Observed] = deque()
        self._per_camera: Counter[str] = Counter()
        self._last = 0
        self.dropped: Counter[str] = Counter()

    def add(self, observation: Observation) -> None:
        """Number an observation and keep it."""
        camera = observation.camera_id
        with self._lock:
            self._last += 1
            self._kept.append(Observed(number=self._last, observation=observation))
            self._per_camera[camera] += 1
            if self._per_camera[camera] > self._size:
                self._drop_oldest(camera)
        self._wake()

    def _drop_oldest(self, camera: str) -> None:
        for index, item in enumerate(self._kept):
            if item.observation.camera_id == camera:
                del self._kept[index]
                self._per_camera[camera] -= 1
                self.dropped[camera] += 1
                return

    def acknowledge(self, number: int) -> None:
        """Forget everything up to `number`."""
        with self._lock:
            while self._kept and self._kept[0].number <= number:
                item = self._kept.popleft()
                self._per_camera[item.observation.camera_id] -= 1

    def after(self, number: int, limit: int = 64) -> list[Observed]:
        """The oldest kept observations with a higher number, at most `limit`."""
        with self._lock:
            if not self._kept or self._kept[-1].number <= number:
                return []
            start = 0
            for item in reversed(self._kept):
                if item.number <= number:
                    break
                start += 1
            first = len(self._kept) - start
            return [self._kept[i] for i in range(first, min(first + limit, len(self._kept)))]

    def accepts(self, camera: str) -> bool:
        """False when half the spool of this camera is unacknowledged: a fast file waits."""
        return self._per_camera[camera] < self._size // 2

    def __len__(self) -> int:
        return len(self._kept)
