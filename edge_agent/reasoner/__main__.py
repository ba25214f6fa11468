"""`python -m edge_agent.reasoner`: the reasoning process, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from edge_agent.paths import Paths
from edge_agent.process import until_signal
from edge_agent.reasoner.worker import Hung, Worker
from hazard.logs import configure_logging

END_WITHIN_S = 2.0
"""How long the model may take to be freed before the process ends anyway."""


async def _run(paths: Paths) -> bool:
    worker = Worker(paths.socket, paths.models_dir)
    try:
        if await until_signal(worker.run()):
            structlog.get_logger().info("reasoner.stopping")
    except* Hung as hung:
        structlog.get_logger().error("reasoner.hung", reason=str(hung.exceptions[0]))
        sys.stderr.flush()
        os._exit(1)
    return worker.end(END_WITHIN_S)


def main() -> int:
    """Run until SIGTERM or SIGINT. A call that hangs in the model does not keep the process."""
    if not structlog.is_configured():
        configure_logging("reasoner")
    if not asyncio.run(_run(Paths.from_environment())):
        sys.stderr.flush()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
