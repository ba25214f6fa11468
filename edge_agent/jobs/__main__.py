"""`python -m edge_agent.jobs`: the process of the jobs, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import sys

import structlog

from edge_agent.jobs.worker import JobWorker
from edge_agent.paths import Paths
from edge_agent.process import until_signal
from hazard.logs import configure_logging


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    if not structlog.is_configured():
        configure_logging("jobs")
    paths = Paths.from_environment()
    asyncio.run(until_signal(JobWorker(paths).run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
