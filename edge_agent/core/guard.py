"""Faults of the program: counted and shown, and they stop nothing else."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edge_agent.observe import Metrics

log = structlog.get_logger()


class Guard:
    """Runs pieces of work of which one that fails must not take the others with it.

    `reason` says for health what has failed; empty if nothing has.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._failures, self._last = 0, ""

    @property
    def reason(self) -> str:
        """How many faults there were since the start, and the last of them."""
        if not self._failures:
            return ""
        return f"{self._failures} faults of the program, the last in {self._last}"

    def __call__(self, what: str, work: Callable[[], object]) -> bool:
        """Do it; False if it failed."""
        try:
            work()
        except Exception as error:
            self._failures += 1
            self._last = f"{what}: {type(error).__name__}: {error}"[:200]
            self._metrics.dropped.labels(what).inc()
            log.exception("core.failed", what=what)
            return False
        return True
