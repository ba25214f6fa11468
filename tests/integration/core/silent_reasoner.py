"""A reasoner that says it is ready every half second and never answers: run with the socket."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.ipc import Hello, WorkerReport, connect, encode
from hazard.types import Health


async def main(socket: Path) -> None:
    """Talk for ever; what is asked is never read."""
    _, writer = await connect(socket)
    writer.write(encode(Hello(role="reasoner", pid=os.getpid())))
    while True:
        report = WorkerReport(role="reasoner", health=Health.READY, at=datetime.now(UTC))
        writer.write(encode(report))
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
