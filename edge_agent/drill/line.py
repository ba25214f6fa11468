"""The vision group's place at the core's socket: keeps observations until they are acknowledged.

It uses the product's own spool and speaks its protocol: whatever the core has not acknowledged is
sent again after each reconnect, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edge_agent import ipc
from edge_agent.drill.people import FRAMES_PER_S, Gate
from edge_agent.vision.spool import Spool
from hazard.types import Health

RECONNECT_S = 0.05
REPORT_S = 1.0

Listener = Callable[[str], None]


class Line:
    """Feeds what the gates see to whichever core listens.

    Args:
        heard: told `entered` when an observation with a new person goes onto the socket and
            `acknowledged` when the core has taken one over.

    Attributes:
        entered: numbers of all people who have entered so far.
    """

    def __init__(self, socket: Path, gates: Sequence[Gate], heard: Listener) -> None:
        self._socket, self._gates, self._heard = socket, gates, heard
        self._added = asyncio.Event()
        self._spool = Spool(self._added.set)
        self._sent = 0
        self._news: set[int] = set()
        self._last = 0
        self.entered: list[int] = []
        self.reconnects = 0

    @property
    def waiting(self) -> int:
        """Observations that the core has not acknowledged."""
        return len(self._spool)

    async def look_for_ever(self) -> None:
        """Look at every gate, `FRAMES_PER_S` times a second, whether anybody listens or not."""
        due = time.monotonic()
        while True:
            for gate in self._gates:
                if self._spool.accepts(gate.name):
                    self._see(gate)
            due = max(due + 1.0 / FRAMES_PER_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _see(self, gate: Gate) -> None:
        observation, entered = gate.look()
        self._last += 1
        if entered is not None:
            self.entered.append(entered)
            self._news.add(self._last)
        self._spool.add(observation)

    async def talk_for_ever(self) -> None:
        """Connect, send, and connect again."""
        while True:
            try:
                reader, writer = await ipc.connect(self._socket)
            except OSError:
                await asyncio.sleep(RECONNECT_S)
                continue
            self.reconnects += 1
            self._sent = 0
            tasks = [
                asyncio.create_task(each)
                for each in (self._send(writer), self._report(writer), self._receive(reader))
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        hello = ipc.Hello(role="vision", pid=os.getpid(), instance=self._spool.instance)
        writer.write(ipc.encode(hello))
        while not writer.is_closing():
            self._added.clear()
            batch = self._spool.after(self._sent)
            if batch:
                writer.write(b"".join(ipc.encode(item) for item in batch))
                self._sent = batch[-1].number
            await writer.drain()
            if self._news.intersection(item.number for item in batch):
                self._heard("entered")
            if not batch:
                await self._added.wait()

    async def _report(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            reports = [ipc.encode(ipc.Reported(report=gate.report())) for gate in self._gates]
            ready = ipc.WorkerReport(role="vision", health=Health.READY, at=datetime.now(UTC))
            writer.write(b"".join((*reports, ipc.encode(ready))))
            await writer.drain()
            await asyncio.sleep(REPORT_S)

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ValidationError):
            while (message := await ipc.receive(reader)) is not None:
                if isinstance(message, ipc.Ack):
                    self._acknowledged(message.number)

    def _acknowledged(self, number: int) -> None:
        self._spool.acknowledge(number)
        taken = {each for each in self._news if each <= number}
        if taken:
            self._news -= taken
            self._heard("acknowledged")
