"""The plant as JSON: what overview, map, live and health show."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.plan_pictures import plan_picture
from hazard.types import Health, IsaState, Role, Severity
from tests.pictures import HEIGHT, WIDTH, contrast, stripes
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of
from tests.unit.dashboard.test_health_page import LATENCIES, tell
from tests.unit.dashboard.test_plant_map import PLACED, a_picture


def test_the_overview_counts_by_state_and_lists_what_presses(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(**{"camera_yard-2": (Health.DEGRADED, "dark")})
    plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard")
    worst = plant.raise_alert(severity=Severity.CRITICAL, age_s=60)
    seen = plant.raise_alert(severity=Severity.HIGH)
    plant.acknowledge(seen)
    found = officer.get("/api/v1/overview").json()
    assert found["states"] == {IsaState.UNACKNOWLEDGED: 2, IsaState.ACKNOWLEDGED: 1}
    assert [alarm["alert_id"] for alarm in found["alarms"]] == [worst, "alert-1", seen]
    assert (found["listed"], found["put_aside"]) == (3, 0)
    assert {area["area"]: area["status"] for area in found["areas"]} == {
        "yard": "alarm",
        "compressor": "alarm",
        "tank-farm": "unknown",
    }
    (node,) = found["nodes"]
    assert (node["node"], node["health"], node["silent"]) == ("edge-1", "degraded", False)
    assert node["troubled"] == {"camera/yard-2": "degraded"}


def test_map_and_plans_say_what_lies_where_and_how_it_is(officer: TestClient, plant: Plant) -> None:
    assert officer.get("/api/v1/map").status_code == 404
    assert officer.get("/api/v1/plans").json() == []
    at = datetime.now(UTC)
    made = plant.store.plans.add("Hall 1", plan_picture(a_picture()), "Ines", at)
    plant.store.plans.place(made, PLACED, at, "Ines", at)
    plant.report_health()
    plant.raise_alert()
    found = officer.get("/api/v1/map", params={"show": "24h"}).json()
    places = {each["name"]: (each["status"], each["incidents"]) for each in found["places"]}
    assert places["h2s-1"] == ("alarm", 1)
    assert places["yard-1"] == ("clear", 0)
    assert found["incidents"] == 1
    assert officer.get("/api/v1/map", params={"plan": "x"}).status_code == 404
    assert officer.get("/api/v1/map", params={"show": "1y"}).status_code == 422
    (plan,) = officer.get("/api/v1/plans").json()
    assert plan["places"]["cameras"] == {"yard-1": [0.1, 0.6]}


def test_one_camera_and_the_figures_of_nodes(officer: TestClient, plant: Plant) -> None:
    plant.report_health()
    camera = officer.get("/api/v1/cameras/yard-1").json()
    assert (camera["sign"], camera["fps"], camera["budget_fps"]) == ("NO PICTURE", 9.8, 10.0)
    assert camera["zones"][0]["zone"] == "taped-off"
    (line,) = camera["lines"]
    assert (line["line"], line["raises"]) == ("gangway", ["right"])
    page = officer.get("/live/yard-1").text
    assert "line gangway" in page
    assert page.count('<polyline class="arrow"') == 1
    assert officer.get("/api/v1/cameras/nobody").status_code == 404
    tell(plant, "edge-1", core={"latencies": LATENCIES, "gpus": []})
    (node,) = officer.get("/api/v1/health/figures").json()
    assert node["gpus"] == []
    assert node["latencies"][0]["p99_at_most_s"] == 0.1
    assert node["latencies"][0]["buckets"] == [[0.01, 3], [0.1, 96], [1.0, 0], [None, 1]]


def test_a_program_gets_the_pictures_that_the_pages_show(
    app: FastAPI, client_as: ClientAs, plant: Plant
) -> None:
    at = datetime.now(UTC)
    plan = plant.store.plans.add("Hall 1", plan_picture(a_picture()), "Ines", at)
    alert = plant.raise_alert()
    plant.add_snapshot(alert, stripes(), people=[(0, 0, WIDTH, HEIGHT)])
    (plant.previews / "yard-1.jpg").write_bytes(stripes())
    ines = client_as(Role.SAFETY_OFFICER)
    csrf = {"x-csrf-token": csrf_of(ines.get("/").text)}
    form = {"name": "board", "scopes": ["view"]}
    token = ines.post("/api/v1/me/tokens", json=form, headers=csrf).json()["text"]
    program = TestClient(app, headers={"authorization": f"Bearer {token}"})
    (stored,) = program.get(f"/api/v1/alerts/{alert}").json()["evidence"]
    camera = program.get("/api/v1/cameras").json()[0]
    assert contrast(program.get(stored["picture"]).content, (0, 0, WIDTH, HEIGHT)) < 60
    for address in (stored["picture"], camera["picture"], f"/api/v1/plans/{plan}/picture"):
        answer = program.get(address)
        assert (answer.status_code, answer.headers["content-type"][:6]) == (200, "image/")
    asked = f"/api/v1/alerts/{alert}/evidence/{stored['evidence']['evidence_id']}/clear"
    clear = ines.post(asked, json={"why": "accident report"}, headers=csrf).json()["address"]
    assert contrast(ines.get(clear).content, (0, 0, WIDTH, HEIGHT)) > 200
    assert program.get(clear).status_code == 403
