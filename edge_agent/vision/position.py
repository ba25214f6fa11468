"""How far a source was read, kept so that a restarted decoder goes on there."""

from __future__ import annotations

import os
from pathlib import Path

_WIDTH = 64


class Position:
    """One line of fixed width in a file: identity of the source, next picture, next number.

    It is written in place after each picture (one `pwrite` on tmpfs, some microseconds), so that
    even SIGKILL loses no more than the picture in hand.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._identity = ""

    def load(self, identity: str) -> tuple[int, int]:
        """Next picture and next number; the picture is 0 if the source is another one."""
        fields = os.pread(self._fd, _WIDTH, 0).decode("ascii", "replace").split()
        try:
            kept, picture, number = fields[0], int(fields[1]), int(fields[2])
        except (IndexError, ValueError):
            return 0, 0
        return (picture if kept == identity else 0), number

    def own(self, identity: str) -> None:
        """Positions that are stored from now on belong to this source."""
        self._identity = identity or "-"

    def store(self, picture: int, number: int) -> None:
        """Keep the position after a picture."""
        line = f"{self._identity} {picture} {number}".ljust(_WIDTH - 1) + "\n"
        os.pwrite(self._fd, line.encode("ascii"), 0)
