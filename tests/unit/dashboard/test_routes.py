"""Authorization as a table: every route, asked by every role, by a stranger, and with a token."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.access import GRANTS, Permission
from dashboard.backend import Backend
from dashboard.routes import RouteRow, route_rows, table
from dashboard.security import PUBLIC, TOKEN_PATHS
from hazard.types import Role
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of

FILLED = {"alert_id": "alert-1", "camera_id": "yard-1", "evidence_id": "0" * 64}
STREAMS = {"/events"}
"""They go on for ever for whoever may read them: everybody who is logged in."""
LAST = "/logout"


@pytest.fixture
def rows(app: FastAPI, plant: Plant) -> list[RouteRow]:
    plant.raise_alert()
    found = route_rows(app.routes)
    assert RouteRow("/alerts/{alert_id}/actions", "POST", Permission.ACT) in found
    return sorted(found, key=lambda row: row.path == LAST)


def ask(client: TestClient, row: RouteRow, csrf: str = "", **headers: str) -> int:
    """The answer's status, for a request without a body."""
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda name: FILLED.get(name[1], "none"), row.path)
    sent = {"x-csrf-token": csrf, **headers} if csrf else headers
    return client.request(row.method, path, headers=sent).status_code


def test_every_route_names_its_permission_or_is_listed_as_public(rows: list[RouteRow]) -> None:
    undeclared = {row.path for row in rows if row.permission is None}
    assert undeclared <= PUBLIC, "add needs(Permission.…) to these routes"
    assert {row.path for row in rows if row.permission is not None}.isdisjoint(PUBLIC)


def test_a_stranger_gets_nothing_but_the_public_routes(
    rows: list[RouteRow], stranger: TestClient
) -> None:
    for row in rows:
        wanted = (200, 303, 403) if row.path in PUBLIC else (303, 401)
        assert ask(stranger, row) in wanted, row


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_what_the_table_grants_and_403_for_the_rest(
    rows: list[RouteRow], client_as: ClientAs, role: Role
) -> None:
    client = client_as(role)
    csrf = csrf_of(client.get("/").text)
    for row in rows:
        if row.permission is None or row.path in STREAMS:
            continue
        if row.permission is Permission.VIEW and role is not Role.VIEWER:
            continue  # what the least of all may read, the others may too: GRANTS says so
        status = ask(client, row, csrf)
        assert status != 401, row
        assert (status != 403) == (role in GRANTS[row.permission]), (row, status)


def test_the_least_role_may_read_and_so_may_all() -> None:
    assert GRANTS[Permission.VIEW] == frozenset(Role)


def test_a_token_opens_the_api_within_its_scope_and_nothing_else(
    rows: list[RouteRow], app: FastAPI, backend: Backend, clock: Clock
) -> None:
    now = clock.now()
    ada = backend.people.accounts.create("Ada", Role.ADMINISTRATOR, (), by="test", now=now)
    _, text = backend.people.tokens.create(
        ada, "board", ["export"], expires_at=now + timedelta(days=1), by="Ada", now=now
    )
    client = TestClient(app, follow_redirects=False)
    for row in rows:
        status = ask(client, row, authorization=f"Bearer {text}")
        if row.path in PUBLIC:
            continue
        if not row.path.startswith(TOKEN_PATHS):
            assert status == 401, row
        elif row.permission is not Permission.EXPORT:
            assert status == 403, row


def test_every_post_wants_the_csrf_token_of_a_browser(
    rows: list[RouteRow], client_as: ClientAs, plant: Plant
) -> None:
    client = client_as(Role.ADMINISTRATOR)
    writing = [row for row in rows if row.method != "GET" and row.path not in PUBLIC]
    assert len(writing) >= 3
    for row in writing:
        assert ask(client, row, csrf="0" * 64) == 403, row
    assert plant.store.pending_requests() == []


def test_the_table_in_the_docs_is_that_of_the_routes(app: FastAPI, repo_root: Path) -> None:
    written = (repo_root / "docs" / "dashboard" / "routes.md").read_text(encoding="utf-8")
    command = "python -m dashboard.routes docs/dashboard/routes.md"
    assert written == table(route_rows(app.routes)), f"run `{command}`"
