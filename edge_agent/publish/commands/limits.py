"""How much is taken from whoever sends: beyond it things are counted and not done."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_S = 60.0


class Allowance:
    """So many in a minute for each key.

    Keys come from the site file or are constants, so that nobody can make more of them.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._used: dict[str, tuple[float, int]] = {}
        self._over: dict[str, int] = {}

    def take(self, key: str) -> bool:
        """Use one up; False if there is none left in this minute, which is counted."""
        now = self._clock()
        since, used = self._used.get(key, (now, 0))
        if now - since >= WINDOW_S:
            since, used = now, 0
        if used >= self._per_minute:
            self._used[key] = since, used
            self._over[key] = self._over.get(key, 0) + 1
            return False
        self._used[key] = since, used + 1
        return True

    def settle(self, key: str) -> int:
        """How many were over the allowance, once its minute is over; they are told once."""
        since, _ = self._used.get(key, (0.0, 0))
        if not self._over.get(key) or self._clock() - since < WINDOW_S:
            return 0
        return self._over.pop(key)
