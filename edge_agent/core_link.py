"""A process's connection to the core's socket: kept for ever, with a report each second."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import ValidationError

from edge_agent.ipc import Hello, Message, Role, WorkerReport, connect, encode, receive

RECONNECT_S = (0.1, 2.0)
"""First and longest wait before the core is tried again."""
REPORT_EVERY_S = 1.0

log = structlog.get_logger()


class CoreLink:
    """The connection of a process that only listens to the site file and says how it is.

    Args:
        socket: the core's Unix socket.
        role: what this process is.
        on_message: called in the loop with whatever the core says.
        report: how the process is now.
    """

    def __init__(
        self,
        socket: Path,
        role: Role,
        on_message: Callable[[Message], None],
        report: Callable[[], WorkerReport],
    ) -> None:
        self._socket, self._role = socket, role
        self._on_message, self._report = on_message, report

    async def run(self) -> None:
        """Stay connected until cancelled."""
        wait_s = RECONNECT_S[0]
        while True:
            try:
                reader, writer = await connect(self._socket)
            except OSError:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RECONNECT_S[1])
                continue
            wait_s = RECONNECT_S[0]
            try:
                writer.write(encode(Hello(role=self._role, pid=os.getpid())))
                async with asyncio.TaskGroup() as tasks:
                    reporting = tasks.create_task(self._keep_reporting(writer))
                    await self._listen(reader)
                    reporting.cancel()
            except* (OSError, ValidationError, ValueError) as group:
                reason = str(group.exceptions[0])[:200]
                log.warning("core.connection_lost", role=self._role, reason=reason)
            finally:
                writer.close()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # A group that is cancelled while it fails tells of the failure only.
                raise asyncio.CancelledError
            await asyncio.sleep(wait_s)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await receive(reader)) is not None:
            self._on_message(message)

    async def _keep_reporting(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(encode(await asyncio.to_thread(self._report)))
            await writer.drain()
            await asyncio.sleep(REPORT_EVERY_S)
