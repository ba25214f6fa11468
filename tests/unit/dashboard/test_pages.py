"""What a person sees."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.backend import Backend
from dashboard.settings import Settings
from hazard.errors import ConfigError, StoreError
from hazard.types import (
    ActionRequest,
    Health,
    Measured,
    Severity,
    Track,
    Verb,
    Verdict,
)
from tests.plant import Plant

XSS = (
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "javascript:alert(1)",
    "</textarea><svg/onload=alert(1)>",
    "{{ 7919 * 7919 }}{% raw %}",
)
VERDICT = Verdict(floor=Severity.MEDIUM, default=Severity.HIGH, why="w", policy_hash="p")
JPEG = b"\xff\xd8\xff\xe0not really a picture\xff\xd9"


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_an_alarm_shows_priority_by_shape_number_and_word(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health()
    measured = [Measured(name="h2s", value=112.4, unit="ppm", threshold=100, source="h2s-1")]
    plant.raise_alert(severity=Severity.CRITICAL, measured=measured)
    page = officer.get("/").text
    assert 'href="#p1"' in page
    assert "flash" in page
    text = text_of(page)
    assert "CRITICAL Toxic gas" in text
    assert "H2S 112 ppm (limit 100)" in text
    assert "Compressor house" in text
    assert "Unacknowledged" in text


def test_unacknowledged_alarms_come_first_then_priority(officer: TestClient, plant: Plant) -> None:
    plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard")
    plant.raise_alert(severity=Severity.CRITICAL)
    plant.raise_alert(severity=Severity.HIGH, hazard="overtemperature")
    page = officer.get("/fragments/overview").text
    order = [page.index(title) for title in (">Toxic gas", ">Overtemperature", ">Crowding")]
    assert order == sorted(order)


def test_in_a_flood_the_worst_alarms_stay_on_the_overview_and_the_rest_is_counted(
    officer: TestClient, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.overview.PRESSING", 4)
    plant.raise_alert(severity=Severity.CRITICAL, age_s=500)
    for number in range(6):
        plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard", age_s=number)
    text = text_of(officer.get("/").text)
    assert text.count("LOW Crowding") == 3
    assert "CRITICAL Toxic gas" in text
    assert "Most pressing alarms 4 of 7" in text
    assert "All 7 alarms" in text


def test_in_a_flood_no_area_looks_calm_and_no_alarm_is_uncounted(
    officer: TestClient, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.overview.PRESSING", 4)
    plant.report_health()
    plant.raise_alert(severity=Severity.MEDIUM, hazard="crowding", area="yard", age_s=900)
    for number in range(6):
        plant.raise_alert(severity=Severity.CRITICAL, age_s=number)
    text = text_of(officer.get("/").text)
    assert "MEDIUM 1 alarm, 1 unacknowledged" in text
    assert "1 medium 1 unack." in text
    assert "6 critical 6 unack." in text
    yard = next(a for a in officer.get("/api/v1/areas").json() if a["area"] == "yard")
    assert (yard["status"], yard["worst"], yard["alarms"]) == ("alarm", "medium", 1)


def test_no_alarm_means_no_alarm_only_while_the_agent_speaks(
    officer: TestClient, plant: Plant
) -> None:
    text = text_of(officer.get("/").text)
    assert "AGENT SILENT The agent core has never reported" in text
    assert "No alarm was ever raised here. To begin: Start the agent" in text
    plant.report_health(age_s=10_800)
    alert = plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard")
    plant.return_to_normal(alert)
    plant.acknowledge(alert)
    text = text_of(officer.get("/").text)
    assert "No alarm is stored, but the agent is silent" in text
    assert "This does not mean that the plant is safe" in text
    assert "edge-1 UNKNOWN Silent for 3 h." in text
    plant.report_health()
    text = text_of(officer.get("/").text)
    assert "AGENT SILENT" not in text
    assert "Every hazard that was found is back to normal" in text


def test_an_area_is_calm_only_while_all_that_watches_it_is_ready(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(**{"camera_yard-2": (Health.DEGRADED, "dark: clean the lens")})
    text = text_of(officer.get("/").text)
    assert "Loading yard ? UNKNOWN Not fully watched yard-2: degraded" in text
    assert "Compressor house No alarm Watched by 1 source, all ready" in text
    assert "Tank farm ? UNKNOWN Nothing watches this area" in text
    assert "DEGRADED camera yard-2 is degraded" in text


def test_health_that_is_old_is_unknown_and_never_green(officer: TestClient, plant: Plant) -> None:
    plant.report_health(age_s=6)
    page = officer.get("/health").text
    assert "h-ready" not in page
    assert page.count("h-unknown") == 8
    assert re.search(r"no report for \d+ s; it last said ready", page)
    assert "AGENT SILENT" in page


def test_a_stage_whose_clock_runs_ahead_is_unknown(officer: TestClient, plant: Plant) -> None:
    plant.report_health(age_s=-60)
    page = officer.get("/health").text
    assert "h-ready" not in page
    assert "in the future: set this box" in page


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        (Health.READY, ""),
        (Health.STARTING, "loading smollm2"),
        (Health.DEGRADED, "weights missing: run `hazard models fetch`"),
        (Health.OFFLINE, "the reasoning process is not connected; defaults stand"),
        (Health.UNKNOWN, "no report for 5 s; defaults stand"),
    ],
)
def test_the_reasoners_state_and_why_is_on_the_health_page(
    officer: TestClient, plant: Plant, health: Health, reason: str
) -> None:
    plant.report_health(reasoner=(health, reason))
    text = text_of(officer.get("/fragments/health").text)
    assert f"Reasoner {health.upper()} {reason}".strip() in text


def test_what_should_report_and_never_did_is_unknown(officer: TestClient) -> None:
    stages = officer.get("/api/v1/health").json()["stages"]
    assert {stage["stage"]: stage["health"] for stage in stages} == {
        "reasoner": "unknown",
        "camera/yard-1": "unknown",
        "camera/yard-2": "unknown",
        "sensor/h2s-1": "unknown",
    }


def test_a_new_preview_is_live_and_an_old_one_is_stale_with_its_age(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(**{"camera_yard-2": (Health.OFFLINE, "offline since 12 s")})
    preview = plant.previews / "yard-1.jpg"
    preview.write_bytes(JPEG)
    assert officer.get("/live/yard-1/picture.jpg").content == JPEG
    text = text_of(officer.get("/live").text)
    assert "STALE" not in text
    assert "OFFLINE" in text
    assert "9.8 of 10 fps" in text
    then = time.time() - 8
    os.utime(preview, (then, then))
    assert "STALE picture is 8 s old" in text_of(officer.get("/fragments/live").text)


def test_a_still_is_sent_again_only_when_there_is_a_newer_one(
    officer: TestClient, plant: Plant
) -> None:
    preview = plant.previews / "yard-1.jpg"
    preview.write_bytes(JPEG)
    tag = officer.get("/live/yard-1/picture.jpg").headers["etag"]
    again = officer.get("/live/yard-1/picture.jpg", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    then = time.time() - 1
    os.utime(preview, (then, then))
    newer = officer.get("/live/yard-1/picture.jpg", headers={"if-none-match": tag})
    assert newer.status_code == 200


def test_one_camera_has_its_zones_rules_and_last_alarms(officer: TestClient, plant: Plant) -> None:
    text = plant.site_file.read_text(encoding="utf-8")
    rule = "rules:\n  nobody:\n    {kind: restricted_zone, camera: yard-1, zone: taped-off}\n"
    plant.site_file.write_text(text.replace("rules:\n", rule), encoding="utf-8")
    plant.report_health()
    alert = plant.raise_alert(hazard="crowding", area="yard", sources=["yard-1"])
    plant.raise_alert()
    page = officer.get("/live/yard-1").text
    assert '<polygon class="zone" points="0.1,' in page
    assert f'href="/alerts/{alert}"' in page
    assert page.count('href="/alerts/') == 1
    shown = text_of(page)
    assert "nobody Person in restricted zone zone taped-off" in shown
    assert "NO PICTURE No preview has been written yet." in shown
    other = text_of(officer.get("/live/yard-2").text)
    assert "No rule looks at this camera: it raises no alarm." in other
    assert "None in the last 7 days." in other
    assert officer.get("/live/nobody").status_code == 404
    assert officer.get("/fragments/live/yard-1").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/live/nobody/picture.jpg",
        "/live/..%2f..%2fdata%2fhazard/picture.jpg",
        "/live/yard-1/picture.jpg",
        "/evidence/..%2f..%2fhazard.jpg",
        f"/evidence/{'0' * 64}.jpg",
        "/alerts/none",
        "/fragments/alerts/none",
        "/fragments/requests/none",
        "/api/v1/alerts/none",
        "/alarms?page=nonsense",
    ],
)
def test_what_is_not_there_is_not_found(officer: TestClient, path: str) -> None:
    assert officer.get(path).status_code == 404


def test_a_preview_that_is_no_jpeg_is_not_shown(officer: TestClient, plant: Plant) -> None:
    (plant.previews / "yard-1.jpg").write_bytes(b"<html>")
    assert officer.get("/live/yard-1/picture.jpg").status_code == 404


@pytest.mark.parametrize("evil", XSS)
def test_text_from_outside_is_shown_as_text(officer: TestClient, plant: Plant, evil: str) -> None:
    track = Track(track_id=1, label=evil[:64], confidence=0.5, xyxy=(1, 1, 9, 9), foot=(0.5, 0.5))
    measured = [Measured(name=evil, value=1, unit=evil[:16], threshold=2, source=evil)]
    alert = plant.raise_alert(
        measured=measured,
        boxes=[track],
        hazard_name={"en": evil},
        reason=evil,
        policy_why=evil,
        level=evil[:32],
        comment=evil,
    )
    plant.add_snapshot(alert, JPEG, [track])
    plant.report_health(core=(Health.DEGRADED, evil))
    officer.post(
        f"/alerts/{alert}/actions",
        data={
            "csrf": csrf(officer),
            "verb": "comment",
            "comment": evil,
            "expected_revision": "1",
        },
    )
    plant.carry_out()
    for path in ("/", "/alarms", "/health", "/live", f"/alerts/{alert}"):
        page = officer.get(path).text
        for bad in ("<script>alert", "<img src=x", "<svg/onload", 'href="javascript:'):
            assert bad not in page, path
        assert "62710561" not in text_of(page)
    assert evil in officer.get(f"/api/v1/alerts/{alert}").json()["detail"]["current"]["reason"]


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/").text)
    assert found is not None
    return found.group(1)


def test_a_page_still_says_what_is_wrong_when_the_database_fails(
    officer: TestClient, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_kwargs: object) -> None:
        raise StoreError("disk is gone")

    monkeypatch.setattr(backend.situation, "pressing", fails)
    answer = officer.get("/")
    assert answer.status_code == 503
    assert "The database cannot be used now" in answer.text


def test_an_invalid_new_site_file_is_not_taken_up(officer: TestClient, plant: Plant) -> None:
    text = plant.site_file.read_text(encoding="utf-8")
    plant.site_file.write_text(text.replace("Demo plant", "Other plant"), encoding="utf-8")
    assert "Other plant" in officer.get("/").text
    plant.site_file.write_text("version: 2", encoding="utf-8")
    assert "Other plant" in officer.get("/").text


def test_an_invalid_site_file_at_the_start_is_an_error(
    plant: Plant, backend: Backend, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text("version: 2", encoding="utf-8")
    settings = Settings(
        site_file=tmp_path / "bad.yaml", data_dir=plant.data_dir, run_dir=plant.run_dir
    )
    with pytest.raises(ConfigError):
        create_app(settings, backend)


@pytest.mark.parametrize("verb", Verb)
def test_a_request_of_any_verb_has_words(officer: TestClient, plant: Plant, verb: Verb) -> None:
    alert_id = plant.raise_alert()
    request = ActionRequest(
        request_id="r1",
        alert_id=alert_id,
        verb=verb,
        actor="ada",
        requested_at=datetime.now(UTC),
    )
    plant.store.desk.submit_request(request)
    assert officer.get("/fragments/requests/r1").status_code == 200
    assert officer.get(f"/alerts/{alert_id}").status_code == 200
