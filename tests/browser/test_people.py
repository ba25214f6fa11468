"""Setting up, adding people, and keeping them in order, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk import Desk, running_dashboard
from tests.browser.officer import Officer, chromium
from tests.plant import Plant

pytestmark = pytest.mark.browser

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    plant = Plant(tmp_path_factory.mktemp("plant"))
    plant.report_health()
    plant.raise_alert()
    try:
        with running_dashboard(plant) as running:
            yield running
    finally:
        plant.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def root(desk: Desk, browser: Browser) -> Iterator[Officer]:
    """Who has set the dashboard up with the code of the console."""
    somebody = Officer(browser.new_context(bypass_csp=True).new_page(), desk.address)
    somebody.sets_up(desk.code, "Root")
    yield somebody
    assert somebody.faults == []
    assert somebody.foreign == []


@pytest.fixture(scope="module")
def eve(root: Officer, desk: Desk, browser: Browser) -> Officer:
    """An operator of the yard, whom Root has added."""
    page = root.page
    page.goto(f"{root.address}/admin/people")
    page.get_by_label("Name", exact=True).fill("Eve")
    page.get_by_label("Operator").check()
    page.get_by_label("Loading yard").check()
    page.get_by_role("button", name="Add, and show a one-time code").click()
    code = page.locator(".secret code").inner_text()
    somebody = Officer(browser.new_context().new_page(), desk.address)
    somebody.sets_up(code, "Eve")
    return somebody


def refused(page: Page, address: str) -> int:
    answer = page.goto(address)
    assert answer is not None
    return answer.status


def test_who_was_added_gets_in_sees_everything_and_administers_nothing(
    root: Officer, eve: Officer
) -> None:
    eve.page.goto(f"{eve.address}/admin")
    expect(eve.page.locator(".subnav a")).to_have_text(
        ["Maintenance and permits", "Shelving register"]
    )
    eve.page.goto(f"{eve.address}/me")
    eve.sees("Loading yard")
    assert refused(eve.page, f"{eve.address}/admin/people") == 403
    root.page.goto(f"{root.address}/admin/sessions")
    expect(root.page.get_by_role("row", name="Eve")).to_be_visible()
    root.sees("this browser")


def test_a_session_that_an_administrator_ends_is_over_in_the_open_page(
    root: Officer, eve: Officer
) -> None:
    eve.page.goto(f"{eve.address}/")
    root.page.goto(f"{root.address}/admin/sessions")
    root.page.get_by_role("button", name="End the session of Eve").click()
    root.sees("The session has ended.")
    expect(eve.page).to_have_url(f"{eve.address}/login?next=%2F", timeout=15_000)
    eve.logs_in("Eve")


def test_the_audit_is_checked_before_ones_eyes(root: Officer) -> None:
    page = root.page
    page.goto(f"{root.address}/admin/audit")
    page.get_by_role("button", name="Check all lines").click()
    expect(page.locator("#audit-check")).to_contain_text("WHOLE", timeout=15_000)
    page.get_by_label("What").select_option("account_created")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("table.audit tbody tr")).to_have_count(2)


@pytest.mark.usefixtures("root")
def test_a_typed_password_can_be_looked_at(browser: Browser, desk: Desk) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{desk.address}/login")
    field = page.locator("#password")
    page.get_by_label("Show the password").check()
    expect(field).to_have_attribute("type", "text")
    page.get_by_label("Show the password").uncheck()
    expect(field).to_have_attribute("type", "password")


@pytest.mark.usefixtures("eve")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_people_are_accessible(root: Officer, scheme: str) -> None:
    page = root.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{root.address}/admin/people")
    person = page.get_by_role("link", name="Eve").get_attribute("href")
    for path in (
        "/login",
        "/setup",
        "/me",
        person,
        "/admin/people",
        "/admin/sessions",
        "/admin/tokens",
        "/admin/audit",
    ):
        page.goto(f"{root.address}{path}")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        faults = [
            (fault["id"], fault["nodes"][0]["html"][:200])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        assert faults == [], path
        assert page.locator("h1").count() == 1, path


def test_on_a_phone_no_page_of_people_is_wider_than_the_screen(root: Officer) -> None:
    root.page.set_viewport_size({"width": 360, "height": 800})
    for path in ("/me", "/admin/people", "/admin/sessions", "/admin/tokens", "/admin/audit"):
        root.page.goto(f"{root.address}{path}")
        wide = root.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, path
