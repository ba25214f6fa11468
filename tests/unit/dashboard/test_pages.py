"""What a person sees."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.backend import Backend
from dashboard.settings import Settings
from hazard.catalogue import catalogue
from hazard.errors import ConfigError, StoreError
from hazard.triage.ladder import decide
from hazard.triage.words import localised_actions
from hazard.types import (
    ActionRequest,
    Authority,
    CaseFile,
    Cause,
    Citation,
    CorrectiveAction,
    Health,
    IsaState,
    Measured,
    Severity,
    SuppressionCause,
    SuppressionNote,
    Track,
    Verb,
    Verdict,
    Words,
)
from tests.incidents import an_opinion
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
    assert "h2s 112.4 ppm (limit 100)" in text
    assert "Compressor house" in text
    assert "Unacknowledged" in text
    assert "Policy" in text


def test_the_alarms_page_says_how_to_judge_each_assessment_again(
    officer: TestClient, plant: Plant
) -> None:
    alert_id = plant.raise_alert()
    incident_id = plant.store.open_alerts()[0].message.incident_id
    ids = []
    with plant.store.unit() as unit:
        for opinion in (an_opinion(Severity.LOW), an_opinion(None, note="not calibrated")):
            assessment = decide(incident_id, VERDICT, opinion, Authority.DECIDE, datetime.now(UTC))
            unit.save_assessment(assessment)
            ids.append(assessment.assessment_id)
        unit.commit()
    text = text_of(officer.get(f"/alerts/{alert_id}").text)
    assert (
        f"high by fallback: hazard replay {ids[1]} medium by model: hazard replay {ids[0]}" in text
    )
    assert "it did not decide. not calibrated." in text


def test_unacknowledged_alarms_come_first_then_priority(officer: TestClient, plant: Plant) -> None:
    plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard")
    plant.raise_alert(severity=Severity.CRITICAL)
    plant.raise_alert(severity=Severity.HIGH, hazard="overtemperature")
    page = officer.get("/fragments/overview").text
    order = [page.index(title) for title in (">Toxic gas", ">Overtemperature", ">Crowding")]
    assert order == sorted(order)


def test_in_a_flood_the_worst_alarms_stay_on_the_list_and_the_rest_is_counted(
    officer: TestClient, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.services.ALARMS_AT_ONCE", 4)
    plant.raise_alert(severity=Severity.CRITICAL, age_s=500)
    for number in range(6):
        plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="yard", age_s=number)
    text = text_of(officer.get("/").text)
    assert text.count("LOW Crowding") == 3
    assert "CRITICAL Toxic gas" in text
    assert "FLOOD: 3 of them only in the journal" in text
    assert "3 more alarms are not shown here" in text


def test_in_a_flood_no_area_looks_calm_and_no_alarm_is_uncounted(
    officer: TestClient, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.services.ALARMS_AT_ONCE", 4)
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
    assert "This does not mean that the plant is safe" in text
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
    assert "DEGRADED camera/yard-2 is degraded" in text


def test_health_that_is_old_is_unknown_and_never_green(officer: TestClient, plant: Plant) -> None:
    plant.report_health(age_s=6)
    page = officer.get("/health").text
    assert "h-ready" not in page
    assert page.count("h-unknown") == 8
    assert "no report for 6 s; it last said ready" in page
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
    assert f"reasoner {health.upper()} {reason}".strip() in text


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
    assert officer.get("/cameras/yard-1/preview.jpg").content == JPEG
    text = text_of(officer.get("/cameras").text)
    assert "STALE" not in text
    assert "OFFLINE" in text
    assert "9.8 fps of 10" in text
    then = time.time() - 8
    os.utime(preview, (then, then))
    assert "STALE picture is 8 s old" in text_of(officer.get("/fragments/cameras").text)


@pytest.mark.parametrize(
    "path",
    [
        "/cameras/nobody/preview.jpg",
        "/cameras/..%2f..%2fdata%2fhazard/preview.jpg",
        "/cameras/yard-1/preview.jpg",
        "/evidence/..%2f..%2fhazard.jpg",
        f"/evidence/{'0' * 64}.jpg",
        "/alerts/none",
        "/fragments/alerts/none",
        "/fragments/requests/none",
        "/api/v1/alarms/none",
        "/alarms?page=nonsense",
    ],
)
def test_what_is_not_there_is_not_found(officer: TestClient, path: str) -> None:
    assert officer.get(path).status_code == 404


def test_a_preview_that_is_no_jpeg_is_not_shown(officer: TestClient, plant: Plant) -> None:
    (plant.previews / "yard-1.jpg").write_bytes(b"<html>")
    assert officer.get("/cameras/yard-1/preview.jpg").status_code == 404


def person(track: int, *zones: str) -> Track:
    return Track(
        track_id=track,
        label="person",
        confidence=0.83,
        xyxy=(100, 200, 140, 300),
        foot=(0.15, 0.52),
        zones=zones,
    )


def test_the_snapshot_is_drawn_with_boxes_and_zones(officer: TestClient, plant: Plant) -> None:
    hot = person(7, "taped-off")
    alert = plant.raise_alert(
        hazard="person_in_restricted_zone", area="yard", boxes=[hot], sources=["yard-1"]
    )
    sha256 = plant.add_snapshot(alert, JPEG, [hot, person(9)])
    page = officer.get(f"/alerts/{alert}").text
    assert f'href="/evidence/{sha256}.jpg"' in page
    assert 'class="box concerned" x="100.0" y="200.0" width="40.0" height="100.0"' in page
    assert "person 7 83%" in page
    assert 'class="zone concerned" points="15.4,357.1' in page
    picture = officer.get(f"/evidence/{sha256}.jpg")
    assert picture.content == JPEG
    assert picture.headers["content-type"] == "image/jpeg"


def test_evidence_that_was_changed_on_disk_is_not_shown(officer: TestClient, plant: Plant) -> None:
    sha256 = plant.add_snapshot(plant.raise_alert(), JPEG)
    (plant.evidence_dir / sha256[:2] / f"{sha256}.jpg").write_bytes(JPEG + b"x")
    assert officer.get(f"/evidence/{sha256}.jpg").status_code == 410


def test_the_page_says_who_decided_why_and_what_the_model_thinks(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    plant.add_opinion(alert, Severity.HIGH)
    plant.add_words(alert)
    text = text_of(officer.get(f"/alerts/{alert}").text)
    assert "medium , decided by Policy default" in text
    assert "catalogue: toxic_gas at level high" in text
    assert "advise: may advise only" in text
    assert "The model's opinion: high" in text.replace("&#39;", "'")
    assert "72 %" in text
    assert "Cannot be ruled out medium, high (in 9 of 10 cases" in text
    assert "Undecided by 1.42 bits" in text
    assert "revision 3 Summary and actions written" in text
    assert "revision 1 Raised severity medium, decided by policy" in text


def test_words_come_in_the_language_of_the_reader(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert(hazard="crowding", area="yard")
    plant.add_words(alert)
    german = officer.get(f"/alerts/{alert}", headers={"accept-language": "de-DE,de"}).text
    assert 'class="summary" lang="de"' in german
    assert 'class="summary" lang="it"' in officer.get(f"/alerts/{alert}?lang=it").text
    assert 'class="summary" lang="en"' in officer.get(f"/alerts/{alert}?lang=xx").text


def cited(plant: Plant, *citations: Citation | None, **changes: Any) -> str:
    """An alert whose first actions have these citations."""
    alert = plant.raise_alert()
    ids = tuple(action.id for action in catalogue()["toxic_gas"].actions)[: len(citations) or None]
    words = Words(
        summary={"en": "Toxic gas.", "de": "Giftiges Gas."},
        actions=localised_actions(ids, ("en", "de"), catalogue()),
        action_ids=ids,
        citations=citations,
        **({"source": "template"} | changes),
    )
    plant.revise(alert, Cause.WORDS, words=words)
    return alert


def test_an_action_stands_with_the_clause_of_the_sites_procedures(
    officer: TestClient, plant: Plant
) -> None:
    clause = Citation(
        document="gas.md",
        section="4.2 Gas <alarm>",
        quote="Leave crosswind & meet at <b>gate 3</b>.",
    )
    alert = cited(plant, clause, None, procedures="searched", actions_by="model")
    page = officer.get(f"/alerts/{alert}").text
    assert "<q>Leave crosswind &amp; meet at &lt;b&gt;gate 3&lt;/b&gt;.</q>" in page
    assert "gas.md, 4.2 Gas &lt;alarm&gt;" in page
    assert page.count("No clause of the site's procedures found.") == 1
    assert "Actions from the catalogue, chosen and ordered by the model" in page


def test_without_procedures_the_page_speaks_of_none(officer: TestClient, plant: Plant) -> None:
    page = officer.get(f"/alerts/{cited(plant)}").text
    assert "procedures" not in page
    assert "Actions from the catalogue, in its own order" in page


def test_the_page_says_for_each_language_who_wrote_its_text(
    officer: TestClient, plant: Plant
) -> None:
    alert = cited(plant, source="model", written=("en",), note="de: it was refused")
    assert "Text by the model: de: it" in officer.get(f"/alerts/{alert}?lang=en").text
    assert "Text by the template: de: it" in officer.get(f"/alerts/{alert}?lang=de").text


def test_readings_are_plotted_with_their_thresholds(officer: TestClient, plant: Plant) -> None:
    plant.leak(60)
    alert = plant.raise_alert(age_s=30)
    page = officer.get(f"/alerts/{alert}").text
    assert '<polyline class="line"' in page
    for level in ("alarm 10", "high 50", "idlh 100"):
        assert level in page
    assert ">raised<" in page


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
    for path in ("/", "/alarms", "/health", "/cameras", f"/alerts/{alert}"):
        page = officer.get(path).text
        for bad in ("<script>alert", "<img src=x", "<svg/onload", 'href="javascript:'):
            assert bad not in page, path
        assert "62710561" not in text_of(page)
    assert evil in officer.get(f"/api/v1/alarms/{alert}").json()["current"]["reason"]


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/").text)
    assert found is not None
    return found.group(1)


def test_a_page_still_says_what_is_wrong_when_the_database_fails(
    officer: TestClient, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_kwargs: object) -> None:
        raise StoreError("disk is gone")

    monkeypatch.setattr(backend.queries, "list_alerts", fails)
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


def test_an_alarms_page_says_who_suppressed_it_what_came_first_and_how_its_case_stands(
    officer: TestClient, plant: Plant
) -> None:
    now = datetime.now(UTC)
    alert_id = plant.raise_alert()
    note = SuppressionNote(
        cause=SuppressionCause.HOT_WORK,
        order_id="o1",
        until=now + timedelta(hours=1),
        granted_by="ada",
        reason="welding <b>now</b>",
    )
    action = CorrectiveAction(
        action_id="x",
        text="mend the valve",
        owner="ben",
        due_at=now,
        planned_by="ada",
        planned_at=now,
    )
    plant.revise(
        alert_id,
        Cause.SUPPRESSION,
        state=IsaState.SUPPRESSED_BY_DESIGN,
        suppressed_by=(note,),
        first_out_alert_id="another",
        chattering=True,
        escalation_step=1,
        case=CaseFile(assignee="ben", actions=(action,)),
    )
    page = officer.get(f"/alerts/{alert_id}").text
    text = text_of(page)
    assert "Suppressed by design" in text
    assert "Hot work permit" in text
    assert "by ada: welding &lt;b&gt;now&lt;/b&gt;" in page
    assert 'href="/alerts/another"' in page
    assert "Chattering" in text
    assert "Escalated" in text
    assert "assigned to ben" in text
    assert "mend the valve: ben, due" in text
    assert "Suppression changed" in text
    assert "Shelved and suppressed 1" in text_of(officer.get("/").text)


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
