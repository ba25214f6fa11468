"""A small core for tests of the reasoning process: the real socket, the real client."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from edge_agent.core.reasoning import ReasoningClient
from edge_agent.ipc import MAX_LINE_BYTES, Configure, Hello, Message, encode, receive
from edge_agent.reasoner.worker import Worker
from hazard.site.models import Site
from hazard.types import Health


def a_site(backend: str, **reasoning: Any) -> Site:
    """A site whose reasoning uses a test backend (`tests.reasoners`), or a real one."""
    name = f"tests.reasoners:{backend}" if backend[0].isupper() else backend
    return Site.model_validate(
        {
            "site": {"id": "plant", "name": "Plant"},
            "areas": {"tank-farm": {"name": "Tank farm"}},
            "mqtt": {"embedded": True},
            "reasoning": {"backend": name, **reasoning},
        }
    )


class FakeCore:
    """Listens as the core does and hands everything to a ReasoningClient."""

    def __init__(self, socket: Path, site: Site) -> None:
        self.socket = socket
        self.site = site
        self.client = ReasoningClient()
        self.received: list[Message] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, path=str(self.socket), limit=MAX_LINE_BYTES
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        self.client.detach()
        self.socket.unlink(missing_ok=True)

    def configure(self, site: Site) -> None:
        """Tell the worker that the site file has changed."""
        self.site = site
        for writer in self._writers:
            writer.write(encode(Configure(site=site)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            hello = await receive(reader)
            assert isinstance(hello, Hello)
            self.client.attach(writer, hello.pid)
            writer.write(encode(Configure(site=self.site)))
            while (message := await receive(reader)) is not None:
                self.received.append(message)
                self.client.on_message(message)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            self.client.detach()
            writer.close()

    def is_(self, health: Health) -> Callable[[], bool]:
        """Whether the worker's last report says `health`."""
        return lambda: self.client._state()[0] is health


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for `condition`, with a deadline."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.01)


def soon(seconds: float = 2.0) -> float:
    """A deadline from now, in CLOCK_MONOTONIC seconds."""
    return time.monotonic() + seconds


@contextlib.asynccontextmanager
async def a_running(
    socket: Path, site: Site, models_dir: Path, ready: Health = Health.READY
) -> AsyncIterator[FakeCore]:
    """A core and a worker that has reached `ready`, both in this process."""
    core = FakeCore(socket, site)
    await core.start()
    worker = Worker(socket, models_dir)
    task = asyncio.create_task(worker.run())
    try:
        await until(core.is_(ready))
        yield core
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        worker.end(0.1)
        await core.stop()
