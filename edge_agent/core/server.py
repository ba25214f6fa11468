"""The core's Unix socket: who is connected, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import ValidationError

from edge_agent.ipc import MAX_LINE_BYTES, Hello, Message, Role, encode, receive

MAX_WRITE_BUFFER_BYTES = 8 * 1024 * 1024
"""A client that reads nothing for so long is cut off; it connects again."""

MAX_BAD_IN_ROW = 20
"""So many lines that are no messages, one after the other, end a connection."""

_CREDENTIALS = struct.Struct("3i")

log = structlog.get_logger()


@dataclass(slots=True)
class Connection:
    """One connected process."""

    role: Role
    pid: int
    writer: asyncio.StreamWriter = field(repr=False)
    instance: str = ""

    def send(self, message: Message) -> bool:
        """Queue a message; False if the client is gone or does not read."""
        if self.writer.is_closing():
            return False
        if self.writer.transport.get_write_buffer_size() > MAX_WRITE_BUFFER_BYTES:
            log.warning("client.not_reading", role=self.role, pid=self.pid)
            self.writer.close()
            return False
        self.writer.write(encode(message))
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What the core does when a client comes, speaks and goes. All run in the loop."""

    joined: Callable[[Connection], None]
    said: Callable[[Connection, Message], None]
    left: Callable[[Connection], None]


class Server:
    """Listens on the socket; the newest connection of a role replaces an older one.

    `bad_messages` counts lines that were no messages.
    """

    def __init__(self, path: Path, handlers: Handlers) -> None:
        self.bad_messages = 0
        self._path = path
        self._handlers = handlers
        self._connections: dict[Role, Connection] = {}
        self._server: asyncio.Server | None = None

    def get(self, role: Role) -> Connection | None:
        """The process of that role, if one is connected."""
        return self._connections.get(role)

    async def start(self) -> None:
        """Listen; a socket left over by a core that was killed is replaced.

        Raises:
            OSError: if the socket cannot be made.
        """
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, path=str(self._path), limit=MAX_LINE_BYTES
            )
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        """Close the socket and all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections.values()):
            connection.writer.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: Connection | None = None
        try:
            hello = await asyncio.wait_for(receive(reader), timeout=5)
            if not isinstance(hello, Hello):
                log.warning("client.no_hello")
                return
            connection = Connection(hello.role, _peer_pid(writer), writer, instance=hello.instance)
            self._replace(connection)
            self._handlers.joined(connection)
            await self._listen(reader, connection)
        except (ValueError, TimeoutError) as error:
            log.warning(
                "client.bad_message", role=getattr(connection, "role", None), error=str(error)[:300]
            )
        except (ConnectionError, asyncio.IncompleteReadError):
            log.info("client.connection_lost", role=getattr(connection, "role", None))
        except Exception:
            log.exception("client.failed", role=getattr(connection, "role", None))
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()
            if connection is not None and self._connections.get(connection.role) is connection:
                del self._connections[connection.role]
                self._handlers.left(connection)

    async def _listen(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        """Hand on what the client says; a message that is none is left out, many end it."""
        bad_in_row = 0
        while True:
            try:
                message = await receive(reader)
            except ValidationError as error:
                bad_in_row += 1
                self.bad_messages += 1
                if bad_in_row >= MAX_BAD_IN_ROW:
                    raise
                log.warning("client.bad_message", role=connection.role, error=str(error)[:300])
                continue
            if message is None:
                return
            bad_in_row = 0
            self._handlers.said(connection, message)

    def _replace(self, connection: Connection) -> None:
        old = self._connections.get(connection.role)
        self._connections[connection.role] = connection
        if old is not None:
            log.warning("client.replaced", role=connection.role, old=old.pid, new=connection.pid)
            old.writer.close()


def _peer_pid(writer: asyncio.StreamWriter) -> int:
    """The process at the other end, as the kernel knows it; 0 where it does not say."""
    peer = writer.get_extra_info("socket")
    try:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return 0
    pid, _, _ = _CREDENTIALS.unpack(credentials)
    return int(pid)
