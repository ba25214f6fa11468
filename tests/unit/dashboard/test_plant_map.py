"""Floor plans: what is taken as a picture, what lies where, and what the map shows."""

from __future__ import annotations

import io
import re
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from dashboard.plan_pictures import SIDE_MAX, BadPicture, plan_picture
from hazard.floor_plan import Places
from hazard.types import Cause, Health, Role, Severity
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of
from tests.unit.dashboard.test_pages import text_of

YARD = ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0))
PLACED = Places(
    areas={"yard": YARD, "tank-farm": ((0.9, 0.1),)},
    cameras={"yard-1": (0.1, 0.6)},
    sensors={"h2s-1": (0.75, 0.25)},
)


def a_picture(form: str = "PNG", size: tuple[int, int] = (400, 300), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def integrator(client_as: ClientAs) -> TestClient:
    return client_as(Role.INTEGRATOR, name="Ines")


@pytest.fixture
def plan_id(plant: Plant) -> str:
    """A plan on which things lie."""
    at = datetime.now(UTC)
    made = plant.store.plans.add("Hall 1", plan_picture(a_picture()), "Ines", at)
    plant.store.plans.place(made, PLACED, at, "Ines", at)
    return made


def hand_in(client: TestClient, data: bytes, **fields: str) -> Any:
    form = {"csrf": csrf_of(client.get("/map").text), "name": "Hall 1", **fields}
    return client.post("/map/plans", data=form, files={"file": ("plan.png", data)})


# ---------------------------------------------------------------- pictures


def bomb() -> bytes:
    """A PNG of 30 000 x 30 000 pixels in some hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<svg onload=alert(1)>", "no PNG or JPEG"),
        (a_picture("GIF"), "no PNG or JPEG"),
        (a_picture()[:120], "broken"),
        (a_picture(size=(60, 300)), "at least 100"),
        (bomb(), "too many pixels"),
        (a_picture(size=(9000, 7000)), "at most 60 million"),
        (b"x" * (8 * 1024 * 1024 + 1), "at most 8388608"),
    ],
)
def test_what_is_no_floor_plan_is_refused_with_the_mend(data: bytes, why: str) -> None:
    with pytest.raises(BadPicture, match=why):
        plan_picture(data)


def test_a_picture_is_encoded_anew_without_what_else_it_carried() -> None:
    exif = Image.Exif()
    exif[0x010E] = "the gate code is 4711"
    data = a_picture("JPEG", exif=exif) + b"<script>alert(1)</script>"
    kept = plan_picture(data)
    assert kept.media_type == "image/jpeg"
    assert b"4711" not in kept.data
    assert b"script" not in kept.data


def test_a_large_picture_is_made_smaller_and_a_clear_one_stands_on_white() -> None:
    kept = plan_picture(a_picture(size=(6000, 3000)))
    assert (kept.width_px, kept.height_px) == (SIDE_MAX, SIDE_MAX // 2)
    file = io.BytesIO()
    Image.new("RGBA", (200, 200), (0, 0, 0, 0)).save(file, "PNG")
    with Image.open(io.BytesIO(plan_picture(file.getvalue()).data)) as shown:
        assert shown.getpixel((5, 5)) == (255, 255, 255)


# ---------------------------------------------------------------- handing in and placing


def test_a_plan_is_handed_in_placed_and_shown(integrator: TestClient, plant: Plant) -> None:
    plant.report_health()
    assert "No floor plan yet." in text_of(integrator.get("/").text)
    answer = hand_in(integrator, a_picture())
    page = integrator.get(answer.headers["location"]).text
    (plan,) = plant.store.plans.all()
    form = {
        "csrf": csrf_of(page),
        "expected": plan.changed_at.isoformat(),
        "area.yard": "0,50 50,50 50,100 0,100",
        "camera.yard-1.x": "10",
        "camera.yard-1.y": "60.5",
        "sensor.h2s-1.x": "",
        "sensor.h2s-1.y": "",
    }
    saved = integrator.post(f"/map/plans/{plan.plan_id}/places", data=form)
    assert saved.status_code == 303
    (plan,) = plant.store.plans.all()
    assert plan.places.areas == {"yard": YARD}
    assert plan.places.cameras == {"yard-1": (0.1, 0.605)}
    assert plan.places.sensors == {}
    overview = integrator.get("/").text
    assert 'points="0.0,150.0 200.0,150.0 200.0,300.0 0.0,300.0"' in overview
    assert "4 are not on the map: compressor, tank-farm, yard-2, h2s-1" in text_of(overview)
    picture = integrator.get(f"/map/plans/{plan.plan_id}/picture")
    assert picture.headers["content-type"] == "image/png"
    verbs = [line.verb for line in plant.store.queries.audit_page().lines[:2]]
    assert verbs == ["plan_placed", "plan_added"]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("camera.yard-1.x", "10"), "camera yard-1: give both numbers, or neither"),
        (("area.yard", "0,50 50,50"), "area yard has two points"),
        (("area.yard", "0,0 50,50 50,0 0,50"), "area yard crosses itself"),
        (("area.yard", "0;0"), "'0;0' is no corner: write across,down"),
        (("area.yard", "0,101"), "area yard: 101 is not on the picture"),
        (("area.yard", "nan,1"), "area yard: nan is not on the picture"),
        (("area.yard", "a,b"), "area yard: 'a' is no number"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(
    integrator: TestClient, plan_id: str, plant: Plant, typed: tuple[str, str], why: str
) -> None:
    field, value = typed
    page = integrator.get(f"/map?plan={plan_id}").text
    (plan,) = plant.store.plans.all()
    form = {"csrf": csrf_of(page), "expected": plan.changed_at.isoformat(), field: value}
    answer = integrator.post(f"/map/plans/{plan_id}/places", data=form)
    assert answer.status_code == 422
    assert why in text_of(answer.text).replace("&#39;", "'")
    assert f'value="{value}"' in answer.text
    assert plant.store.plans.all() == (plan,)


def test_who_saves_second_is_told_and_loses_nothing_of_the_first(
    integrator: TestClient, plan_id: str, plant: Plant
) -> None:
    page = integrator.get(f"/map?plan={plan_id}").text
    (seen,) = plant.store.plans.all()
    plant.store.plans.place(plan_id, Places(), seen.changed_at, "Bob", datetime.now(UTC))
    form = {"csrf": csrf_of(page), "expected": seen.changed_at.isoformat()}
    for action in ("places", "remove"):
        answer = integrator.post(f"/map/plans/{plan_id}/{action}", data=form)
        assert answer.status_code == 409
        assert "Bob changed this plan" in answer.text
    (plan,) = plant.store.plans.all()
    form["expected"] = plan.changed_at.isoformat()
    assert integrator.post(f"/map/plans/{plan_id}/remove", data=form).status_code == 303
    assert plant.store.plans.all() == ()
    assert integrator.post(f"/map/plans/{plan_id}/remove", data=form).status_code == 404


def test_a_bad_file_is_refused_on_the_page(integrator: TestClient, plant: Plant) -> None:
    answer = hand_in(integrator, b"no picture")
    assert answer.status_code == 422
    assert "this is no PNG or JPEG: save the plan as one of them" in answer.text
    assert plant.store.plans.all() == ()


def test_only_a_plan_may_be_so_long(integrator: TestClient) -> None:
    long = {"content-length": str(9 * 1024 * 1024)}
    assert integrator.post("/map/plans", headers=long).status_code == 413
    long = {"content-length": str(1024 * 1024)}
    assert integrator.post("/preferences", headers=long).status_code == 413


def test_who_may_not_edit_sees_the_map_and_cannot_change_it(
    client_as: ClientAs, plan_id: str
) -> None:
    viewer = client_as(Role.VIEWER)
    page = viewer.get("/").text
    assert "Hall 1" in page
    assert 'href="/map' not in page.replace('href="/map/plans', "")
    assert viewer.get("/map").status_code == 403
    assert viewer.get(f"/map/plans/{plan_id}/picture").status_code == 200
    csrf = {"csrf": csrf_of(page)}
    assert viewer.post(f"/map/plans/{plan_id}/places", data=csrf).status_code == 403


def test_who_is_responsible_for_some_areas_places_what_belongs_there_and_moves_nothing_else(
    client_as: ClientAs, plan_id: str, plant: Plant
) -> None:
    ines = client_as(Role.INTEGRATOR, ("yard",))
    page = ines.get("/map").text
    assert "Your role holds in yard" in page
    assert "Add a floor plan" not in page
    assert re.findall(r'<input[^>]* name="([^"]+)" disabled', page) == [
        "area.compressor",
        "area.tank-farm",
    ]
    (plan,) = plant.store.plans.all()
    form = {
        "csrf": csrf_of(page),
        "expected": plan.changed_at.isoformat(),
        "area.yard": "",
        "camera.yard-1.x": "33.3",
        "camera.yard-1.y": "60",
    }
    beyond = ines.post(f"/map/plans/{plan_id}/places", data=form | {"sensor.h2s-1.x": "1"})
    assert beyond.status_code == 403
    assert "this concerns compressor" in beyond.text
    assert plant.store.plans.all() == (plan,)
    assert ines.post(f"/map/plans/{plan_id}/places", data=form).status_code == 303
    (plan,) = plant.store.plans.all()
    assert plan.places == PLACED.model_copy(
        update={
            "areas": {"tank-farm": PLACED.areas["tank-farm"]},
            "cameras": {"yard-1": (0.333, 0.6)},
        }
    )


# ---------------------------------------------------------------- the map


@pytest.mark.usefixtures("plan_id")
def test_the_map_says_how_each_place_is_in_shape_and_words(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(**{"camera_yard-1": (Health.OFFLINE, "offline: check its cable")})
    plant.raise_alert(severity=Severity.HIGH)
    page = officer.get("/").text
    assert 'aria-label="Loading yard: UNKNOWN"' in page
    assert 'aria-label="Tank farm: UNKNOWN"' in page
    assert 'aria-label="Camera yard-1: offline"' in page
    assert 'aria-label="Sensor h2s-1: high"' in page
    table = text_of(page[page.index('id="map-table"') :])
    assert "Loading yard Area UNKNOWN 0" in table
    assert "yard-1 Camera OFFLINE 0" in table
    assert "h2s-1 Sensor HIGH 1" in table


@pytest.mark.usefixtures("plan_id")
def test_a_silent_agent_leaves_nothing_on_the_map_that_looks_well(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(age_s=60)
    page = officer.get("/").text
    map_part = page[page.index('id="map-view"') : page.index('id="map-table"')]
    assert "s-clear" not in map_part
    assert map_part.count("s-unknown") == 4


def test_the_heat_map_counts_the_incidents_of_the_period(
    officer: TestClient, plant: Plant, plan_id: str
) -> None:
    for number in range(3):
        plant.raise_alert(age_s=number)
    crowd = {"hazard": "crowding", "area": "yard", "sources": ["yard-1"]}
    plant.raise_alert(**crowd)
    plant.revise("alert-4", Cause.EVENT)
    text = text_of(officer.get(f"/?plan={plan_id}&show=7d").text)
    assert "none to 3 incidents · 4 incidents in all" in text
    assert "Loading yard Area LOW" not in text
    assert "h2s-1 · 3" in text
    assert "yard-1 · 1" in text
    assert 'aria-label="Loading yard: 1 incidents"' in officer.get("/?show=24h").text


def test_incidents_before_the_period_do_not_count(plant: Plant) -> None:
    plant.raise_alert()
    now = datetime.now(UTC)
    counted = plant.store.situation.incidents_by_place
    assert [each.incidents for each in counted(now - timedelta(hours=1), now)] == [1]
    assert counted(now - timedelta(hours=2), now - timedelta(hours=1)) == ()
