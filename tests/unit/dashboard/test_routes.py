"""Authorization as a table: every route, asked by every role, by a stranger, and with a token."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.access import GRANTS, Permission
from dashboard.backend import Backend
from dashboard.plan_pictures import plan_picture
from dashboard.routes import RouteRow, route_rows, table
from dashboard.security import PUBLIC, TOKEN_PATHS
from hazard.triage.ladder import decide
from hazard.types import Authority, Role
from tests.incidents import an_incident, an_opinion, gas
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of
from tests.unit.dashboard.test_incident_page import VERDICT
from tests.unit.dashboard.test_plant_map import PLACED, a_picture
from tests.unit.dashboard.test_site_editor import save_versions
from tests.unit.dashboard.test_suppressions import an_order

FILLED = {"alert_id": "alert-1", "camera_id": "yard-1", "evidence_id": "0" * 64}
BOUND = ("tank-farm",)
"""Where a role holds that must do nothing elsewhere: the alarm is of another area."""
BATCH = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
CLEAR, REPLAY = {"why": "to see who it was"}, {"assessment_id": "a" * 8}
SITE = {"base_sha256": "0" * 64, "reason": "so"}
ORDER = {"cause": "hot_work", "hazard": "fire", "area": "yard", "hours": 1, "reason": "so"}
LOOKED = {"alert_id": "alert-1", "revision": 1}
ACK = {"verb": "acknowledge", "expected_revision": 1}
OF_AN_AREA: dict[str, list[dict[str, Any]]] = {
    "POST /alarms/acknowledge": [
        {"data": {"alert": "alert-1:1", "reason": "seen", "batch": BATCH}},
    ],
    "POST /api/v1/acknowledgements": [{"json": {"alerts": [LOOKED], "reason": "seen"}}],
    "POST /alerts/{alert_id}/actions": [{"data": ACK}],
    "POST /api/v1/alerts/{alert_id}/actions": [{"json": ACK}],
    "POST /alerts/{alert_id}/evidence/{evidence_id}/clear": [{"data": CLEAR}],
    "POST /api/v1/alerts/{alert_id}/evidence/{evidence_id}/clear": [{"json": CLEAR}],
    "POST /alerts/{alert_id}/exports": [{"data": {"form": "pdf"}}],
    "POST /api/v1/alerts/{alert_id}/exports": [{"json": {"form": "pdf"}}],
    "POST /alerts/{alert_id}/replays": [{"data": REPLAY}],
    "GET /alarms.csv": [{}, {"params": {"area": ["tank-farm", "yard"]}}],
    "GET /analytics/{table}.csv": [{}, {"params": {"area": "yard"}}],
    "GET /api/v1/figures/{table}.csv": [{}, {"params": {"area": "yard"}}],
    "POST /api/v1/jobs": [
        {"json": {"kind": "weekly_report"}},
        {"json": {"kind": "dry_run", "patch": {"cameras": {"yard-1": {"fps_budget": 1}}}}},
        {"json": {"kind": "dry_run", "patch": {"policy": {"incident_window_s": 5}}}},
        {"json": {"kind": "dry_run", "patch": {"policy": {"incident_window_s": -5}}}},
        {"json": {"kind": "replay_decision"} | REPLAY},
    ],
    "POST /api/v1/site/change": [
        {"json": SITE | {"patch": {"retention": {"alerts_days": 1}}}},
        {"json": SITE | {"patch": {"areas": {"yard": {"name": "Mine"}}}}},
    ],
    "POST /api/v1/site/restore": [{"json": SITE | {"version": 1}}],
    "POST /api/v1/suppressions": [{"json": ORDER}],
    "POST /api/v1/suppressions/{order_id}/end": [{"json": {"reason": "so"}}],
    "POST /map/plans/{plan_id}/places": [
        {"data": {"area.yard": "1,1"}},
        {"data": {"camera.yard-1.x": "", "camera.yard-1.y": ""}},
    ],
}
"""Requests about another area, or the whole plant, to each route that asks in which areas the role
holds."""
OF_NO_AREA = {
    "GET /api/v1/exports/{export_id}",  # one's own files
    "GET /api/v1/exports/{export_id}/file",
    "GET /exports/{export_id}",
    "GET /fragments/exports/{export_id}",
    "GET /api/v1/jobs",  # replays and reports, which everybody sees on pages, and what one tries
    "GET /api/v1/jobs/{job_id}",
    "POST /api/v1/jobs/{job_id}/cancel",  # one's own, or an administrator's of all areas
    "POST /jobs/{job_id}/cancel",
    "GET /api/v1/site",  # whoever changes a part of the file reads it all
    "GET /api/v1/site/schema",
    "GET /api/v1/site/since",
    "GET /api/v1/site/versions",
    "GET /api/v1/site/versions/{version}",
    "POST /api/v1/site/check",  # keeps nothing
    "POST /api/v1/site/ground",
    "GET /map",
    "GET /site",
    "GET /site/stills/{camera_id}.jpg",
    "GET /site/versions",
    "GET /site/versions/{version}",
}
STREAMS = {"/events"}
"""They go on for ever for whoever may read them: everybody who is logged in."""
LAST = "/logout"


@pytest.fixture
def rows(app: FastAPI, plant: Plant) -> list[RouteRow]:
    plant.raise_alert()
    found = route_rows(app.routes)
    assert RouteRow("/alerts/{alert_id}/actions", "POST", Permission.ACT) in found
    return sorted(found, key=lambda row: row.path == LAST)


def address(path: str, **filled: str) -> str:
    """The path with names of what there is, or of nothing."""
    known = FILLED | filled
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda name: known.get(name[1], "none"), path)


def ask(client: TestClient, row: RouteRow, csrf: str = "", **headers: str) -> int:
    """The answer's status, for a request without a body."""
    sent = {"x-csrf-token": csrf, **headers} if csrf else headers
    return client.request(row.method, address(row.path), headers=sent).status_code


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


