"""An incident taken away: what is in the file, who may, and what the audit keeps."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader

from hazard.catalogue import catalogue
from hazard.store.export import verify_bundle
from hazard.types import CaseFile, Cause, Measured, Role, Severity, Track
from tests.pictures import contrast, stripes
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of

BOX = Track(track_id=1, label="person", confidence=0.9, xyxy=(100, 60, 160, 200), foot=(0.4, 0.8))
INSIDE = (100, 60, 160, 200)
LANGUAGES = ("en", "fr", "de", "es", "it")
PATIENCE_S = 30.0


def rich(plant: Plant) -> str:
    """An alert with everything that a report shows."""
    plant.leak(60)
    measured = [Measured(name="h2s", value=60, unit="ppm", threshold=50, source="h2s-1")]
    alert = plant.raise_alert(
        age_s=20, measured=measured, policy_why="toxic_gas at level high: floor high"
    )
    plant.add_words(alert)
    plant.add_opinion(alert, Severity.HIGH)
    plant.add_snapshot(alert, stripes(), [BOX])
    plant.revise(alert, Cause.CASE, case=CaseFile(assignee="Zoë Łuczak"))
    return alert


def take(client: TestClient, alert: str, **fields: str) -> bytes:
    """Ask for the file as the page does, wait for it, and give it."""
    form = {"csrf": csrf_of(client.get("/").text), **fields}
    headers = {"x-fragment": "1", "accept-language": fields.get("language", "en")}
    answer = client.post(f"/alerts/{alert}/exports", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    path = answer.text.split('data-src="')[1].split('"')[0]
    until = time.monotonic() + PATIENCE_S
    while "/exports/" in path and time.monotonic() < until:
        text = client.get(path, headers=headers).text
        found = re.search(r'href="(/exports/[^"]+)"', text)
        assert 'data-state="failed"' not in text, text
        if found is not None:
            return client.get(found.group(1)).content
    raise AssertionError("the file was not made in time")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_everything_in_the_readers_language(
    officer: TestClient, plant: Plant, language: str
) -> None:
    alert = rich(plant)
    reader = PdfReader(io.BytesIO(take(officer, alert, form="pdf", language=language)))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    kind = catalogue()["toxic_gas"]
    by_language = {str(code): text for code, text in kind.name.items()}
    assert by_language[language] in text
    summary = {str(code): text for code, text in kind.description.items()}[language]
    assert " ".join(summary.split()[:5]) in text
    action = {str(code): text for code, text in kind.actions[0].text.items()}[language]
    assert " ".join(action.split()[:4]) in text
    heading = {
        "en": "Why this severity",
        "fr": "Pourquoi cette gravité",
        "de": "Warum dieser Schweregrad",
        "es": "Por qué esta gravedad",
        "it": "Perché questa gravità",
    }
    assert heading[language] in text
    assert "Zoë Łuczak" in text
    assert alert in text
    assert "Ada" in text
    assert "1 / " in text
    (picture,) = [image for page in reader.pages for image in page.images]
    assert contrast(picture.data, INSIDE) < 80


def test_the_bundle_is_whole_signed_and_its_people_are_covered(
    officer: TestClient, plant: Plant, tmp_path: Path
) -> None:
    alert = rich(plant)
    plant.add_clip(alert, b"\x00\x00\x00\x18ftypmp42")
    path = tmp_path / "bundle.zip"
    path.write_bytes(take(officer, alert, form="bundle"))
    verdict = verify_bundle(path)
    assert verdict.faults == ()
    assert verdict.manifest is not None
    assert [missing.why for missing in verdict.manifest.evidence_missing] == ["withheld"]
    assert "people in the pictures are covered" in verdict.manifest.notes[0]
    with zipfile.ZipFile(path) as archive:
        (picture,) = [name for name in archive.namelist() if name.startswith("evidence/")]
        assert contrast(archive.read(picture), INSIDE) < 80
        audit = [json.loads(line) for line in archive.read("audit.jsonl").splitlines()]
    assert audit[-1]["verb"] == "export"
    assert audit[-1]["actor"] == "Ada"


def test_a_clear_bundle_has_the_evidence_as_it_was_stored(
    officer: TestClient, plant: Plant
) -> None:
    alert = rich(plant)
    data = take(officer, alert, form="bundle", clear="true", why="for the authority")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (picture,) = [name for name in archive.namelist() if name.startswith("evidence/")]
        assert archive.read(picture) == stripes()
    line = next(one for one in plant.store.queries.audit_page().lines if one.verb == "export")
    assert line.subject == alert
    assert line.details == {"format": "bundle", "clear": True, "why": "for the authority"}


@pytest.mark.parametrize(
    ("who", "fields", "status"),
    [
        ((Role.VIEWER, ()), {}, 403),
        ((Role.OPERATOR, ()), {}, 403),
        ((Role.SAFETY_OFFICER, ("yard",)), {}, 403),
        ((Role.INTEGRATOR, ()), {"clear": "true", "why": "curious"}, 403),
        ((Role.SAFETY_OFFICER, ()), {"clear": "true"}, 422),
        ((Role.SAFETY_OFFICER, ()), {"form": "docx"}, 422),
    ],
)
def test_who_may_not_or_gives_no_reason_takes_nothing_away(
    client_as: ClientAs,
    plant: Plant,
    who: tuple[Role, tuple[str, ...]],
    fields: dict[str, str],
    status: int,
) -> None:
    alert = rich(plant)
    client = client_as(*who)
    form = {"csrf": csrf_of(client.get("/").text), "form": "pdf"} | fields
    assert client.post(f"/alerts/{alert}/exports", data=form).status_code == status
    assert not [one for one in plant.store.queries.audit_page().lines if one.verb == "export"]


def test_a_file_is_for_the_one_who_asked_for_it(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert = rich(plant)
    form = {"csrf": csrf_of(officer.get("/").text), "form": "pdf"}
    answer = officer.post(f"/alerts/{alert}/exports", data=form)
    export_id = answer.headers["location"].split("exported=")[1]
    other = client_as(Role.SAFETY_OFFICER, name="Bo")
    assert other.get(f"/exports/{export_id}").status_code == 404
    assert other.get(f"/fragments/exports/{export_id}").status_code == 404


def test_by_the_api_a_file_is_asked_for_followed_and_fetched(
    officer: TestClient, plant: Plant
) -> None:
    alert = rich(plant)
    token = csrf_of(officer.get("/").text)
    asked = officer.post(
        f"/api/v1/alerts/{alert}/exports",
        json={"form": "pdf", "language": "it"},
        headers={"x-csrf-token": token},
    )
    assert asked.status_code == 202
    path = f"/api/v1/exports/{asked.json()['export_id']}"
    until = time.monotonic() + PATIENCE_S
    while (state := officer.get(path).json())["state"] == "making":
        assert time.monotonic() < until
    assert (state["state"], state["progress"]) == ("done", 1.0)
    file = officer.get(f"{path}/file")
    assert file.headers["content-type"] == "application/pdf"
    assert file.content.startswith(b"%PDF")
