"""The JSON API: what the pages show."""

from __future__ import annotations

from fastapi.testclient import TestClient

from hazard.types import Health, Severity
from tests.plant import Plant
from tests.unit.dashboard.conftest import csrf_of


def test_the_api_describes_itself_as_openapi_3_1(officer: TestClient) -> None:
    document = officer.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= {
        "/api/v1/alerts",
        "/api/v1/alerts/{alert_id}",
        "/api/v1/alerts/{alert_id}/actions",
        "/api/v1/alerts/{alert_id}/evidence/{evidence_id}/clear",
        "/api/v1/alerts/{alert_id}/readings",
        "/api/v1/actions/{request_id}",
        "/api/v1/health",
        "/api/v1/cameras",
        "/api/v1/areas",
    }
    for path in document["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            (good,) = {"200", "201", "202", "204"} & set(answers)
            content = answers[good].get("content", {})
            assert content or good == "204"
            assert all(each["schema"] for each in content.values())
            assert "401" in answers


def test_without_login_the_api_answers_401_as_json(stranger: TestClient) -> None:
    answer = stranger.get("/api/v1/alerts")
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("log in first: /login")


def test_alarms_come_in_pages_newest_first(officer: TestClient, plant: Plant) -> None:
    for number in range(3):
        plant.raise_alert(age_s=30 - 10 * number)
    asked = {"sort": "raised", "limit": "2"}
    first = officer.get("/api/v1/alerts", params=asked).json()
    assert [alarm["alert_id"] for alarm in first["alerts"]] == ["alert-3", "alert-2"]
    assert first["counted"] == {"number": 3, "more": False}
    second = officer.get("/api/v1/alerts", params=asked | {"page": first["next_page"]}).json()
    assert [alarm["alert_id"] for alarm in second["alerts"]] == ["alert-1"]
    assert second["next_page"] is None


def test_an_action_by_the_api_is_accepted_and_followed(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert()
    token = csrf_of(officer.get("/").text)
    path = f"/api/v1/alerts/{alert}/actions"
    body = {"verb": "acknowledge", "expected_revision": 1, "comment": "seen"}
    assert officer.post(path, json=body).status_code == 403
    answer = officer.post(path, json=body, headers={"x-csrf-token": token})
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["answered"]) == ("pending", False)
    request_id = answer.json()["status"]["request"]["request_id"]
    plant.carry_out()
    settled = officer.get(f"/api/v1/actions/{request_id}").json()
    assert (settled["state"], settled["answered"]) == ("done", True)
    detail = officer.get(f"/api/v1/alerts/{alert}").json()["detail"]
    assert detail["current"]["acknowledged_by"] == "Ada"
    assert [revision["revision"] for revision in detail["revisions"]] == [1, 2]


def test_health_cameras_and_areas_say_unknown_where_nobody_knows(
    officer: TestClient, plant: Plant
) -> None:
    assert officer.get("/api/v1/health").json()["worst"] == "unknown"
    assert {area["status"] for area in officer.get("/api/v1/areas").json()} == {"unknown"}
    assert officer.get("/api/v1/cameras").json()[0]["sign"] == "UNKNOWN"
    plant.report_health(**{"camera_yard-2": (Health.OFFLINE, "offline")})
    plant.raise_alert(severity=Severity.HIGH)
    areas = {area["area"]: area for area in officer.get("/api/v1/areas").json()}
    assert (areas["compressor"]["status"], areas["compressor"]["worst"]) == ("alarm", "high")
    assert (areas["yard"]["status"], areas["yard"]["unwatched"]) == ("unknown", ["yard-2: offline"])
    cameras = officer.get("/api/v1/cameras").json()
    assert [camera["sign"] for camera in cameras] == ["NO PICTURE", "OFFLINE"]
    assert officer.get("/api/v1/health").json()["worst"] == "offline"
