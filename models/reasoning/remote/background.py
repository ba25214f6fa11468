"""An event loop in a thread of its own, so that blocking callers get one deadline over everything.

A socket's timeout starts anew with each byte that comes; a task of a loop is cancelled on time,
whether it resolves a name, shakes hands, writes, or reads one byte a second.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from hazard.errors import Interrupted, ReasonerError

T = TypeVar("T")

GRACE_S = 1.0
"""After the deadline, for the loop to clean up; then the caller goes on without it."""

STOP_EVERY_S = 0.02
"""How often a caller that may be told to stop looks whether it was."""


class Background:
    """Runs coroutines for callers in other threads."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(
        self,
        work: Coroutine[Any, Any, T],
        deadline_monotonic_s: float,
        stop: Callable[[], bool] | None = None,
    ) -> T:
        """The result of `work`, which keeps the deadline itself.

        Raises:
            Interrupted: if `stop` said so before it was done.
            ReasonerError: if the deadline has passed or is not kept, or the loop has been closed.
        """
        if time.monotonic() >= deadline_monotonic_s:
            work.close()
            raise ReasonerError("no time was left to ask a route")
        if self._loop.is_closed():
            work.close()
            raise ReasonerError("the routes have been closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        last_s = deadline_monotonic_s + GRACE_S
        while True:
            left_s = max(last_s - time.monotonic(), 0.0)
            try:
                return future.result(min(left_s, STOP_EVERY_S) if stop else left_s)
            except CancelledError as error:
                raise ReasonerError("the routes have been closed") from error
            except TimeoutError as error:
                if stop is not None and stop():
                    future.cancel()
                    raise Interrupted("words gave way to a decision") from None
                if time.monotonic() >= last_s:
                    future.cancel()
                    raise ReasonerError("no answer by the deadline") from error

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what runs, run `last`, and end the thread."""
        if self._loop.is_closed():
            last.close()
            return
        asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._loop.close()


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last
