"""The vision process: an engine, and the line to the agent core.

The line is opened again for ever, with back-off. While it is down the engine goes on and the spool
keeps its observations; when it is up again everything that was not acknowledged is sent once more.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog
from pydantic import JsonValue, ValidationError

from edge_agent import ipc
from edge_agent.paths import Paths
from edge_agent.vision.decoder import backoff_s
from edge_agent.vision.engine import Engine
from edge_agent.vision.figures import engine_figures
from edge_agent.vision.pipeline import OpenDetector, open_packaged
from edge_agent.vision.spool import Spool
from hazard.errors import HazardError

log = structlog.get_logger()

TICK_S: Final = 0.2
REPORT_S: Final = 1.0
FLUSH_S: Final = 0.5
"""How long a clean stop waits for the core to acknowledge what is in the spool."""

RECONNECT_CAP_S: Final = 2.0
"""The core listens on this box: a long back-off would only lose time."""


class VisionGroup:
    """Runs until `stop` is called."""

    def __init__(self, paths: Paths, open_detector: OpenDetector = open_packaged) -> None:
        self._paths = paths
        self._open_detector = open_detector
        self._engine: Engine | None = None
        self._stopped = asyncio.Event()
        self._added = asyncio.Event()
        self._emptied = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._spool = Spool(lambda: _call(loop, self._added.set))
        self._sent = 0
        self._outbox: asyncio.Queue[ipc.Message] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._link_problem = ""

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()

    async def run(self) -> None:
        """Connect, obey the core, watch the cameras; return after `stop`."""
        watch = asyncio.create_task(self._watch())
        link = asyncio.create_task(self._link())
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait({watch, link, stopped}, return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
        if self._engine is not None:
            await asyncio.to_thread(self._engine.stop)
        if len(self._spool) and self._outbox is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), FLUSH_S)
        link.cancel()
        for task in (watch, link):
            with suppress(asyncio.CancelledError):
                await task

    # ------------------------------------------------------------ the line to the core

    async def _link(self) -> None:
        attempt = 0
        while True:
            began_s = time.monotonic()
            try:
                reader, writer = await ipc.connect(self._paths.socket)
            except OSError as error:
                self._link_problem = f"core not reachable: {error.strerror or error}"
            else:
                await self._converse(reader, writer)
            attempt = 1 if time.monotonic() - began_s > REPORT_S else attempt + 1
            await asyncio.sleep(min(RECONNECT_CAP_S, backoff_s(min(attempt, 6))))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._link_problem = ""
        self._sent = 0  # whatever was not acknowledged is sent again
        outbox = self._outbox = asyncio.Queue(maxsize=1000)
        outbox.put_nowait(ipc.Hello(role="vision", pid=os.getpid(), instance=self._spool.instance))
        self._added.set()
        sender = asyncio.create_task(self._send(writer, outbox))
        receiver = asyncio.create_task(self._receive(reader))
        done, pending = await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        self._outbox = None
        for task in pending:
            task.cancel()
        for task in done | pending:
            try:
                await task
            except (OSError, ValidationError, ValueError) as error:
                self._link_problem = f"line to the core broke: {error}"[:300]
                log.warning("vision.line_broken", reason=self._link_problem)
            except asyncio.CancelledError:
                if task in done or self._stopped.is_set():
                    raise
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter, outbox: asyncio.Queue[ipc.Message]) -> None:
        while True:
            while not outbox.empty():
                writer.write(ipc.encode(outbox.get_nowait()))
            batch = self._spool.after(self._sent)
            for item in batch:
                writer.write(ipc.encode(item))
                self._sent = item.number
            await writer.drain()
            if not batch and outbox.empty():
                self._added.clear()
                await self._added.wait()

    def _say(self, message: ipc.Message) -> None:
        if self._outbox is not None:
            with suppress(asyncio.QueueFull):  # reports: the next one replaces it
                self._outbox.put_nowait(message)
                self._added.set()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while (message := await ipc.receive(reader)) is not None:
            match message:
                case ipc.Configure():
                    self._configure(message)
                case ipc.Ack():
                    self._spool.acknowledge(message.number)
                    if self._stopped.is_set() and not len(self._spool):
                        self._emptied.set()
                    if self._engine is not None:
                        self._engine.wake()
                case ipc.SnapshotRequest():
                    task = asyncio.create_task(self._snapshot(message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                case _:
                    log.warning("vision.unexpected_message", type=message.type)

    def _configure(self, message: ipc.Configure) -> None:
        if self._engine is None:
            self._engine = Engine(
                self._paths,
                message.site,
                self._spool.add,
                accepts=self._spool.accepts,
                open_detector=self._open_detector,
            )
            self._engine.start()
        else:
            self._engine.configure(message.site)
        self._report_all()

    async def _snapshot(self, request: ipc.SnapshotRequest) -> None:
        engine = self._engine
        if engine is None:
            self._say(ipc.SnapshotTaken(request_id=request.request_id, error="no site yet"))
            return
        try:
            evidence = await asyncio.to_thread(
                engine.snapshot, request.camera_id, request.captured_at
            )
        except HazardError as error:
            log.warning("vision.snapshot_failed", camera=request.camera_id, reason=str(error))
            self._say(ipc.SnapshotTaken(request_id=request.request_id, error=str(error)[:500]))
        else:
            self._say(ipc.SnapshotTaken(request_id=request.request_id, evidence=evidence))

    # ------------------------------------------------------------ watching

    async def _watch(self) -> None:
        due_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            if self._engine is None:
                continue
            if not self._engine.is_alive():
                raise HazardError("the inference thread has ended: see the log above")
            changed = self._engine.tick()
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + REPORT_S
                self._report_all()
            else:
                for name in changed:
                    self._say(ipc.Reported(report=self._engine.report(name)))

    def _report_all(self) -> None:
        engine = self._engine
        if engine is None:
            return
        for name in engine.cameras:
            self._say(ipc.Reported(report=engine.report(name)))
        health, reason = engine.health()
        self._say(
            ipc.WorkerReport(
                role="vision",
                health=health,
                reason=reason[:500],
                at=datetime.now(UTC),
                figures=self._figures(engine),
            )
        )

    def _figures(self, engine: Engine) -> dict[str, JsonValue]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        dropped: dict[str, JsonValue] = dict(self._spool.dropped)
        return {
            **engine_figures(engine),
            "cpu_s": round(own.ru_utime + own.ru_stime, 3),
            "spool": len(self._spool),
            "spool_dropped": dropped,
            "line": self._link_problem,
        }


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has ended: nobody listens any more
        loop.call_soon_threadsafe(what)


async def serve(paths: Paths, open_detector: OpenDetector = open_packaged) -> None:
    """Run the vision process until SIGTERM or SIGINT."""
    paths.create()
    group = VisionGroup(paths, open_detector)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, group.stop)
    await group.run()
