"""A PostgreSQL that these tests may stop, freeze and kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, own_postgres


@pytest.fixture(scope="package")
def postgres() -> Iterator[Postgres]:
    """The server, shared by the tests of this folder; each makes databases of its own."""
    with own_postgres() as server:
        yield server


@pytest.fixture
def replica_url(postgres: Postgres) -> str:
    """An empty database; the server is up, whatever the test before did to it."""
    postgres.start()
    return postgres.new_database()
