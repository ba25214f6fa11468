"""The audit as it is looked up, checked and taken away."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from dashboard.auditing import csv_rows
from dashboard.backend import Backend
from dashboard.services import Services
from hazard.store.anchors import FILE_NAME
from hazard.store.audit_reading import AuditFilter
from hazard.types import Role
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of


@pytest.fixture
def auditor(client_as: ClientAs, backend: Backend, clock: Clock) -> TestClient:
    """A safety officer, in a store with twenty lines of the audit."""
    client = client_as(Role.SAFETY_OFFICER, name="Ada")
    for number in range(20):
        at = clock.now() - timedelta(hours=number)
        backend.desk.audit(at, f"person {number % 2}", "looked", f"thing-{number}", {"n": number})
    return client


def test_the_audit_is_found_by_who_what_and_when(
    auditor: TestClient, backend: Backend, clock: Clock
) -> None:
    page = auditor.get("/admin/audit?actor=person+1&verb=looked").text
    assert "thing-1<" in page
    assert "thing-2<" not in page
    reader, now = backend.audit, clock.now()
    recent = reader.lines(AuditFilter(verb="looked", since=now - timedelta(hours=3, minutes=30)))
    assert [line.subject for line in recent.lines] == [f"thing-{n}" for n in range(4)]
    old = reader.lines(AuditFilter(verb="looked", until=now - timedelta(hours=17, minutes=30)))
    assert [line.subject for line in old.lines] == ["thing-18", "thing-19"]
    assert "No line matches" in auditor.get("/admin/audit?actor=nobody").text
    for never in ("yesterday", "0001-01-01T00:00:00%2B14:00"):
        for path in ("/admin/audit", "/api/v1/audit"):
            assert auditor.get(f"{path}?since={never}").status_code == 422
    assert "No line matches" in auditor.get("/admin/audit?actor=nobody%00").text
    assert auditor.get("/api/v1/audit?subject=thing-7").json()["lines"][0]["details"] == {"n": 7}


def test_pages_of_the_audit_join_without_gap_or_double(
    auditor: TestClient, backend: Backend
) -> None:
    whole = backend.audit.lines(AuditFilter(), limit=1000).lines
    found = []
    page = None
    while True:
        part = backend.audit.lines(AuditFilter(), page=page, limit=3)
        found.extend(part.lines)
        page = part.next_page
        if page is None:
            break
    assert tuple(found) == whole
    assert len(whole) >= 20
    day = "2026-01-01T00:00:00+00:00"
    for wrong in (
        "x",
        "_",
        "2026-01-01_1",
        f"{day}_-1",
        f"{day}_9999999999999999999",
        "0001-01-01T00:00:00+14:00_1",
    ):
        assert auditor.get("/api/v1/audit", params={"page": wrong}).status_code == 404


def services(app: FastAPI) -> Services:
    found: Services = app.state.services
    return found


def check(app: FastAPI, client: TestClient) -> str:
    """Have all lines checked; the page afterwards."""
    answer = client.post("/admin/audit/check", data={"csrf": csrf_of(client.get("/me").text)})
    assert answer.status_code == 303
    services(app).verifier.wait(30)
    return client.get("/admin/audit").text


def test_a_whole_audit_is_said_to_be_whole_and_by_whom(app: FastAPI, auditor: TestClient) -> None:
    page = check(app, auditor)
    assert "<strong>WHOLE</strong>" in page
    answer = auditor.get("/api/v1/audit/check").json()
    assert (answer["whole"], answer["by"], answer["fault"]) == (True, "Ada", None)
    assert answer["checked"] == answer["total"]
    assert [head["chain"] for head in answer["heads"]] == ["dashboard"]
    assert "audit_verified" in auditor.get("/admin/audit").text


def test_a_changed_line_and_a_line_cut_off_are_found(
    app: FastAPI, auditor: TestClient, backend: Backend, plant: Plant, clock: Clock
) -> None:
    (head,) = backend.audit.heads(clock.now())
    (plant.data_dir / FILE_NAME).write_text(head.model_dump_json() + "\n", encoding="utf-8")
    assert "WHOLE" in check(app, auditor)
    engine = create_engine(f"sqlite:///{plant.data_dir / 'hazard.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit SET actor = 'Bob' WHERE subject = 'thing-5'"))
    page = check(app, auditor)
    assert "<strong>BROKEN</strong>" in page
    assert "was changed" in page
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE subject NOT IN ('dashboard')"))
    engine.dispose()
    assert "<strong>BROKEN</strong>" in check(app, auditor)


def test_a_check_that_cannot_be_carried_out_is_not_called_whole(
    app: FastAPI, auditor: TestClient, plant: Plant
) -> None:
    (plant.data_dir / FILE_NAME).mkdir()
    page = check(app, auditor)
    assert "<strong>NOT CHECKED</strong>" in page
    assert "WHOLE" not in page


def test_the_file_of_the_audit_holds_what_was_asked_for_and_no_formula(
    auditor: TestClient, backend: Backend, clock: Clock
) -> None:
    backend.desk.audit(clock.now(), "=HYPERLINK(1)", "looked", "@thing", {})
    answer = auditor.get("/admin/audit/lines.csv?verb=looked")
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-edge-1-')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 21
    assert (rows[0]["who"], rows[0]["subject"]) == ("'=HYPERLINK(1)", "'@thing")
    assert [row["subject"] for row in rows[1:]] == [f"thing-{number}" for number in range(20)]
    exported = backend.audit.lines(AuditFilter(verb="audit_exported")).lines
    assert [(line.actor, line.details) for line in exported] == [("Ada", {"verb": "looked"})]
    assert "".join(csv_rows(backend.audit, AuditFilter(actor="nobody"))).count("\n") == 1
