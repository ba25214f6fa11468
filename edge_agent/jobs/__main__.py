"""`python -m edge_agent.jobs`: the process of the jobs, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import structlog

from edge_agent.jobs.worker import JobWorker
from edge_agent.paths import Paths
from edge_agent.process import configure_logging


async def _run(paths: Paths) -> None:
    task = asyncio.create_task(JobWorker(paths).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    if not structlog.is_configured():
        configure_logging("jobs")
    asyncio.run(_run(Paths.from_environment()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
