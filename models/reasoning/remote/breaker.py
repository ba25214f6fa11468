"""A circuit breaker: a server that fails again and again is left alone for a while.

```
closed --N failures in a row--> open --back-off over--> half-open --an answer--> closed
                                 ^                          |
                                 +-------- a failure -------+   (the back-off doubles)
```

It reads no clock and keeps no state of its own: each event gives the next breaker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """Whether a server may be asked: yes, no, or once to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The breaker of one server. Times are CLOCK_MONOTONIC seconds, given by the caller.

    Attributes:
        limit: failures in a row after which it opens.
        first_back_off_s: how long it is open at first; doubled with each failed probe.
        longest_back_off_s: bound of that.
        failures: failures in a row.
        open_until_s: end of the back-off; None while closed.
        probing: half-open, and the one question has been asked.
    """

    limit: int = 3
    first_back_off_s: float = 2.0
    longest_back_off_s: float = 60.0
    failures: int = 0
    open_until_s: float | None = None
    probing: bool = False

    def state(self, now_s: float) -> State:
        """What it is at that time."""
        if self.open_until_s is None:
            return State.CLOSED
        return State.OPEN if now_s < self.open_until_s else State.HALF_OPEN

    def may_ask(self, now_s: float) -> bool:
        """Whether the server may be asked: not while open, and once while half-open."""
        state = self.state(now_s)
        return state is State.CLOSED or (state is State.HALF_OPEN and not self.probing)

    def asked(self, now_s: float) -> Breaker:
        """After a question was sent."""
        return replace(self, probing=True) if self.state(now_s) is State.HALF_OPEN else self

    def released(self) -> Breaker:
        """After a question was taken back before its answer: it says nothing of the server."""
        return replace(self, probing=False)

    def succeeded(self) -> Breaker:
        """After an answer."""
        return replace(self, failures=0, open_until_s=None, probing=False)

    def failed(self, now_s: float) -> Breaker:
        """After a failure; opens if it was the last one that is borne, or a probe."""
        failures = self.failures + 1
        if failures < self.limit:
            return replace(self, failures=failures, probing=False)
        doublings = min(failures - self.limit, 30)
        back_off_s = min(self.first_back_off_s * 2.0**doublings, self.longest_back_off_s)
        return replace(self, failures=failures, open_until_s=now_s + back_off_s, probing=False)
