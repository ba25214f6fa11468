"""`python -m edge_agent.vision`: the vision process, as the supervisor starts it."""

from __future__ import annotations

import asyncio
import sys

from edge_agent.paths import Paths
from edge_agent.process import die_with_parent
from edge_agent.vision.group import serve
from hazard.logs import configure_logging


def main() -> int:
    """Run until SIGTERM; 0 after a clean stop."""
    die_with_parent()
    configure_logging("vision")
    asyncio.run(serve(Paths.from_environment()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
