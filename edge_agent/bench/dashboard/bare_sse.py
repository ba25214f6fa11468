"""A bare loop of server-sent events: what the standard library alone needs to tell so many.

`python -m edge_agent.bench.dashboard.bare_sse` prints its port, then sends each line that it reads
from its standard input to every client as one event.
"""

from __future__ import annotations

import asyncio
import sys

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n"


async def main() -> None:
    """Serve until the standard input ends."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        writers.add(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - who started it reads it
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        event = b"event: alarm\ndata: " + line.strip() + b"\n\n"
        for writer in writers:
            writer.write(event)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