def test_what_belongs_to_no_area_takes_a_role_that_holds_everywhere(
    rows: list[RouteRow], client_as: ClientAs
) -> None:
    client = client_as(Role.ADMINISTRATOR, BOUND)
    csrf = csrf_of(client.get("/").text)
    wide = [row for row in rows if row.everywhere]
    assert {"/map/plans", "/admin/people", "/admin/audit", "/reports"} <= {row.path for row in wide}
    for row in wide:
        answer = client.request(row.method, address(row.path), headers={"x-csrf-token": csrf})
        assert answer.status_code == 403, row
        assert "holds in tank-farm, and this concerns the whole plant" in answer.text, row


def test_a_role_does_nothing_in_the_areas_where_it_does_not_hold(
    rows: list[RouteRow], client_as: ClientAs, plant: Plant
) -> None:
    asking = {
        f"{row.method} {row.path}"
        for row in rows
        if row.permission not in (None, Permission.VIEW) and not row.everywhere
    }
    assert asking == OF_AN_AREA.keys() | OF_NO_AREA, "say there which area a new route is about"
    save_versions(plant)
    order = an_order(plant, "order-1").order_id
    now = datetime.now(UTC)
    incident = an_incident(gas()).model_copy(update={"area": "compressor"})
    made = decide("incident-1", VERDICT, an_opinion(None), Authority.ADVISE, now, incident=incident)
    with plant.store.unit() as unit:
        unit.save_assessment(made.model_copy(update=REPLAY))
        unit.commit()
    plan = plant.store.plans.add("Hall", plan_picture(a_picture()), "Ines", now)
    plant.store.plans.place(plan, PLACED, now, "Ines", now)
    before = plant.store.plans.all()
    client = client_as(Role.ADMINISTRATOR, BOUND)
    csrf = csrf_of(client.get("/").text)
    sha256 = client.get("/api/v1/site").json()["sha256"]
    for name, requests in OF_AN_AREA.items():
        method, _, path = name.partition(" ")
        for request in requests:
            if "base_sha256" in request.get("json", {}):
                request["json"]["base_sha256"] = sha256
            where = address(path, order_id=order, plan_id=plan)
            answer = client.request(method, where, headers={"x-csrf-token": csrf}, **request)
            # Of many alarms each is refused for itself.
            many = "acknowledge" in path and "is not for you" in answer.text
            assert many or answer.status_code == 403, (name, request, answer.text[:300])
    assert plant.store.pending_requests() == []
    assert plant.store.plans.all() == before
    assert "export" not in {line.verb for line in plant.store.queries.audit_page().lines}


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
