"""`hazard check --live` against a real PostgreSQL."""

from __future__ import annotations

import pytest

from edge_agent.live.database import check_database
from edge_agent.live.result import Outcome
from hazard.site.sources import Secret
from tests.postgres import Postgres


@pytest.mark.postgres
def test_a_replica_that_answers_is_right(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICA_URL", postgres_server.address("postgres"))
    check = check_database(Secret(reference="${REPLICA_URL}"))
    assert check.line().startswith("✓ replica database: connected (PostgreSQL ")


@pytest.mark.postgres
def test_a_database_that_is_not_there_is_said_so(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICA_URL", postgres_server.address("nowhere"))
    check = check_database(Secret(reference="${REPLICA_URL}"))
    assert check.outcome is Outcome.FAILED
    assert 'database "nowhere" does not exist' in check.found
