"""`python -m edge_agent.core`: the agent core's process."""

from __future__ import annotations

import asyncio
import gc
import sys

import structlog

from edge_agent.core.app import Core
from edge_agent.paths import Paths
from hazard.errors import ConfigError, HazardError
from hazard.site.loader import load_site

EXIT_MACHINE = 3
EXIT_CONFIG = 4
SWITCH_INTERVAL_S = 0.001
"""Loop, store and publisher hand an alert from thread to thread: none keeps the others waiting."""
GC_THRESHOLDS = (20_000, 20, 50)
"""Objects between collections. With Python's own (700, 10, 10) a full collection walks all classes
and schemas several times a minute, and an alert that comes just then waits for it."""

log = structlog.get_logger()


async def _run() -> None:
    paths = Paths.from_environment()
    paths.create()
    await Core(load_site(paths.site_file), paths).run()


def main() -> int:
    """Run until SIGTERM; the exit code says what was wrong."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()  # what was imported stays for good: no collection needs to look at it again
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        asyncio.run(_run())
    except ConfigError as error:
        log.critical("core.configuration_refused", error=str(error))
        return EXIT_CONFIG
    except HazardError as error:
        log.critical("core.cannot_run", error=str(error))
        return EXIT_MACHINE
    except OSError as error:
        log.critical(
            "core.cannot_run",
            error=f"{error}: make the data and run folders writable, and free space on their disks",
        )
        return EXIT_MACHINE
    return 0


if __name__ == "__main__":
    sys.exit(main())
