"""`python -m edge_agent.replica`: the copying process, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from edge_agent.paths import Paths
from edge_agent.process import until_signal
from edge_agent.replica.worker import ReplicaWorker
from hazard.logs import configure_logging


async def _run(paths: Paths) -> None:
    worker = ReplicaWorker(paths.socket, paths.database)
    await until_signal(worker.run())
    ended = await asyncio.to_thread(worker.end)
    structlog.get_logger().info("replica.stopped", in_the_middle=not ended)


def main() -> int:
    """Run until SIGTERM or SIGINT. A PostgreSQL that hangs does not keep the process."""
    if not structlog.is_configured():
        configure_logging("replica")
    asyncio.run(_run(Paths.from_environment()))
    sys.stderr.flush()
    # What is in the middle of a portion is undone by PostgreSQL: nothing is left to be waited for.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
