"""What people ask of an alarm, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from hazard.types import Severity, Verb
from tests.plant import Plant
from tests.unit.dashboard.conftest import Clock, csrf_of


def ask(officer: TestClient, alert: str, verb: str, **fields: Any) -> tuple[int, str]:
    """Post a form as the page's script does; gives status and fragment."""
    form = {"csrf": csrf_of(officer.get(f"/alerts/{alert}").text), "verb": verb}
    form |= {"expected_revision": "1"} | fields
    answer = officer.post(f"/alerts/{alert}/actions", data=form, headers={"x-fragment": "1"})
    return answer.status_code, answer.text


def outcome(officer: TestClient, fragment: str) -> str:
    """The fragment of the same request, now."""
    path = fragment.split('data-src="')[1].split('"', maxsplit=1)[0]
    return officer.get(path).text


def test_an_acknowledgement_is_pending_then_done(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert()
    status, fragment = ask(officer, alert, "acknowledge", comment="on my way")
    assert status == 200
    assert "PENDING" in fragment
    (request,) = plant.store.pending_requests()
    assert (request.actor, request.verb, request.comment) == (
        "Ada",
        Verb.ACKNOWLEDGE,
        "on my way",
    )
    plant.carry_out()
    assert "DONE" in outcome(officer, fragment)
    page = officer.get(f"/alerts/{alert}").text
    assert "acknowledged by Ada" in page
    assert "on my way" in page
    assert 'value="acknowledge"' not in page


def test_without_a_script_the_page_itself_shows_the_outcome(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert()
    form = {
        "csrf": csrf_of(officer.get("/").text),
        "verb": "acknowledge",
        "expected_revision": "1",
    }
    answer = officer.post(f"/alerts/{alert}/actions", data=form)
    assert answer.status_code == 303
    plant.carry_out()
    assert "Acknowledge: done." in officer.get(answer.headers["location"]).text


def test_who_acts_on_an_old_picture_is_told_what_changed(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    _, fragment = ask(officer, alert, "acknowledge")
    plant.lift(alert, Severity.CRITICAL)
    plant.carry_out()
    told = outcome(officer, fragment)
    assert "CONFLICT" in told
    assert "severity is critical" in told
    assert "NOT done" in told


def test_what_the_state_does_not_allow_is_refused_with_the_reason(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert()
    _, fragment = ask(officer, alert, "reset")
    plant.carry_out()
    told = outcome(officer, fragment)
    assert "REFUSED" in told
    assert "The hazard is still there" in told


def test_when_the_agent_is_silent_for_2_s_the_page_says_call_the_control_room(
    officer: TestClient, plant: Plant, clock: Clock
) -> None:
    _, fragment = ask(officer, plant.raise_alert(), "acknowledge")
    assert "PENDING" in outcome(officer, fragment)
    clock.ahead_s = 2.1
    told = outcome(officer, fragment)
    assert "The agent does not answer: call the control room" in told
    plant.carry_out()
    assert "DONE" in outcome(officer, fragment)


def test_a_form_that_is_sent_twice_counts_once(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert()
    same = "6f1f2f0e-8d3f-4a59-9a51-6f3f5d5b0001"
    for _ in range(2):
        assert ask(officer, alert, "acknowledge", request_id=same)[0] == 200
    assert len(plant.store.pending_requests()) == 1


def test_a_request_id_of_somebody_else_is_not_taken(officer: TestClient, plant: Plant) -> None:
    first, second = plant.raise_alert(), plant.raise_alert()
    same = "6f1f2f0e-8d3f-4a59-9a51-6f3f5d5b0001"
    assert ask(officer, first, "acknowledge", request_id=same)[0] == 200
    assert ask(officer, second, "acknowledge", request_id=same)[0] == 409


@pytest.mark.parametrize(
    ("verb", "fields", "why"),
    [
        ("shelve", {"comment": "painting"}, "duration"),
        ("shelve", {"duration_min": "15"}, "reason"),
        ("shelve", {"duration_min": "9999", "comment": "x"}, "720"),
        ("shelve", {"duration_min": "nan", "comment": "x"}, "duration_min"),
        ("comment", {"comment": "   "}, "text"),
        ("close", {}, "verb"),
        ("acknowledge", {"expected_revision": "0"}, "expected_revision"),
        ("acknowledge", {"comment": "x" * 2001}, "2000"),
        ("acknowledge", {"request_id": "../../x"}, "request_id"),
    ],
)
def test_a_wrong_form_is_refused_with_the_mend(
    officer: TestClient, plant: Plant, verb: str, fields: dict[str, str], why: str
) -> None:
    status, text = ask(officer, plant.raise_alert(), verb, **fields)
    assert status == 422
    assert why in text
    assert plant.store.pending_requests() == []


def test_an_alarm_that_is_not_there_cannot_be_acted_on(officer: TestClient) -> None:
    form = {"csrf": csrf_of(officer.get("/").text), "verb": "reset", "expected_revision": "1"}
    assert officer.post("/alerts/none/actions", data=form).status_code == 404


def test_an_alarm_is_shelved_listed_apart_and_unshelved(officer: TestClient, plant: Plant) -> None:
    plant.report_health()
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    ask(officer, alert, "shelve", duration_min="15", comment="painting works")
    plant.carry_out()
    page = officer.get("/").text
    assert "1 is shelved or suppressed: it stays in the list." in page
    detail = officer.get(f"/alerts/{alert}").text
    assert "painting works" in detail
    assert ">Unshelve<" in detail
    ask(officer, alert, "unshelve", expected_revision="2")
    plant.carry_out()
    assert "shelved or suppressed" not in officer.get("/").text


def test_a_critical_alarm_offers_no_shelving(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert(severity=Severity.CRITICAL)
    page = officer.get(f"/alerts/{alert}").text
    assert "A critical alarm cannot be shelved" in page
    assert 'value="shelve"' not in page


def test_a_latched_alarm_is_reset_after_it_was_acknowledged(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.HIGH)
    assert 'value="reset"' not in officer.get(f"/alerts/{alert}").text
    ask(officer, alert, "acknowledge")
    plant.carry_out()
    plant.return_to_normal(alert)
    assert 'value="reset"' in officer.get(f"/alerts/{alert}").text
    ask(officer, alert, "reset", expected_revision="3")
    plant.carry_out()
    assert "Normal" in officer.get(f"/alerts/{alert}").text
