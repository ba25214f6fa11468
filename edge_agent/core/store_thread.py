"""The store's own thread: commits in the order in which they were asked for.

What has been asked for while a commit was under way is committed together next: a disk that is
slow to sync takes more at once instead of falling behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from hazard.store.operations import Operation
from hazard.store.store import Store
from hazard.types import AlertMessage

Result = TypeVar("Result")

MAX_GROUP = 64
"""Commits that are made in one transaction: some 30 ms of work at most."""

log = structlog.get_logger()


class StoreThread:
    """Runs everything that touches the store, one after the other.

    Args:
        store: opened, with the outbox's renderer.
        committed: called in the store's thread right after a commit that has made revisions
            durable, before anybody else hears of it: wakes the publisher.
        stored: called in the loop with each revision that has become durable.

    Attributes:
        asked: commits that were asked for since the start.
    """

    def __init__(
        self,
        store: Store,
        *,
        committed: Callable[[], None],
        stored: Callable[[AlertMessage], None],
    ) -> None:
        self._store = store
        self._committed = committed
        self._stored = stored
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._asked: deque[tuple[Operation, ...]] = deque()
        self._pending: set[asyncio.Task[None]] = set()
        self._refused, self._refused_why = 0, ""
        self.asked = 0

    @property
    def waiting(self) -> int:
        """Commits that are not done yet."""
        return len(self._pending)

    def commit(self, operations: tuple[Operation, ...]) -> None:
        """Store the operations durably, after all that were asked for before."""
        self.asked += 1
        self._asked.append(operations)
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._write_group)
        self._keep(self._follow(future))

    def after(self, call: Callable[[], None]) -> None:
        """Call `call` in the loop once all that was asked for before is durable."""
        if not self._pending:
            call()
            return
        future = asyncio.get_running_loop().run_in_executor(self._executor, _nothing)
        self._keep(_then(future, call))

    @property
    def fault(self) -> str:
        """What the database has refused since the start, for health; empty if nothing."""
        if not self._refused:
            return ""
        return (
            f"{self._refused} changes were refused by the database and are lost "
            f"({self._refused_why}): this is a fault of the program, see the log of the core"
        )

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _write_group(self) -> tuple[AlertMessage, ...]:
        """Commit all that was asked for so far; nothing if an earlier group has taken it along."""
        group: list[tuple[Operation, ...]] = []
        while self._asked and len(group) < MAX_GROUP:
            group.append(self._asked.popleft())
        if len(group) > 1:
            try:
                return self._commit(tuple(each for unit in group for each in unit))
            except Exception as error:  # noqa: BLE001 - each unit is tried by itself
                log.warning("store.group_failed", units=len(group), error=str(error)[:500])
        return tuple(message for unit in group for message in self._write(unit))

    def _write(self, operations: tuple[Operation, ...]) -> tuple[AlertMessage, ...]:
        try:
            return self._commit(operations)
        except Exception as error:
            log.exception("store.commit_failed", operations=[each.type for each in operations])
            if len(operations) == 1:
                self._give_up(operations[0], error)
                return ()
        # One row that the database refuses must not take an alert with it.
        stored: list[AlertMessage] = []
        for operation in operations:
            try:
                stored += self._commit((operation,))
            except Exception as error:  # noqa: BLE001 - the others are still to be written
                self._give_up(operation, error)
        return tuple(stored)

    def _commit(self, operations: tuple[Operation, ...]) -> tuple[AlertMessage, ...]:
        with self._store.unit() as unit:
            unit.add(*operations)
            messages = unit.commit().messages
        if messages:
            with contextlib.suppress(OSError):
                self._committed()
        return messages

    def _give_up(self, operation: Operation, error: Exception) -> None:
        self._refused += 1
        self._refused_why = f"{operation.type}: {error}"[:200]
        log.critical("store.refused", operation=operation.type, error=str(error)[:500])

    async def run(self, function: Callable[[], Result]) -> Result:
        """Run something else in the store's thread and give back what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def stop(self) -> None:
        """Wait for what is under way and end the thread."""
        if self._pending:
            await asyncio.gather(*self._pending, return_exceptions=True)
        self._executor.shutdown(wait=True)

    async def _follow(self, future: asyncio.Future[tuple[AlertMessage, ...]]) -> None:
        for message in await future:
            self._stored(message)


def _nothing() -> None:
    """Goes through the thread after everything that was asked for before."""


async def _then(future: asyncio.Future[None], call: Callable[[], None]) -> None:
    await future
    call()
