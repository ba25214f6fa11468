"""News for browsers: one watcher of the database for all, one bounded queue per browser."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.backend import Backend
from dashboard.stages import HealthView
from hazard.errors import StoreError

log = structlog.get_logger(__name__)

QUEUE = 64
"""Events that may wait for one browser; a slower one is dropped and connects again."""
STREAMS = 256
"""Browsers at once."""
BEAT_S = 2.0
"""A stream that is silent for longer is broken, and the page says so."""
HEALTH_EVERY_S = 1.0
"""Health is judged again this often, since silence is no commit."""
CHANGED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news; `data` is small and holds ids only, no text from outside."""

    kind: str
    data: dict[str, Any]

    def encode(self) -> bytes:
        """As one server-sent event."""
        return f"event: {self.kind}\ndata: {json.dumps(self.data)}\n\n".encode()


class TooManyStreams(Exception):  # noqa: N818 - named for what it says
    """All streams are taken."""


@dataclass
class Hub:
    """Hands each event to every browser that listens; lives in the event loop."""

    streams: int = STREAMS
    _queues: set[asyncio.Queue[Event | None]] = field(default_factory=set)
    _closed: bool = False

    @property
    def listeners(self) -> int:
        """Number of open streams."""
        return len(self._queues)

    def publish(self, event: Event) -> None:
        """Queue an event for every browser; those whose queue is full are dropped."""
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                _end(queue)

    def close(self) -> None:
        """End all streams and take no new ones."""
        self._closed = True
        for queue in list(self._queues):
            _end(queue)
        self._queues.clear()

    def open(self) -> asyncio.Queue[Event | None]:
        """A queue for one more browser.

        Raises:
            TooManyStreams: if all are taken or the application is ending.
        """
        if self._closed or len(self._queues) >= self.streams:
            raise TooManyStreams
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE)
        self._queues.add(queue)
        return queue

    async def listen(
        self, queue: asyncio.Queue[Event | None], still_valid: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """Events as they come, with a beat when there are none; ends when dropped or logged out."""
        try:
            yield b"retry: 1000\n\n" + beat().encode()
            loop = asyncio.get_running_loop()
            next_beat = loop.time() + BEAT_S
            while True:
                event: Event | None
                try:
                    async with asyncio.timeout_at(next_beat):
                        event = await queue.get()
                except TimeoutError:
                    if not await asyncio.to_thread(still_valid):
                        return
                    event = beat()
                    next_beat = loop.time() + BEAT_S
                if event is None:
                    return
                yield event.encode()
        finally:
            self._queues.discard(queue)


def beat() -> Event:
    """The event that says that the stream lives, with the server's time."""
    return Event("beat", {"at": datetime.now(UTC).isoformat()})


def _end(queue: asyncio.Queue[Event | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


class Watcher:
    """A thread that asks the database ten times a second whether anything was committed."""

    def __init__(
        self,
        backend: Backend,
        health: Callable[[], HealthView],
        tell: Callable[[Event], None],
        poll_s: float,
    ) -> None:
        self._backend = backend
        self._health = health
        self._tell = tell
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._mark: dict[str, int] | None = None
        self._fingerprint: object = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        version: int | None = None
        judged_s = -HEALTH_EVERY_S
        while not self._stop.is_set():
            try:
                seen = self._backend.version()
                if seen != version:
                    self._look()
                    version = seen
                if time.monotonic() - judged_s >= HEALTH_EVERY_S:
                    self._look_at_health()
                    judged_s = time.monotonic()
            except (StoreError, SQLAlchemyError) as error:
                log.warning("dashboard.watch_failed", error=str(error)[:300])
            self._backend.rest(self._stop, self._poll_s)

    def _look(self) -> None:
        newest, ids = self._backend.changes_after(self._mark, CHANGED_AT_ONCE)
        if self._mark is not None and ids:
            self._tell(Event("alarm", {"ids": ids, "sequence": sum(newest.values())}))
        self._mark = newest
        for status in self._backend.newly_settled():
            request = status.request
            news = {"id": request.request_id, "ids": [request.alert_id]}
            self._tell(Event("request", {**news, "state": status.state.value}))
        for job_id, state in self._backend.changed_jobs():
            self._tell(Event("job", {"id": job_id, "state": state}))

    def _look_at_health(self) -> None:
        view = self._health()
        fingerprint = view.fingerprint()
        if fingerprint != self._fingerprint:
            self._fingerprint = fingerprint
            self._tell(Event("health", {"worst": view.worst.value, "silent": view.silent}))
