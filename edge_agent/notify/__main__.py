"""`python -m edge_agent.notify`: the notifying process, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import sys

import structlog

from edge_agent.notify.worker import Notifier
from edge_agent.paths import Paths
from edge_agent.process import until_signal
from hazard.logs import configure_logging


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    if not structlog.is_configured():
        configure_logging("notifier")
    paths = Paths.from_environment()
    asyncio.run(until_signal(Notifier(paths.socket, paths.database).run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
