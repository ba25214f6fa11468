"""A real agent core and the worker of its jobs, and a person whom its camera sees at one spot.

    python -m tests.browser.agent FOLDER

uses FOLDER/site.yaml, prints the run folder once it runs, and ends when its input is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from edge_agent.jobs.worker import JobWorker
from hazard.geometry import contains
from hazard.logs import configure_logging
from tests.integration.core.node import Client, Node

FOOT = (0.6, 0.3)
"""Where the camera `gate` sees its person stand."""


@contextlib.asynccontextmanager
async def jobs(node: Node) -> AsyncIterator[None]:
    """The worker of jobs, for the block."""
    task = asyncio.create_task(JobWorker(node.paths).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def live(node: Node) -> None:
    """Core, vision and jobs, until whoever started this closes the input."""
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with node.running(), Client.connected(node, "vision") as vision, jobs(node):
        sys.stdout.write(f"{node.paths.run_dir}\n")
        sys.stdout.flush()
        while not over.done():
            camera = vision.of("configure")[-1].site.cameras.get("gate")
            zones = {} if camera is None else camera.zones
            vision.say_ready()
            vision.report()
            inside = tuple(n for n, zone in zones.items() if contains(zone.polygon, FOOT))
            vision.observe(person=True, zones=inside)
            await asyncio.wait([over], timeout=0.1)


def main() -> None:
    """Run until the input is closed."""
    folder = Path(sys.argv[1])
    node = Node(folder, None)
    with (folder / "core.log").open("w", encoding="utf-8") as log:
        configure_logging("core", log)
        try:
            asyncio.run(live(node))
        finally:
            node.remove()


if __name__ == "__main__":
    main()
