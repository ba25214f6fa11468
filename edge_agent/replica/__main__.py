"""`python -m edge_agent.replica`: the copying process, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import structlog

from edge_agent.paths import Paths
from edge_agent.process import configure_logging
from edge_agent.replica.worker import ReplicaWorker


async def _run(paths: Paths) -> bool:
    worker = ReplicaWorker(paths.socket, paths.database)
    task = asyncio.create_task(worker.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return await asyncio.to_thread(worker.end)


def main() -> int:
    """Run until SIGTERM or SIGINT. A PostgreSQL that hangs does not keep the process."""
    if not structlog.is_configured():
        configure_logging("replica")
    if not asyncio.run(_run(Paths.from_environment())):
        sys.stderr.flush()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
