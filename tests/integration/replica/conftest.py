"""A PostgreSQL that these tests may stop, freeze and kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, own_postgres


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server, shared by the tests of this folder; each makes databases of its own."""
    make = tmp_path_factory.mktemp
    with own_postgres(make("replica"), make("run")) as server:
        yield server


@pytest.fixture
def replica_url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.new_database()
