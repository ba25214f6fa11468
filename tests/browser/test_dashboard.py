"""A safety officer's work in a real browser.

The agent core is replaced by `tests.plant.Heartbeat`, which uses the real store and the real alarm
machines; the whole product is driven in tests/acceptance.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from hazard.types import Health, Severity
from tests.browser.desk import Desk, running_dashboard
from tests.browser.officer import Officer, officer_at
from tests.plant import Heartbeat, Plant

pytestmark = pytest.mark.browser


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


@pytest.fixture
def desk(plant: Plant) -> Iterator[Desk]:
    with running_dashboard(plant) as running:
        yield running


@pytest.fixture
def core(plant: Plant) -> Iterator[Heartbeat]:
    with Heartbeat(plant) as beating:
        yield beating


@pytest.fixture
def officer(core: Heartbeat, desk: Desk) -> Iterator[Officer]:
    with officer_at(desk.address, desk.code, "A. Rossi") as somebody:
        yield somebody
        assert somebody.faults == []
        assert somebody.foreign == [], "something was loaded from the network"
    assert core.failed is None


def test_an_alarm_arrives_without_reloading_is_opened_and_acknowledged(
    plant: Plant, officer: Officer
) -> None:
    officer.sees("Every hazard that was found is back to normal")
    officer.page.evaluate("window.notReloaded = true")
    alert = plant.raise_alert(severity=Severity.HIGH)
    officer.sees_alarm("Toxic gas", timeout_ms=5000)
    assert officer.page.evaluate("window.notReloaded")
    expect(officer.page.locator("table.alarms .mark.flash")).to_have_count(1)
    officer.opens("Toxic gas")
    plant.add_words(alert)
    officer.sees("Evacuate")
    officer.acknowledges("on my way <b>now</b>")
    assert "Acknowledge: done." in officer.is_told("DONE")
    officer.sees("acknowledged by A. Rossi")
    officer.sees("on my way <b>now</b>")
    expect(officer.page.get_by_role("button", name="Acknowledge", exact=True)).to_have_count(0)
    current = plant.store.queries.get_alert(alert)
    assert current is not None
    assert current.current.acknowledged_by == "A. Rossi"


def test_what_happens_between_the_page_and_its_stream_is_not_missed(
    plant: Plant, officer: Officer
) -> None:
    officer.page.route("**/static/live.js", lambda route: _after_an_alarm(plant, route))
    officer.page.reload()
    officer.sees_alarm("Toxic gas", timeout_ms=8000)


def _after_an_alarm(plant: Plant, route: Route) -> None:
    """The page is there without the alarm; its script, and so its stream, comes later."""
    plant.raise_alert(severity=Severity.HIGH)
    route.continue_()


def test_a_silent_agent_is_said_after_two_seconds_and_the_late_answer_is_shown(
    plant: Plant, core: Heartbeat, officer: Officer
) -> None:
    plant.raise_alert(severity=Severity.HIGH)
    officer.sees_alarm("Toxic gas")
    officer.opens("Toxic gas")
    core.answers = False
    officer.acknowledges("")
    officer.is_told("PENDING", timeout_ms=2000)
    told = officer.is_told("NO ANSWER", timeout_ms=6000)
    assert "call the control room" in told
    core.answers = True
    officer.is_told("DONE")


def test_a_change_while_somebody_writes_is_pointed_out_before_they_act(
    plant: Plant, officer: Officer
) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    officer.sees_alarm("Toxic gas")
    officer.opens("Toxic gas")
    officer.page.locator("#ack-comment").fill("I think")
    plant.lift(alert, Severity.CRITICAL)
    officer.sees("This alarm has changed")
    assert officer.page.locator("#ack-comment").input_value() == "I think"
    officer.page.get_by_role("button", name="Acknowledge", exact=True).click()
    assert "severity is critical" in officer.is_told("CONFLICT")


def test_stale_health_is_unknown_on_every_page(core: Heartbeat, officer: Officer) -> None:
    officer.goes_to("Health")
    expect(officer.page.locator(".h-ready")).to_have_count(8)
    core.health = {"camera_yard-2": (Health.OFFLINE, "offline: check its cable")}
    officer.sees("camera yard-2 is offline")
    core.stop()
    officer.sees("AGENT SILENT", timeout_ms=12_000)
    expect(officer.page.locator(".h-ready")).to_have_count(0)
    expect(officer.page.locator(".h-unknown")).to_have_count(8)
    for page in ("Overview", "Live", "Alarms"):
        officer.goes_to(page)
        officer.sees("AGENT SILENT")


def becomes_live(officer: Officer) -> None:
    """Its script has come and runs; until then another notice says so."""
    expect(officer.page.locator("html")).to_have_attribute("data-live", "yes")
    expect(officer.page.locator("#not-live")).to_be_hidden()


def test_a_lost_connection_is_said_and_nothing_looks_healthy_meanwhile(
    desk: Desk, officer: Officer
) -> None:
    officer.sees("all 8 stages report ready")
    becomes_live(officer)
    desk.process.send_signal(signal.SIGSTOP)
    officer.sees(re.compile(r"CONNECTION LOST: this page is \d+ s old"), timeout_ms=12_000)
    desk.process.send_signal(signal.SIGCONT)
    expect(officer.page.locator("#lost")).to_be_hidden(timeout=12_000)


def test_a_page_whose_script_never_comes_does_not_look_live(officer: Officer) -> None:
    officer.page.route("**/static/live.js", lambda route: route.abort())
    officer.page.reload()
    expect(officer.page.locator("#not-live")).to_be_visible(timeout=12_000)
    expect(officer.page.locator("#not-live")).to_contain_text("shows no new alarms")
    officer.page.unroute("**/static/live.js")
    officer.page.reload()
    becomes_live(officer)


@pytest.mark.parametrize("width", [360, 768, 2560])
def test_no_page_is_wider_than_the_screen(
    plant: Plant, core: Heartbeat, desk: Desk, width: int
) -> None:
    plant.leak(60)
    alert = plant.raise_alert(severity=Severity.CRITICAL, age_s=30)
    plant.add_opinion(alert)
    plant.add_words(alert)
    with officer_at(desk.address, desk.code, "A. Rossi", width=width, height=800) as officer:
        for path in ("/", "/alarms", "/live", "/health", f"/alerts/{alert}"):
            officer.page.goto(officer.address + path)
            wide = officer.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
    assert core.failed is None


def test_an_alarm_is_acknowledged_with_the_keyboard_alone(plant: Plant, officer: Officer) -> None:
    plant.raise_alert(severity=Severity.HIGH)
    officer.sees_alarm("Toxic gas")
    keyboard = officer.page.keyboard
    focused = "document.activeElement.textContent.trim() || document.activeElement.id"
    for wanted in ("Toxic gas", "ack-comment", "Acknowledge"):
        for _ in range(30):
            keyboard.press("Tab")
            if officer.page.evaluate(focused) == wanted:
                break
        assert officer.page.evaluate(focused) == wanted
        if wanted == "ack-comment":
            keyboard.type("by keyboard")
        else:
            keyboard.press("Enter")
        if wanted == "Toxic gas":
            expect(officer.page.locator("#alert-head")).to_be_visible()
    officer.is_told("DONE")
