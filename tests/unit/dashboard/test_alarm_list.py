"""The alarm list: filters, sorting, views, acknowledging many, what changed meanwhile, CSV."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from dashboard.backend import Backend
from hazard.types import Cause, Role, Severity
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, Clock, csrf_of


def ids(html: str) -> list[str]:
    """The alarms of the list, from above."""
    return re.findall(r'<tr id="row-([^"]+)"', html)


def csrf(client: TestClient) -> dict[str, str]:
    return {"csrf": csrf_of(client.get("/alarms").text)}


def test_what_asks_for_attention_stands_first(officer: TestClient, plant: Plant) -> None:
    low = plant.raise_alert(severity=Severity.LOW, age_s=5)
    critical = plant.raise_alert(severity=Severity.CRITICAL, age_s=90)
    taken = plant.raise_alert(severity=Severity.CRITICAL, age_s=10)
    ask(plant, officer, taken)
    assert ids(officer.get("/alarms").text) == [critical, low, taken]


def ask(plant: Plant, client: TestClient, *alerts: str, revision: int = 1) -> Any:
    answer = client.post(
        "/alarms/acknowledge",
        data=csrf(client)
        | {
            "alert": [f"{alert}:{revision}" for alert in alerts],
            "reason": "on my way",
            "batch": str(uuid.uuid4()),
        },
    )
    plant.carry_out()
    return answer


def test_filters_search_and_sorting_go_together(officer: TestClient, plant: Plant) -> None:
    gas = plant.raise_alert(severity=Severity.HIGH, age_s=30)
    fire = plant.raise_alert(hazard="fire", area="yard", severity=Severity.CRITICAL, age_s=20)
    smoke = plant.raise_alert(hazard="smoke", area="yard", severity=Severity.MEDIUM, age_s=10)

    def listed(query: str) -> list[str]:
        answer = officer.get(f"/alarms?{query}")
        assert answer.status_code == 200, answer.text
        return ids(answer.text)

    assert listed("area=yard&sort=raised") == [smoke, fire]
    assert listed("area=yard&sort=raised&reverse=true") == [fire, smoke]
    assert listed("severity=high&severity=critical&sort=severity") == [fire, gas]
    assert listed("hazard=smoke") == [smoke]
    assert listed("q=gas+h2s") == [gas]
    assert listed("q=Giftiges") == [gas]
    assert listed("show=ended") == []
    assert listed("show=all&sort=area") == [gas, smoke, fire]
    assert listed("state=acknowledged") == []
    assert listed("by=policy&case=open&node=edge-1&sort=raised") == [smoke, fire, gas]
    assert listed("since=2100-01-01T00:00") == []
    assert listed("severity=&area=&case=&since=&by=&sort=raised") == [smoke, fire, gas]
    page = officer.get("/alarms?sort=severity").text
    assert re.search(r'aria-sort="descending"><a href="[^"]*reverse=true', page)


def test_local_times_are_those_of_the_site(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert(age_s=0)
    here = datetime.now(ZoneInfo("Europe/Berlin"))
    before = (here - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    later = (here + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    assert ids(officer.get(f"/alarms?since={before}&until={later}").text) == [alert]
    assert ids(officer.get(f"/alarms?until={before}").text) == []


@pytest.mark.parametrize(
    "query",
    ["severity=purple", "sort=luck", "since=yesterday", "since=0001-01-01T00:00", "area=../etc"],
)
def test_a_filter_that_is_wrong_is_said_so(officer: TestClient, query: str) -> None:
    for path in ("/alarms", "/fragments/alarms", "/api/v1/alerts", "/alarms.csv"):
        answer = officer.get(f"{path}?{query}")
        assert answer.status_code == 422, path


def test_pages_go_on_and_back(officer: TestClient, plant: Plant) -> None:
    for number in range(53):
        plant.raise_alert(severity=Severity.LOW, age_s=60 + number)
    first = officer.get("/alarms").text
    assert len(ids(first)) == 50
    assert "53 alarms" in first
    on = re.search(r'rel="next" href="([^"]+)"', first)
    assert on is not None
    second = officer.get(unescape(on.group(1))).text
    assert len(ids(second)) == 3
    assert not set(ids(first)) & set(ids(second))
    assert officer.get("/alarms?page=x").status_code == 404


def test_empty_lists_say_what_to_do(officer: TestClient, plant: Plant) -> None:
    assert "the agent is silent" in officer.get("/alarms").text
    plant.report_health()
    assert "New alarms appear here by themselves" in officer.get("/alarms").text
    assert "Take a filter away" in officer.get("/alarms?q=unicorn").text


# ---------------------------------------------------------------- acknowledge many


def test_many_are_acknowledged_and_each_is_told(officer: TestClient, plant: Plant) -> None:
    fine = plant.raise_alert(severity=Severity.HIGH)
    changed = plant.raise_alert(severity=Severity.HIGH)
    plant.lift(changed, Severity.CRITICAL)
    batch = str(uuid.uuid4())
    form = csrf(officer) | {"reason": "both seen", "batch": batch}
    rows = {"alert": [f"{fine}:1", f"{changed}:1", "nothing:1"]}
    answer = officer.post("/alarms/acknowledge", data=form | rows)
    assert answer.status_code == 200
    assert answer.text.count("o-pending") == 2
    assert "there is no such alarm" in answer.text
    assert plant.carry_out() == 2
    told = officer.get(
        f"/fragments/outcomes?batch={batch}&alert={fine}&alert={changed}&alert=nothing"
    ).text
    assert told.count("o-done") == 1
    assert told.count("o-conflict") == 1
    assert 'data-waiting="no"' in told
    # The same form once more asks for nothing new.
    officer.post("/alarms/acknowledge", data=form | rows)
    assert plant.carry_out() == 0


def test_only_what_the_person_may_is_offered_and_taken(client_as: ClientAs, plant: Plant) -> None:
    mine = plant.raise_alert(area="yard", hazard="fire")
    other = plant.raise_alert(area="compressor")
    operator = client_as(Role.OPERATOR, ("yard",))
    page = operator.get("/alarms").text
    assert f'value="{mine}:1"' in page
    assert f'value="{other}:1"' not in page
    answer = ask(plant, operator, mine, other)
    assert "your areas are yard" in answer.text
    api = "/api/v1/alerts?show=unacknowledged"
    assert [alert["alert_id"] for alert in operator.get(api).json()["alerts"]] == [other]
    viewer = client_as(Role.VIEWER)
    assert 'name="alert"' not in viewer.get("/alarms").text
    form = {"alert": [f"{other}:1"], "reason": "x", "batch": str(uuid.uuid4())}
    assert viewer.post("/alarms/acknowledge", data=csrf(viewer) | form).status_code == 403


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"alert": ["a:1"], "reason": "  "}, "a reason is needed"),
        ({"reason": "seen"}, "no alarm is chosen"),
        ({"alert": ["a:0"], "reason": "seen"}, "load the list again"),
        ({"alert": [f"a{n}:1" for n in range(101)], "reason": "seen"}, "at most 100"),
    ],
)
def test_what_is_missing_is_said(officer: TestClient, form: dict[str, Any], why: str) -> None:
    data = csrf(officer) | {"batch": str(uuid.uuid4())} | form
    answer = officer.post("/alarms/acknowledge", data=data)
    assert answer.status_code == 422
    assert why in answer.text


# ---------------------------------------------------------------- views


def test_views_are_kept_shared_renamed_and_forgotten(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    yard = plant.raise_alert(area="yard", hazard="fire")
    plant.raise_alert(area="compressor")
    form = csrf(officer) | {"name": "My yard", "query": "area=yard&sort=raised", "first": "true"}
    assert officer.post("/alarms/views", data=form).status_code == 303
    assert ids(officer.get("/alarms").text) == [yard], "the default view opens first"
    assert len(ids(officer.get("/alarms?show=open").text)) == 2
    assert officer.post("/alarms/views", data=form).status_code == 409
    (view,) = officer.get("/api/v1/views").json()
    colleague = client_as(Role.OPERATOR)
    assert "My yard" not in colleague.get("/alarms").text
    path = f"/alarms/views/{view['view_id']}"
    renamed = csrf(officer) | {"name": "Yard <b>", "shared": "true"}
    assert officer.post(path, data=renamed).status_code == 303
    page = colleague.get("/alarms").text
    assert "Yard &lt;b&gt;" in page
    assert "Yard <b>" not in page
    assert colleague.post(path, data=csrf(colleague) | {"name": "Mine now"}).status_code == 409
    gone = csrf(officer) | {"name": "x", "act": "delete"}
    assert officer.post(path, data=gone).status_code == 303
    assert officer.get("/api/v1/views").json() == []


def test_the_api_keeps_views_too(officer: TestClient) -> None:
    token = {"x-csrf-token": csrf(officer)["csrf"]}
    body = {"name": "Critical", "query": {"severity": ["critical"]}, "first": True}
    made = officer.post("/api/v1/views", json=body, headers=token)
    assert made.status_code == 201
    path = f"/api/v1/views/{made.json()['view_id']}"
    changed = body | {"name": "Worst", "shared": True}
    assert officer.put(path, json=changed, headers=token).status_code == 204
    (view,) = officer.get("/api/v1/views").json()
    assert (view["name"], view["shared"], view["first"]) == ("Worst", True, True)
    assert view["query"] == {"severity": ["critical"]}
    assert officer.delete(path, headers=token).status_code == 204
    assert officer.delete(path, headers=token).status_code == 404


# ---------------------------------------------------------------- what changed meanwhile


def test_what_changed_since_they_left_is_told_until_it_was_seen(
    officer: TestClient, backend: Backend, plant: Plant, clock: Clock
) -> None:
    assert "since-title" not in officer.get("/alarms").text
    before = plant.raise_alert(severity=Severity.MEDIUM)
    (ada,) = backend.people.accounts.all()
    backend.people.presence.seen(ada.account_id, clock.now())
    raised = plant.raise_alert(severity=Severity.LOW)
    plant.lift(before, Severity.CRITICAL)
    plant.return_to_normal(raised)
    ask(plant, officer, raised, revision=2)
    last = plant.raise_alert(severity=Severity.LOW)
    page = officer.get("/alarms").text
    assert "since-title" in page
    found = officer.get("/api/v1/changes").json()
    assert found["counts"] == {"escalated": 1, "raised": 2, "cleared": 1}
    assert [[m["alert_id"], became] for m, became in found["alerts"]] == [
        [before, ["escalated"]],
        [last, ["raised"]],
        [raised, ["raised", "cleared"]],
    ]
    clock.ahead_s = 5
    seen = csrf(officer) | {"up_to": clock.now().isoformat()}
    assert officer.post("/alarms/seen", data=seen).status_code == 303
    assert "since-title" not in officer.get("/alarms").text


def test_logging_out_marks_when_they_left(
    officer: TestClient, backend: Backend, clock: Clock
) -> None:
    (ada,) = backend.people.accounts.all()
    clock.ahead_s = 60
    officer.post("/logout", data=csrf(officer))
    left_at = backend.people.presence.left_at(ada.account_id)
    assert left_at is not None
    assert abs((clock.now() - left_at).total_seconds()) < 30


def test_who_never_logged_out_left_when_they_were_last_here(
    officer: TestClient, backend: Backend, clock: Clock
) -> None:
    officer.get("/alarms")
    (ada,) = backend.people.accounts.all()
    assert backend.people.presence.left_at(ada.account_id) is None
    last = backend.people.logins.sessions(clock.now(), idle=timedelta(days=1))[0].last_seen_at
    clock.ahead_s = 24 * 3600
    backend.people.logins.open_session(ada, clock.now(), lifetime=timedelta(hours=1))
    assert backend.people.presence.left_at(ada.account_id) == last


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        ({"sort": ["colour"], "severity": ["low"]}, "sort: colour"),
        ({"severity": ["low"], "moon": ["full"]}, "moon: full"),
        ({"severity": ["low", "purple"]}, "severity: low, purple"),
        ({"until": "<b>never</b>"}, "until: &lt;b&gt;never&lt;/b&gt;"),
    ],
)
def test_a_default_view_of_another_release_leaves_the_plain_list_and_says_what_it_lost(
    officer: TestClient, backend: Backend, plant: Plant, kept: Any, lost: str
) -> None:
    alert = plant.raise_alert(severity=Severity.HIGH)
    (ada,) = backend.people.accounts.all()
    views = backend.people.views
    view = views.save(ada.account_id, "Mine", kept, datetime.now(UTC)).view_id
    views.change(ada.account_id, view, first=True)
    page = officer.get("/alarms")
    assert page.status_code == 200
    assert f"does not know: {lost}." in page.text
    assert f'id="row-{alert}"' in page.text
    assert "Mine (of another release)" in officer.get("/alarms?show=all").text
    form = csrf(officer) | {"act": "delete", "name": "Mine"}
    assert officer.post(f"/alarms/views/{view}", data=form).status_code == 303
    assert "does not know" not in officer.get("/alarms").text


# ---------------------------------------------------------------- CSV, news, sound


def test_the_list_goes_into_a_file_that_no_spreadsheet_runs(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert = plant.raise_alert(area="yard", hazard="fire")
    plant.raise_alert(area="compressor")
    plant.revise(alert, Cause.ACTION, comment='=HYPERLINK("http://evil","x")')
    answer = officer.get("/alarms.csv?area=yard")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["alert_id"], row["area_name"], row["state"]) == (
        alert,
        "Loading yard",
        "unacknowledged",
    )
    assert row["comment"] == '\'=HYPERLINK("http://evil","x")'
    bound = client_as(Role.INTEGRATOR, ("yard", "tank-farm"))
    page = bound.get("/alarms?severity=high").text
    assert "CSV file of yard, tank-farm" in page
    address = re.search(r'href="(/alarms\.csv[^"]*)"', page)
    assert address is not None
    own = bound.get(unescape(address[1]))
    assert [row["alert_id"] for row in csv.DictReader(io.StringIO(own.text))] == [alert]
    assert "CSV file" not in bound.get("/alarms?area=compressor").text
    assert client_as(Role.OPERATOR).get("/alarms.csv").status_code == 403
    assert "CSV file" not in client_as(Role.VIEWER).get("/alarms").text


def test_a_filtered_list_is_told_of_new_alarms_that_belong_to_it(
    officer: TestClient, plant: Plant
) -> None:
    page = officer.get("/alarms?area=yard").text
    at = re.search(r'data-at="([^"]+)"', page)
    assert at is not None
    source = "/fragments/alarms/new"
    asked = {"area": "yard", "at": unescape(at.group(1))}
    plant.raise_alert(area="compressor")
    assert officer.get(source, params=asked).text.strip() == ""
    plant.raise_alert(area="yard", hazard="fire")
    assert "1 new alarm: show" in officer.get(source, params=asked).text


def test_an_alarm_that_comes_to_belong_to_a_list_is_new_in_it_whenever_it_was_raised(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM, age_s=600)
    at = re.search(r'data-at="([^"]+)"', officer.get("/alarms?severity=critical").text)
    assert at is not None
    source = "/fragments/alarms/new"
    asked = {"severity": "critical", "at": unescape(at.group(1))}
    plant.revise(alert, Cause.EVENT)
    assert officer.get(source, params=asked).text.strip() == ""
    plant.lift(alert, Severity.CRITICAL)
    assert "1 new alarm: show" in officer.get(source, params=asked).text
    plant.raise_alert(severity=Severity.CRITICAL, age_s=600)
    plant.revise(alert, Cause.EVENT)
    assert "2 new alarms: show" in officer.get(source, params=asked).text
    everything = officer.get(source, params={"at": asked["at"]}).text
    assert "1 new alarm: show" in everything, "it stood in the list of open alarms before"


def test_a_sound_is_due_for_critical_alarms_that_nobody_has_taken(
    officer: TestClient, plant: Plant
) -> None:
    plant.raise_alert(severity=Severity.HIGH)
    critical = plant.raise_alert(severity=Severity.CRITICAL)
    assert officer.get("/api/v1/sounding").json() == {"alerts": [critical]}
    ask(plant, officer, critical)
    assert officer.get("/api/v1/sounding").json() == {"alerts": []}


def test_an_address_with_too_many_fields_is_refused(officer: TestClient) -> None:
    answer = officer.get("/alarms?" + "&".join(["area=yard"] * 201))
    assert answer.status_code == 422
    assert "200 fields" in answer.text


@pytest.mark.parametrize("wrong", ["since=1700000000", "until=1.7e9", "case=", "severity="])
def test_a_program_is_told_of_what_a_form_may_leave_open(client_as: ClientAs, wrong: str) -> None:
    viewer = client_as(Role.VIEWER)
    assert viewer.get(f"/api/v1/alerts?{wrong}").status_code == 422
    by_form = viewer.get(f"/alarms?{wrong}").status_code
    assert by_form == (200 if wrong.endswith("=") else 422)
    assert viewer.get("/api/v1/changes?since=1700000000").status_code == 422
