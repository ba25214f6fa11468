"""What people and programs ask for: read from the store, carried out once each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from edge_agent.core.store_thread import StoreThread
from hazard.store.store import Store
from hazard.types import ActionRequest

POLL_S = 0.1
MAX_REMEMBERED = 2000

log = structlog.get_logger()


class Requests:
    """Looks for pending requests whenever the database has changed.

    A request is pending until its outcome is stored, and may be read more than once until then:
    each is handed on once in the life of this process.

    Args:
        carry_out: takes one request and sees to it that an outcome is stored.
    """

    def __init__(
        self, thread: StoreThread, store: Store, carry_out: Callable[[ActionRequest], None]
    ) -> None:
        self._thread, self._store, self._carry_out = thread, store, carry_out
        self._version = -1
        self._taken: dict[str, None] = {}
        self.fault = ""

    async def run(self) -> None:
        """Look for ever; a database that cannot be read now is asked again."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever the database says, ask again
                if not self.fault:
                    log.warning("requests.not_read", error=str(error)[:500])
                self.fault = f"requests of people cannot be read: {error}"[:300]

    async def look(self) -> None:
        """Hand on what is new.

        Raises:
            StoreError: if the database cannot be read; the next call asks again.
        """
        version = await self._thread.run(self._store.data_version)
        if version == self._version:
            return
        for request in await self._thread.run(self._store.pending_requests):
            if request.request_id not in self._taken:
                self._taken[request.request_id] = None
                self._carry_out(request)
        while len(self._taken) > MAX_REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._version, self.fault = version, ""
