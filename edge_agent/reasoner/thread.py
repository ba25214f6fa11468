"""One thread that makes the blocking calls into the model, so that reports go on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

_Job = Callable[[], None]


class ModelThread:
    """Runs one call after the other. A daemon: a call that hangs does not keep the process.

    Args:
        loop: the event loop that waits for the results.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], T]) -> T:
        """The result of `function`, called in the thread; its exception is raised here."""
        future: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - carried over to the waiting task
                self._deliver(future, None, error)
            else:
                self._deliver(future, result, None)

        self._jobs.put(job)
        return await future

    def end(self, timeout_s: float, last: _Job | None = None) -> bool:
        """Make the call `last`, then end; False if the thread is still busy after `timeout_s`."""
        if last is not None:
            self._jobs.put(last)
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _deliver(
        self, future: asyncio.Future[T], result: T | None, error: BaseException | None
    ) -> None:
        def settle() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(
                    error if isinstance(error, Exception) else RuntimeError(repr(error))
                )
            else:
                future.set_result(result)  # type: ignore[arg-type]

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
