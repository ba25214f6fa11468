"""The agent core and its helpers as processes of their own, to be killed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from edge_agent.paths import Paths
from hazard.errors import HazardError

STOP_WITHIN_S = 20.0
TAIL_BYTES = 2000
SQLITE_WAL = "-wal"


def installed(module: str) -> bool:
    """Whether this installation has the module."""
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(module) is not None
    return False


class Child:
    """One process of the product, started as the supervisor starts it, with its log in a file."""

    def __init__(self, name: str, module: str, paths: Paths, log: Path) -> None:
        self.name, self._module, self._paths, self._log = name, module, paths, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; does not wait for anything."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent.launch", self.name, self._module],
                env={**os.environ, **self._paths.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def require_alive(self) -> None:
        """Raise if it has ended by itself.

        Raises:
            HazardError: with the end of its log.
        """
        if self._process is not None and self._process.poll() is not None:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
                said = log.read().decode(errors="replace")
            raise HazardError(
                f"{self.name} ended by itself with {self._process.returncode}: {said}"
            )

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """SIGTERM and, where that does not help within 20 s, SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class CommitWatch:
    """Sees from outside that the core has committed: SQLite's write-ahead log has changed."""

    def __init__(self, database: Path) -> None:
        self._wal = database.with_name(database.name + SQLITE_WAL)
        self._before = self._look()

    def _look(self) -> tuple[int, int]:
        try:
            found = self._wal.stat()
        except OSError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def changed(self) -> bool:
        """Whether it has changed since this watch began."""
        return self._look() != self._before
