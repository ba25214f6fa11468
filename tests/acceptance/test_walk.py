"""Every page of the running product, in every role, language, width and theme, and by keyboard.

The database is filled by the real agent from the demo's footage. Screenshots are kept in
`artifacts/screenshots` (or where HAZARD_SCREENSHOTS says), to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.i18n import LANGUAGES
from dashboard.settings import Settings
from hazard.types import Role
from tests.acceptance.plant import LONGEST_S, RunningDemo, is_alert
from tests.browser.officer import PASSWORD, chromium
from tests.browser.walker import Ground, Walker, check_role, pictures_folder, walker
from tests.programs import require_weights

pytestmark = [pytest.mark.browser, pytest.mark.weights, pytest.mark.timeout(900)]

ALERTS = 3
"""Alerts that the agent has raised before the walk begins."""
AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"
PATIENCE_MS = LONGEST_S * 1000
CRITICAL = "People exposed to toxic gas"
DONE_VERB = {"Add comment": "Comment"}
"""What a request is called where it is not called as its button."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    for entry in ("nanodet", "smollm2", "vtest"):
        require_weights(entry)
    folder = tmp_path_factory.mktemp("walk") / "demo"
    with RunningDemo(folder) as demo:
        address, code = demo.wait_code()
        for _ in range(ALERTS):
            demo.wait_line(is_alert)
        paths = demo.paths
        where = Settings(site_file=paths.site_file, data_dir=paths.data_dir, run_dir=paths.run_dir)
        made = Ground(address, where)
        made.code = code
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def administrator(browser: Browser, ground: Ground) -> Iterator[Walker]:
    with walker(browser, ground, ground.session_of(Role.ADMINISTRATOR)) as walking:
        yield walking


# First, while nobody has an account: it begins with the set-up.
def test_a_newcomer_takes_the_critical_alarm_to_its_end_on_a_phone_by_keyboard_alone(
    browser: Browser, ground: Ground
) -> None:
    """Nobody touches a mouse or reads a manual: what the page calls for next is pressed next."""
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(ground.address)
    for locator, text in (("#code", ground.code), ("#actor", "Kim"), ("#password", PASSWORD)):
        _tab_to(page, locator)
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{ground.address}/", timeout=PATIENCE_MS)
    link = page.locator("#o-alarms").get_by_role("link", name=CRITICAL).first
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    _tab_to(page, f'a[href="{link.get_attribute("href")}"]')
    page.keyboard.press("Enter")
    expect(page.locator("#alert-head h1")).to_have_text(CRITICAL, timeout=PATIENCE_MS)

    step = page.locator(".course [aria-current=step]")
    _says(step, "Press Acknowledge")
    _asks(page, "Acknowledge", "#ack-comment", "seen from the control room")
    _says(page.locator("#alert-head"), "acknowledged by Kim")

    _press(page, "#do-comment > summary")
    _asks(page, "Add comment", "#comment-text", "the flange at the loading bay leaks")
    _says(page.locator("#part-people"), "the flange at the loading bay leaks")

    why = page.locator("#part-why")
    _says(why, "the catalogue allows nothing under critical")
    _press(page, "#part-why button")
    _says(why, "Judged again: the answer is the same")

    _goes_on_to(page, step, "press Reset")
    _asks(page, "Reset", "#reset-comment", "no gas at the flange any more")
    _says(step, "Say what it was")
    _tab_to(page, "#close-cause")
    page.keyboard.type("true")
    _asks(page, "Close the case", "#close-note", "flange tightened")
    _says(page.locator("#alert-head"), "case closed: true hazard")
    _says(page.locator("#actions"), "Nothing is left to do here")
    expect(step).to_have_count(0, timeout=PATIENCE_MS)
    page.context.close()


@pytest.mark.parametrize("role", list(Role))
def test_every_page_opens_or_is_refused_as_the_table_of_roles_says(
    browser: Browser, ground: Ground, role: Role
) -> None:
    with walker(browser, ground, ground.session_of(role)) as walking:
        wrong = check_role(walking, role, ground.paths(ground.known()))
        assert wrong == []
        assert walking.faults == []


def test_every_page_fits_phone_and_wall_and_keeps_nobody_out(
    ground: Ground, administrator: Walker
) -> None:
    axe = AXE.read_text(encoding="utf-8")
    barriers: list[str] = []
    for path, _, exists in ground.paths(ground.known()):
        if administrator.opens(path) < 400 and exists:
            barriers += administrator.barriers(axe)
            administrator.pictures(path, pictures_folder())
            administrator.page.set_viewport_size({"width": 1360, "height": 900})
            administrator.page.emulate_media(color_scheme="dark")
            barriers += [f"dark: {each}" for each in administrator.barriers(axe)]
            administrator.page.emulate_media(color_scheme="light")
    assert barriers == []
    assert administrator.faults == []


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_english_is_left_on_a_page_of_another_language(
    ground: Ground, administrator: Walker, language: str
) -> None:
    left: list[str] = []
    for path, _, exists in ground.paths(ground.known()):
        if exists:
            left += administrator.leftovers(path, language)
    assert left == []


def _asks(page: Page, button: str, field: str, text: str) -> None:
    """Write, press the button that is so named, and be told that it was done.

    Where the alarm changed meanwhile, the page says so: look, and press again.
    """
    told = page.locator("#asked")
    for _ in range(3):
        _tab_to(page, field)
        page.keyboard.type(text)
        _press(page, f'button:has-text("{button}")')
        verb = DONE_VERB.get(button, button)
        expect(told).to_contain_text(re.compile(f"{verb}: (done|NOT done)"), timeout=PATIENCE_MS)
        if f"{verb}: done." in told.inner_text():
            return
        _press(page, "#actions .seen")
    raise AssertionError(f"never done: {told.inner_text()}")


def _goes_on_to(page: Page, step: Locator, text: str) -> None:
    """Do what the page calls for on the way: a worse finding is looked at and acknowledged."""
    changed = page.locator("#actions .changed:visible")
    again = step.filter(has_text="Press Acknowledge")
    for _ in range(9):
        called_for = changed.or_(again).or_(step.filter(has_text=text)).first
        expect(called_for).to_be_visible(timeout=PATIENCE_MS)
        if changed.count():
            _press(page, "#actions .seen")
            expect(changed).to_have_count(0, timeout=PATIENCE_MS)
        elif again.count():
            _asks(page, "Acknowledge", "#ack-comment", "seen again")
            expect(again).to_have_count(0, timeout=PATIENCE_MS)
        else:
            return
    raise AssertionError(f"it never came to {text}: {step.inner_text()}")


def _says(part: Locator, text: str) -> None:
    expect(part).to_contain_text(text, timeout=PATIENCE_MS)


def _press(page: Page, selector: str) -> None:
    _tab_to(page, selector)
    page.keyboard.press("Enter")


def _tab_to(page: Page, selector: str, most: int = 150) -> None:
    """Press Tab until the focus is on what the selector means."""
    for _ in range(most):
        page.keyboard.press("Tab")
        there: bool = page.evaluate(
            "(s) => { try { return document.activeElement?.matches(s) ?? false } catch { "
            'const text = s.match(/has-text\\("(.*)"\\)/)?.[1]; '
            "return document.activeElement?.tagName === 'BUTTON' "
            "&& document.activeElement.textContent.trim() === text } }",
            selector,
        )
        if there:
            return
    raise AssertionError(f"{selector} cannot be reached with Tab within {most} steps")
