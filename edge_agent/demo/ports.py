"""TCP ports of the demo: free ones of the loopback, which no other demo takes meanwhile.

The processes that listen there start seconds after the ports are chosen. Until then nothing holds
the port itself: a demo keeps each by an abstract socket of that name, which the kernel gives to
one process only, and takes away when that process ends.
"""

from __future__ import annotations

import os
import socket
from typing import Self

from hazard.errors import ConfigError

HOST = "127.0.0.1"
VARIABLE = "HAZARD_DASHBOARD_PORT"
_LAST = 65535
_FAR = 10_000
_MANY = 200
"""The ports that are tried where the wanted one is taken: so many, so far away."""


class Ports:
    """Chooses ports, and keeps them until it is closed."""

    def __init__(self) -> None:
        self._kept: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for kept in self._kept:
            kept.close()
        self._kept.clear()

    def choose(self, wanted: int, span: int = 1) -> int:
        """`wanted`, if it and the `span` - 1 ports after it are free and nobody's, else others.

        Raises:
            OSError: if none near is free.
        """
        others = wanted + (_FAR if wanted + _FAR + _MANY <= _LAST else -_FAR)
        candidates: list[int] = [wanted, *range(others, others + _MANY, span)]
        for first in candidates:
            if self._take(range(first, first + span)):
                return first
        raise OSError(f"no free port near {wanted}: end what listens there")

    def dashboard(self, wanted: int) -> int:
        """The port that HAZARD_DASHBOARD_PORT names (0: the dashboard takes any), else a free one.

        Raises:
            ConfigError: if it names none, or one that is taken.
            OSError: if no port near `wanted` is free.
        """
        named = os.environ.get(VARIABLE)
        if not named:
            return self.choose(wanted)
        if not named.isascii() or not named.isdigit() or int(named) > _LAST:
            raise ConfigError(f"{VARIABLE}: want a port from 0 to {_LAST}, got {named[:40]!r}")
        port = int(named)
        if port and not self._take(range(port, port + 1)):
            raise ConfigError(
                f"{VARIABLE}: {port} on {HOST} is taken by another program: end it, name another "
                "port (0 takes any free one), or unset the variable"
            )
        return port

    def _take(self, ports: range) -> bool:
        """Whether all of them are free; they are then kept."""
        taken = []
        for port in ports:
            kept = _claim(port)
            if kept is None:
                break
            taken.append(kept)
            if not _is_free(port):
                break
        else:
            self._kept += taken
            return True
        for kept in taken:
            kept.close()
        return False


def _claim(port: int) -> socket.socket | None:
    """The name of this port among demos; None where another has it."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0hazard-demo/{port}")
    except OSError:
        name.close()
        return None
    return name


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
