"""Stores on SQLite and on a real PostgreSQL that the tests start themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.publish import outbox_messages
from hazard.store import Store
from tests.alert_builders import plain_render
from tests.postgres import Postgres, own_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """An embedded PostgreSQL of its own for these tests (as root it makes a user for itself)."""
    with own_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives empty databases: files, or databases on the PostgreSQL server."""

    def file() -> str:
        return str(tmp_path / f"hazard-{next(_numbers)}.db")

    if request.param == "sqlite":
        return file
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.new_database


@pytest.fixture
def store_address(new_address: Callable[[], str]) -> str:
    """An empty database: a file, or one on the PostgreSQL server."""
    return new_address()


@pytest.fixture
def store(store_address: str) -> Iterator[Store]:
    """An open store on either database."""
    with Store.open(store_address, render=plain_render) as opened:
        yield opened


@pytest.fixture
def node_store(tmp_path: Path) -> Iterator[Store]:
    """A node's store as the core opens it: with a journal, and with an outbox."""
    with Store.open(
        tmp_path / "hazard.db", journal=tmp_path / "journal", render=outbox_messages
    ) as store:
        yield store
