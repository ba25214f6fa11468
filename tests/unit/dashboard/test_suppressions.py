"""The registers of suppressions and of shelving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.register import left_text
from hazard.store.operations import SaveOrder
from hazard.types import Role, SuppressionCause, SuppressionOrder, Verb
from tests.plant import SITE_YAML, Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of

WINDOWS = """\
alarms:
  maintenance:
    washing:
      hazards: [person_in_restricted_zone]
      area: yard
      reason: the yard is washed
      times: [{days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}]
"""


def an_order(plant: Plant, order_id: str, *, hours: float = 2, **changes: Any) -> SuppressionOrder:
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "order_id": order_id,
        "cause": SuppressionCause.HOT_WORK,
        "hazard": "fire",
        "area": "yard",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(hours=hours),
        "granted_by": "Bob <b>",
        "role": Role.SAFETY_OFFICER,
        "reason": "welding <script>",
        "reference": "HW-17",
    }
    order = SuppressionOrder(**(values | changes))
    with plant.store.unit() as unit:
        unit.add(SaveOrder(node="edge-1", order=order))
        unit.commit()
    return order


def headers(client: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": csrf_of(client.get("/admin/maintenance").text)}


def test_the_register_says_who_why_and_how_long(officer: TestClient, plant: Plant) -> None:
    an_order(plant, "order-1")
    page = officer.get("/admin/maintenance").text
    assert "Bob &lt;b&gt;" in page
    assert "welding &lt;script&gt;" in page
    assert "2 h 00 min" in page
    assert "HW-17" in page
    (standing,) = officer.get("/api/v1/suppressions").json()["standing"]
    assert standing["by_person"]
    assert 7100 < standing["left_s"] <= 7200


def test_what_has_ended_is_history_and_holds_no_more(officer: TestClient, plant: Plant) -> None:
    now = datetime.now(UTC)
    an_order(plant, "order-1", ended_at=now, ended_by="Eve")
    an_order(plant, "order-2", hours=-0.5)
    assert officer.get("/api/v1/suppressions").json()["standing"] == []
    first = officer.get("/api/v1/suppressions/history?limit=1").json()
    second = officer.get(
        "/api/v1/suppressions/history", params={"limit": 1, "page": first["next_page"]}
    ).json()
    found = [page["orders"][0]["order_id"] for page in (first, second)]
    assert sorted(found) == ["order-1", "order-2"]
    assert second["next_page"] is None
    assert officer.get("/api/v1/suppressions/history?page=x").status_code == 404
    assert "Eve" in officer.get("/admin/maintenance").text


def test_a_window_of_the_site_file_is_planned_and_told_open(
    officer: TestClient, plant: Plant
) -> None:
    plant.site_file.write_text(SITE_YAML + WINDOWS, encoding="utf-8")
    (window,) = officer.get("/api/v1/suppressions").json()["windows"]
    assert window["open_now"]
    assert window["next_at"] is not None
    assert "the yard is washed" in officer.get("/admin/maintenance").text


def test_a_permit_is_asked_for_with_its_end_and_its_reason(
    officer: TestClient, plant: Plant
) -> None:
    body = {"cause": "hot_work", "hazard": "fire", "area": "yard", "hours": 2, "reference": "7"}
    without = officer.post("/api/v1/suppressions", json=body, headers=headers(officer))
    assert without.status_code == 422
    answer = officer.post(
        "/api/v1/suppressions", json=body | {"reason": "welding"}, headers=headers(officer)
    )
    assert answer.status_code == 202, answer.text
    (request,) = plant.store.pending_requests()
    assert (request.verb, request.duration_s, request.comment) == (
        Verb.GRANT_PERMIT,
        7200,
        "welding",
    )
    assert request.arguments["permit"] == "hot_work"


def test_an_order_is_ended_by_who_is_responsible_there(
    client_as: ClientAs, officer: TestClient, plant: Plant
) -> None:
    an_order(plant, "order-1")
    elsewhere = client_as(Role.SAFETY_OFFICER, ("tank-farm",))
    body = {"reason": "done"}
    path = "/api/v1/suppressions/order-1/end"
    assert elsewhere.post(path, json=body, headers=headers(elsewhere)).status_code == 403
    assert "End it now" not in elsewhere.get("/admin/maintenance").text
    assert officer.post(path, json=body, headers=headers(officer)).status_code == 202
    (request,) = plant.store.pending_requests()
    assert request.arguments == {"order_id": "order-1"}
    gone = officer.post("/api/v1/suppressions/none/end", json=body, headers=headers(officer))
    assert gone.status_code == 404


def test_an_operator_sees_the_registers_and_grants_nothing(
    client_as: ClientAs, plant: Plant
) -> None:
    an_order(plant, "order-1")
    operator = client_as(Role.OPERATOR)
    page = operator.get("/admin/maintenance").text
    assert "welding" in page
    assert "Put in force" not in page
    assert operator.get("/admin/shelving").status_code == 200
    body = {"cause": "hot_work", "hazard": "fire", "area": "yard", "hours": 2, "reason": "x"}
    answer = operator.post("/api/v1/suppressions", json=body, headers=headers(operator))
    assert answer.status_code == 403


def test_the_shelving_register_shows_who_shelved_what_until_when(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert()
    csrf = headers(officer)
    shelve = {"verb": "shelve", "expected_revision": 1, "comment": "known", "duration_min": 30}
    path = f"/api/v1/alerts/{alert}/actions"
    assert officer.post(path, json=shelve, headers=csrf).status_code == 202
    plant.carry_out()
    page = officer.get("/admin/shelving").text
    assert "30 min" in page
    assert "known" in page
    assert "Take off the shelf" in page
    (shelved,) = officer.get("/api/v1/suppressions/shelf").json()["shelved"]
    assert shelved["alarm"]["shelved_by"] == "Ada"
    (request,) = officer.get("/api/v1/suppressions/shelvings").json()["requests"]
    assert request["request"]["duration_s"] == 1800


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 min"), (59 * 60, "59 min"), (3601, "1 h 01 min"), (90000, "1 d 1 h"), (None, "?")],
)
def test_time_left_is_rounded_up(seconds: float | None, text: str) -> None:
    assert left_text(seconds) == text
