"""A safety officer at the dashboard: a headless Chromium and what such a person does with it.

with officer_at(address, code, "A. Rossi") as officer:
    officer.sees_alarm("Toxic gas exposure")
    officer.opens("Toxic gas exposure")
    officer.acknowledges("on my way")
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import (
    Browser,
    Error,
    FloatRect,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from tests.programs import require

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000
PASSWORD = "a quiet night at the plant"  # noqa: S105 - of a database that a test throws away


def box_of(part: Locator) -> FloatRect:
    """Where something lies in the window, once it is drawn and stands still."""
    for _ in range(20):
        expect(part).to_be_visible(timeout=PATIENCE_MS)
        with suppress(Error):  # it is drawn anew at this moment
            part.element_handle().wait_for_element_state("stable")
        box = part.bounding_box()
        if box is not None:
            return box
    raise AssertionError(f"{part} never stands still")


class Officer:
    """One page, logged in. `faults` collects script errors and refused loads."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address.rstrip("/")
        self.faults: list[str] = []
        self.foreign: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("request", lambda request: self._note(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text and "ERR_" not in text:
            self.faults.append(text)

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "blob:", "data:")):
            self.foreign.append(url)

    def sets_up(self, code: str, name: str, password: str = PASSWORD) -> None:
        """A one-time code becomes a password: the first time, and the way in."""
        self.page.goto(f"{self.address}/setup")
        self.page.locator("#code").fill(code)
        self.page.locator("#actor").fill(name)
        self.page.locator("#password").fill(password)
        self.page.locator("form.login button.big").click()
        expect(self.page).to_have_url(f"{self.address}/", timeout=PATIENCE_MS)

    def logs_in(self, name: str, password: str = PASSWORD) -> None:
        """Name and password."""
        self.page.goto(f"{self.address}/login")
        self.page.locator("#actor").fill(name)
        self.page.locator("#password").fill(password)
        self.page.locator("form.login button.big").click()
        expect(self.page).to_have_url(f"{self.address}/", timeout=PATIENCE_MS)

    def goes_to(self, page: str) -> None:
        """By the navigation: Overview, Alarms, Cameras or Health."""
        self.page.get_by_role("navigation").get_by_role("link", name=page).click()

    def sees_alarm(self, title: str, timeout_ms: float = PATIENCE_MS) -> None:
        """The alarm stands in the list, without loading the page again."""
        link = self.page.locator("table.alarms").get_by_role("link", name=title).first
        expect(link).to_be_visible(timeout=timeout_ms)

    def opens(self, title: str) -> None:
        """Open an alarm from the list."""
        self.page.locator("table.alarms").get_by_role("link", name=title).first.click()
        expect(self.page.locator("#alert-head h1")).to_have_text(title)

    def acknowledges(self, comment: str) -> None:
        """Write the comment and press the button."""
        self.page.locator("#ack-comment").fill(comment)
        self.page.get_by_role("button", name="Acknowledge", exact=True).click()

    def is_told(self, word: str, timeout_ms: float = PATIENCE_MS) -> str:
        """Wait for an outcome (PENDING, DONE, CONFLICT, REFUSED, NO ANSWER); gives its text."""
        outcome = self.page.locator("#asked .outcome")
        expect(outcome.locator(".outcome-word")).to_have_text(word, timeout=timeout_ms)
        return outcome.inner_text()

    def sees(self, text: str | re.Pattern[str], timeout_ms: float = PATIENCE_MS) -> None:
        """The text is somewhere on the page."""
        expect(self.page.locator("body")).to_contain_text(text, timeout=timeout_ms)

    def takes_picture(self, file: Path, *, full_page: bool = False) -> None:
        """A screenshot, for people to look at."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file, full_page=full_page)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless; NOT RUN where it is absent."""
    program = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def officer_at(
    address: str,
    code: str,
    name: str,
    *,
    width: int = 1360,
    height: int = 900,
) -> Iterator[Officer]:
    """Who sets the dashboard up with the console's code, in a browser of their own."""
    with chromium() as browser:
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        officer = Officer(page, address)
        officer.sets_up(code, name)
        yield officer
