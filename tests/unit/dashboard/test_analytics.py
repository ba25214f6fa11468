"""Figures over a period: the page, its tables as files, and the API."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient

from dashboard.backend import Backend
from dashboard.charts import drawing
from dashboard.figures import FiguresCache, PeriodQuery
from hazard.jobs import Job, JobKind, JobState
from hazard.reports.parts import Chart, Series
from hazard.reports.words import LANGUAGES, words
from hazard.site.loader import load_site
from hazard.store.reports import Report, write_file
from hazard.types import Notice, NoticeReason, ReportNote, Role, Severity, Verb
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of


def test_an_empty_store_says_when_figures_will_appear(officer: TestClient) -> None:
    page = officer.get("/analytics").text
    assert "figures appear with the first alarm" in page
    assert 'id="days"' not in page


def test_the_page_counts_what_was_raised_and_says_since_when(
    plant: Plant, officer: TestClient
) -> None:
    plant.raise_alert(severity=Severity.CRITICAL)
    plant.raise_alert(hazard="person_near_vehicle", area="yard", severity=Severity.LOW)
    page = officer.get("/analytics").text
    assert "2 alarms, 1 of them critical" in page
    assert "This box has recorded since" in page
    assert "Too few to tell a trend" in page
    assert "the policy decided alone" in page
    assert 'href="/alarms?show=all&amp;hazard=toxic_gas&amp;since=20' in page
    assert "style=" not in page
    only = officer.get("/analytics?area=yard").text
    assert "1 alarms, 0 of them critical" in only
    assert 'href="/alarms?show=all&amp;hazard=person_near_vehicle&amp;area=yard&amp;since=' in only
    before = officer.get("/analytics?from=2020-01-01&to=2020-01-31").text
    assert "No alarm was raised in this period" in before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_whole_page(
    plant: Plant, officer: TestClient, language: str
) -> None:
    plant.raise_alert()
    page = officer.get(f"/analytics?lang={language}")
    assert page.status_code == 200
    texts = words()["text"]
    for key in ("days", "responses", "near_misses", "decisions"):
        assert texts[key][language].replace("'", "&#39;") in page.text


def test_every_word_has_five_languages_with_the_same_fields() -> None:
    for group in words().values():
        for key, texts in group.items():
            assert set(texts) == set(LANGUAGES), key
            fields = {code: set(re.findall(r"\{\w+\}", text)) for code, text in texts.items()}
            assert len({frozenset(each) for each in fields.values()}) == 1, (key, fields)


def test_a_table_is_a_file_that_no_name_turns_into_a_formula(
    plant: Plant, officer: TestClient, client_as: ClientAs
) -> None:
    plant.raise_alert(sources=("=cmd|' /C calc'!A0",), asks_anew=True)
    answer = officer.get("/analytics/actors-all.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="demo-actors-all')
    head, row = csv.reader(io.StringIO(answer.text))
    assert head[0] == "hazard kind"
    assert row[3].startswith("'=cmd")
    assert row[4:] == ["1", "100.0"]
    assert "performance-all" in officer.get("/api/v1/figures/none.csv").json()["detail"]
    assert client_as(Role.OPERATOR).get("/analytics/kinds.csv").status_code == 403
    assert "/analytics/kinds.csv" not in client_as(Role.OPERATOR, name="Bo").get("/analytics").text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("period=1y", "period '1y' is not known: 24h"),
        ("from=2026-13-01&to=2026-01-02", "from '2026-13-01' is no day"),
        ("from=2026-01-01", "to '' is no day"),
        ("from=2026-01-03&to=2026-01-01", "is not before the end of"),
        ("from=2020-01-01&to=2026-01-01", "is more than 367 days"),
        ("area=moon", "area 'moon' is not known: yard"),
        ("hazard=dragons", "hazard 'dragons' is not known"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(officer: TestClient, query: str, told: str) -> None:
    answer = officer.get(f"/api/v1/figures?{query}")
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_the_api_has_what_the_page_shows(plant: Plant, officer: TestClient) -> None:
    plant.raise_alert(asks_anew=True)
    found = officer.get("/api/v1/figures?period=7d").json()
    assert found["alarms"] == 1
    assert found["kinds"][0]["name"] == "toxic_gas"
    assert found["performance"]["positions"][0]["alarms"] == 1
    assert officer.get("/api/v1/figures/kinds.csv").text.startswith("hazard kind,alarms,critical")


def test_nothing_is_counted_twice_until_something_is_stored(
    plant: Plant, backend: Backend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []
    count = backend.figures.of
    monkeypatch.setattr(
        backend.figures, "of", lambda *args, **more: counted.append(1) or count(*args, **more)
    )
    cache, site = FiguresCache(), load_site(plant.site_file)

    def alarms() -> int:
        asked = PeriodQuery(period="7d").asked(site, clock.now())
        return cache.figures(backend.figures, site, asked).alarms

    plant.raise_alert()
    assert (alarms(), alarms()) == (1, 1)
    assert len(counted) == 1
    plant.raise_alert()
    assert alarms() == 2
    clock.ahead_s = timedelta(minutes=6).total_seconds()
    assert alarms() == 2
    assert len(counted) == 3


def test_columns_stand_on_each_other_and_bars_beside_each_other() -> None:
    series = (Series("low", "low"), Series("high", "high"))
    columns = drawing(Chart("columns", series, ("a", "b"), ((1, 3), (0, 2))), "en")
    assert [(p.y, p.height) for p in columns.pieces] == [(75.0, 25.0), (0.0, 75.0), (50.0, 50.0)]
    bars = drawing(Chart("bars", series, ("a", "b"), ((1, 3), (0, 2))), "en")
    assert [[(p.x, p.width) for p in line.pieces] for line in bars.lines] == [
        [(0.0, 25.0), (25.0, 75.0)],
        [(0.0, 50.0)],
    ]
    empty = drawing(Chart("columns", series, (), ()), "en")
    assert empty.pieces == ()


def test_reports_are_listed_with_how_far_they_are_and_downloaded(
    plant: Plant, officer: TestClient, client_as: ClientAs, clock: Clock
) -> None:
    content = b"%PDF-1.7 a report"
    sha256 = write_file(plant.data_dir / "reports", content)
    report = a_report(sha256, clock.now())
    note = ReportNote(
        report_id="r-1", monday=report.monday, language="de", sha256=sha256, alarms=3, critical=1
    )
    notice = Notice(
        notice_id="report-r-1-mail",
        channel="mail",
        reason=NoticeReason.REPORT,
        created_at=clock.now(),
        report=note,
    )
    plant.store.reports.add(report, [notice])
    plant.store.notices.not_sent([notice.notice_id], "<b>451</b> full", next_attempt_at=None)
    plant.store.jobs.add(
        Job(job_id="j-1", kind=JobKind.WEEKLY_REPORT, actor="ada", created_at=clock.now())
    )
    listed = officer.get("/fragments/reports").text
    assert "mail: given up" in listed
    assert "&lt;b&gt;451&lt;/b&gt; full" in listed
    assert "Nothing runs before it" in listed
    dry_run = Job(
        job_id="j-0",
        kind=JobKind.DRY_RUN,
        actor="bo",
        state=JobState.RUNNING,
        created_at=clock.now() - timedelta(hours=1),
        started_at=clock.now() - timedelta(minutes=30),
    )
    plant.store.jobs.add(dry_run)
    listed = officer.get("/fragments/reports").text
    assert "Running before it: a change that is tried, since" in listed
    bound = client_as(Role.INTEGRATOR, ("tank-farm",), name="Ines")
    assert [each["job_id"] for each in bound.get("/api/v1/jobs").json()] == ["j-1"]
    assert bound.get("/api/v1/jobs/j-1").status_code == 200
    refused = bound.get("/api/v1/jobs/j-0")
    assert (refused.status_code, "bo asked for it" in refused.text) == (403, True)
    german = officer.get("/api/v1/jobs/j-1", headers={"accept-language": "de"}).json()
    assert "Vor ihm läuft: das Erproben einer Änderung" in german["told"]
    plant.store.jobs.begin_next(clock.now())
    plant.store.jobs.end("j-1", JobState.FAILED, {}, "the disk is full: make room", clock.now())
    assert "was not made: the disk is full: make room" in officer.get("/fragments/reports").text
    answer = officer.get("/reports/r-1.pdf")
    assert (answer.content, answer.headers["content-type"]) == (content, "application/pdf")
    assert 'filename="demo-2026-11-23-de.pdf"' in answer.headers["content-disposition"]
    assert client_as(Role.OPERATOR).get("/reports/r-1.pdf").status_code == 403
    assert officer.get("/api/v1/reports").json()[0]["sendings"][0]["state"] == "failed"
    (plant.data_dir / "reports" / f"{sha256}.pdf").write_bytes(b"%PDF-1.7 another")
    changed = officer.get("/api/v1/reports/r-1.pdf")
    assert changed.status_code == 404
    assert "was changed on disk: make it again" in changed.json()["detail"]
    assert officer.get("/api/v1/reports/none.pdf").status_code == 404


def test_a_report_is_asked_of_the_agent(plant: Plant, officer: TestClient) -> None:
    csrf, asked = csrf_of(officer.get("/analytics").text), "0c0f4b0e-8ab0-4c8a-a3d5-1b6c3c1d2e3f"
    form = {
        "csrf": csrf,
        "request_id": asked,
        "week_of": "2026-11-25",
    }
    answer = officer.post("/reports", data=form | {"language": "it"})
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"?asked={asked}#weekly")
    (request,) = plant.store.pending_requests()
    assert request.verb is Verb.START_JOB
    assert request.arguments["kind"] == "weekly_report"
    assert request.arguments["week_of"] == "2026-11-25"
    assert officer.post("/reports", data=form | {"week_of": "never"}).status_code == 422
    page = officer.get(answer.headers["location"].partition("#")[0]).text
    assert f'data-request="{asked}"' in page


def test_a_job_is_cancelled_by_who_asked_for_it_or_an_administrator(
    plant: Plant, officer: TestClient, client_as: ClientAs
) -> None:
    job = Job(job_id="job-1", kind=JobKind.WEEKLY_REPORT, actor="Ada", created_at=datetime.now(UTC))
    plant.store.jobs.add(job)
    form = {"request_id": "0c0f4b0e-8ab0-4c8a-a3d5-1b6c3c1d2e3f", "back": "/analytics#weekly"}
    other = client_as(Role.SAFETY_OFFICER, name="Bob")
    page = other.get("/analytics").text
    assert "/jobs/job-1/cancel" not in page
    refused = other.post("/jobs/job-1/cancel", data=form | {"csrf": csrf_of(page)})
    assert (refused.status_code, "Ada asked for it" in refused.text) == (403, True)
    root = client_as(Role.ADMINISTRATOR, name="Root")
    for client in (officer, root):
        page = client.get("/analytics?period=7d&area=yard").text
        assert "/jobs/job-1/cancel" in page
        (listed,) = re.findall(r'id="reports" data-src="([^"]+)"', page)
        (back,) = re.findall(
            r'name="back" value="([^"]+)"><button', client.get(unescape(listed)).text
        )
        made = {"csrf": csrf_of(page), "request_id": str(uuid.uuid4()), "back": unescape(back)}
        answer = client.post("/jobs/job-1/cancel", data=made)
        seen = f"/analytics?period=7d&area=yard&asked={made['request_id']}#weekly"
        assert answer.headers["location"] == seen, "the reader is still where they were"
    requests = plant.store.pending_requests()
    assert [(each.verb, each.actor) for each in requests] == [
        (Verb.CANCEL_JOB, "Ada"),
        (Verb.CANCEL_JOB, "Root"),
    ]
    assert requests[0].arguments == {"job_id": "job-1"}
    assert plant.store.jobs.cancel("job-1", "cancelled by Ada", datetime.now(UTC))
    assert "cancelled by Ada" in officer.get("/analytics").text
    csrf = {"x-csrf-token": csrf_of(page)}
    for job_id, status in (("job-1", 409), ("none", 404)):
        answer = root.post(f"/api/v1/jobs/{job_id}/cancel", json={}, headers=csrf)
        assert answer.status_code == status


def a_report(sha256: str, made_at: datetime) -> Report:
    return Report(
        report_id="r-1",
        monday=date(2026, 11, 23),
        language="de",
        sha256=sha256,
        size_bytes=17,
        alarms=3,
        critical=1,
        actor="schedule",
        scheduled=True,
        made_at=made_at,
    )
