"""People in stored pictures: covered by default, clear only by a reason that the audit keeps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from hazard.blurring import blurred
from hazard.errors import StoreError
from hazard.types import Box, Role, Track
from tests.pictures import HEIGHT, WIDTH, contrast, stripes
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of

BOX = (100.0, 60.0, 160.0, 200.0)
INSIDE, OUTSIDE = (100, 60, 160, 200), (220, 10, 300, 230)


PERSON: Box = INSIDE


def seen(label: str, xyxy: tuple[float, float, float, float] = BOX) -> Track:
    return Track(track_id=1, label=label, confidence=0.9, xyxy=xyxy, foot=(0.4, 0.8))


def picture_of(
    plant: Plant, people: Sequence[Box] | None = (PERSON,), boxes: Sequence[Track] = ()
) -> tuple[str, str]:
    """An alert with one picture; gives the alert and the evidence."""
    alert = plant.raise_alert(area="yard", hazard="crowding", sources=("yard-1",))
    return alert, plant.add_snapshot(alert, stripes(exif=True), boxes, people)


def test_people_are_covered_and_the_rest_stays_clear(officer: TestClient, plant: Plant) -> None:
    alert, sha256 = picture_of(plant, boxes=[seen("car", (220, 10, 300, 230))])
    answer = officer.get(f"/evidence/{sha256}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert contrast(answer.content, INSIDE) < 60
    assert contrast(answer.content, OUTSIDE) > 200
    page = officer.get(f"/alerts/{alert}").text
    assert "The people that the detector found are blurred." in page


def test_people_whom_no_alarm_is_about_are_covered_and_no_box_is_drawn_for_them(
    officer: TestClient, plant: Plant
) -> None:
    alert, sha256 = picture_of(plant, [PERSON, OUTSIDE], [seen("person")])
    picture = officer.get(f"/evidence/{sha256}.jpg").content
    assert contrast(picture, INSIDE) < 60
    assert contrast(picture, OUTSIDE) < 60
    assert officer.get(f"/alerts/{alert}").text.count('<rect class="box') == 1


@pytest.mark.parametrize("boxes", [(), (seen("person"),)])
def test_a_picture_of_which_nobody_can_say_where_people_are_is_covered_as_a_whole(
    officer: TestClient, plant: Plant, boxes: Sequence[Track]
) -> None:
    alert, sha256 = picture_of(plant, None, boxes)
    assert contrast(officer.get(f"/evidence/{sha256}.jpg").content, (0, 0, WIDTH, HEIGHT)) < 60
    assert "Wholly blurred" in officer.get(f"/alerts/{alert}").text


def test_a_picture_in_which_the_detector_found_nobody_is_clear_and_says_so(
    officer: TestClient, plant: Plant
) -> None:
    alert, sha256 = picture_of(plant, ())
    assert contrast(officer.get(f"/evidence/{sha256}.jpg").content, INSIDE) > 200
    assert "found nobody in it" in officer.get(f"/alerts/{alert}").text


def test_a_box_partly_or_wholly_outside_the_picture_harms_nobody() -> None:
    partly = blurred(stripes(), [(-50, -50, 40, 400)])
    assert contrast(partly, (0, 0, 40, HEIGHT)) < 60
    outside = blurred(stripes(), [(900, 900, 950, 950)])
    assert contrast(outside, OUTSIDE) > 200


def test_what_the_camera_wrote_into_the_file_goes_nowhere(
    officer: TestClient, plant: Plant
) -> None:
    alert, sha256 = picture_of(plant)
    assert b"SECRET-CAMERA" in stripes(exif=True)
    assert b"SECRET-CAMERA" not in officer.get(f"/evidence/{sha256}.jpg").content
    assert b"SECRET-CAMERA" not in officer.get(address(officer, alert, sha256)).content


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        blurred(b"\xff\xd8\xff\xe0not really a picture", [])


def address(client: TestClient, alert: str, sha256: str, why: str = "who is it") -> str:
    """Ask for the clear picture; gives its address."""
    csrf = csrf_of(client.get("/").text)
    answer = client.post(
        f"/alerts/{alert}/evidence/{sha256}/clear", data={"csrf": csrf, "why": why}
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_the_clear_picture_leaves_who_which_and_why_in_the_audit(
    officer: TestClient, plant: Plant
) -> None:
    alert, sha256 = picture_of(plant)
    clear = officer.get(address(officer, alert, sha256, "was it the welder?"))
    assert contrast(clear.content, INSIDE) > 200
    assert clear.headers["cache-control"] == "no-store"
    line = plant.store.queries.audit_page().lines[0]
    assert (line.actor, line.verb, line.subject) == ("Ada", "see_clear", alert)
    assert line.details["evidence_id"] == sha256
    assert line.details["why"] == "was it the welder?"
    page = officer.get(f"/alerts/{alert}").text
    assert "was it the welder?" in page


def test_a_clear_view_is_for_one_person_one_picture_and_some_minutes(
    officer: TestClient, client_as: ClientAs, plant: Plant, clock: Clock
) -> None:
    alert, sha256 = picture_of(plant)
    other = plant.add_snapshot(alert, stripes(), people=[PERSON])
    path = address(officer, alert, sha256)
    assert officer.get(path).status_code == 200
    assert client_as(Role.SAFETY_OFFICER, name="Bo").get(path).status_code == 403
    assert officer.get(path.replace(sha256, other)).status_code in (403, 404)
    assert officer.get(f"{path}0").status_code == 403
    clock.ahead_s = timedelta(minutes=11).total_seconds()
    assert officer.get(path).status_code == 403


@pytest.mark.parametrize(
    ("role", "areas"),
    [
        (Role.VIEWER, ()),
        (Role.OPERATOR, ()),
        (Role.INTEGRATOR, ()),
        (Role.SAFETY_OFFICER, ("compressor",)),
    ],
)
def test_who_may_not_see_people_clearly_gets_no_clear_view(
    client_as: ClientAs, plant: Plant, role: Role, areas: tuple[str, ...]
) -> None:
    client = client_as(role, areas)
    alert, sha256 = picture_of(plant)
    csrf = csrf_of(client.get("/").text)
    form = {"csrf": csrf, "why": "curious"}
    answer = client.post(f"/alerts/{alert}/evidence/{sha256}/clear", data=form)
    assert answer.status_code == 403
    assert "See it clear" not in client.get(f"/alerts/{alert}").text
    assert not [one for one in plant.store.queries.audit_page().lines if one.verb == "see_clear"]


def test_without_a_reason_there_is_no_clear_view(officer: TestClient, plant: Plant) -> None:
    alert, sha256 = picture_of(plant)
    form = {"csrf": csrf_of(officer.get("/").text), "why": ""}
    path = f"/alerts/{alert}/evidence/{sha256}/clear"
    assert officer.post(path, data=form).status_code == 422


def test_the_api_gives_the_clear_view_in_the_same_way(officer: TestClient, plant: Plant) -> None:
    alert, sha256 = picture_of(plant)
    token = csrf_of(officer.get("/").text)
    path = f"/api/v1/alerts/{alert}/evidence/{sha256}/clear"
    answer = officer.post(path, json={"why": "accident report"}, headers={"x-csrf-token": token})
    assert answer.status_code == 200
    assert contrast(officer.get(answer.json()["address"]).content, INSIDE) > 200


def test_a_site_may_have_nobody_blurred(officer: TestClient, plant: Plant) -> None:
    _, sha256 = picture_of(plant)
    text = plant.site_file.read_text(encoding="utf-8")
    plant.site_file.write_text(f"{text}privacy: {{blur_people: false}}\n", encoding="utf-8")
    assert contrast(officer.get(f"/evidence/{sha256}.jpg").content, INSIDE) > 200


def test_evidence_that_was_changed_on_disk_is_not_shown(officer: TestClient, plant: Plant) -> None:
    _, sha256 = picture_of(plant)
    path = plant.evidence_dir / sha256[:2] / f"{sha256}.jpg"
    path.write_bytes(path.read_bytes() + b"x")
    assert officer.get(f"/evidence/{sha256}.jpg").status_code == 410


def test_a_picture_of_another_machine_is_said_to_be_there(
    officer: TestClient, plant: Plant
) -> None:
    alert, sha256 = picture_of(plant)
    (plant.evidence_dir / sha256[:2] / f"{sha256}.jpg").unlink()
    assert "it is on node edge-1" in officer.get(f"/alerts/{alert}").text
    assert officer.get(f"/evidence/{sha256}.jpg").status_code == 404


def clip_of(plant: Plant) -> tuple[str, str]:
    alert = plant.raise_alert(area="yard", hazard="crowding", sources=("yard-1",))
    return alert, plant.add_clip(alert, b"\x00\x00\x00\x18ftypmp42" + bytes(200))


def test_a_clip_is_withheld_until_somebody_who_may_says_why(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert, sha256 = clip_of(plant)
    assert officer.get(f"/evidence/{sha256}.mp4").status_code == 403
    assert "<video" not in officer.get(f"/alerts/{alert}").text
    viewer = client_as(Role.VIEWER)
    assert "people can be seen in it" in viewer.get(f"/alerts/{alert}").text
    csrf = csrf_of(officer.get("/").text)
    shown = officer.post(
        f"/alerts/{alert}/evidence/{sha256}/clear",
        data={"csrf": csrf, "why": "accident"},
        headers={"x-fragment": "1"},
    ).text
    found = re.search(r'src="([^"]+)"', shown)
    assert found is not None
    part = officer.get(found.group(1).replace("&amp;", "&"), headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
