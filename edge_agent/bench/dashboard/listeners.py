"""Many open streams at once, and when each heard of an alert."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from typing import Any

from edge_agent.bench.dashboard.served import COOKIE
from hazard.errors import HazardError

OPENS_WITHIN_S = 60.0


class Listeners:
    """So many clients of `/events`, in one event loop of their own thread.

    Attributes:
        heard: alert id to the times (s since 1970) at which clients read of it.
    """

    def __init__(self, port: int, number: int, cookie: str = "") -> None:
        self.heard: dict[str, list[float]] = {}
        self._port, self._number, self._cookie = port, number, cookie
        self._loop = asyncio.new_event_loop()
        self._opened = 0
        self._all_open: Future[None] = Future()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def open(self) -> None:
        """Connect all and wait until each has had its first event.

        Raises:
            HazardError: if not all are open within a minute.
        """
        self._thread.start()
        try:
            self._all_open.result(OPENS_WITHIN_S)
        except TimeoutError as error:
            raise HazardError(f"{self._opened} of {self._number} streams opened") from error

    def close(self) -> None:
        """End them."""

        def end() -> None:
            for task in self._tasks:
                task.cancel()

        self._loop.call_soon_threadsafe(end)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._all())
        self._loop.close()

    async def _all(self) -> None:
        self._tasks = [asyncio.create_task(self._one()) for _ in range(self._number)]
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        faults = [each for each in ended if isinstance(each, Exception)]
        if faults and not self._all_open.done():
            self._all_open.set_exception(HazardError(f"a stream failed: {faults[0]}"))

    async def _one(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            ask = (
                f"GET /events HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
                f"accept: text/event-stream\r\ncookie: {COOKIE}={self._cookie}\r\n\r\n"
            )
            writer.write(ask.encode())
            status = await reader.readline()
            if b" 200 " not in status:
                raise HazardError(f"a stream was refused: {status.decode()[:100]}")
            await self._follow(reader)
        finally:
            writer.close()

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        kind, first = b"", True
        while line := await reader.readline():
            at_s = time.time()
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            if first and line.startswith((b": open", b"event: ")):
                first = False
                self._opened += 1
                if self._opened == self._number:
                    self._all_open.set_result(None)
            if kind == b"alarm" and line.startswith(b"data: "):
                told: dict[str, Any] = json.loads(line[6:])
                for alert_id in told["ids"]:
                    self.heard.setdefault(alert_id, []).append(at_s)
