"""Tests of lights and horns: an area is shown as critical for some seconds."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

LONGEST_S = 30.0


class Annunciator:
    """The tests that run. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tests: dict[str, tuple[float, datetime]] = {}

    def begin(self, area: str, seconds: float) -> datetime:
        """Begin a test, or begin it again; gives when it ends."""
        ends_at = datetime.now(UTC) + timedelta(seconds=seconds)
        with self._lock:
            self._tests[area] = (time.monotonic() + seconds, ends_at)
        return ends_at

    def end(self, area: str) -> None:
        """End a test: an alarm is more than a test."""
        with self._lock:
            self._tests.pop(area, None)

    def until(self, area: str) -> datetime | None:
        """When the test of an area ends; None: there is none."""
        with self._lock:
            test = self._tests.get(area)
            if test is None:
                return None
            if time.monotonic() >= test[0]:
                del self._tests[area]
                return None
            return test[1]
