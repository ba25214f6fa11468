"""A real agent core as a process of its own, and a person whom its camera sees at one spot.

    python -m tests.browser.agent FOLDER

uses FOLDER/site.yaml, prints the run folder once it runs, and ends when its input is closed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from edge_agent.process import configure_logging
from hazard.geometry import contains
from tests.integration.core.node import Client, Node

FOOT = (0.6, 0.3)
"""Where the camera `gate` sees its person stand."""


async def live(node: Node) -> None:
    """Core and vision, until whoever started this closes the input."""
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with node.running(), Client.connected(node, "vision") as vision:
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
