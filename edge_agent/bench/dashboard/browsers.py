"""Real browsers that have a page open while alerts come, where Chromium is installed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from edge_agent.bench.dashboard.served import COOKIE

LISTEN = """() => {
  window.heard = [];
  document.body.addEventListener("news-alarm", (event) => {
    const at = (performance.timeOrigin + performance.now()) / 1000;
    for (const id of event.detail?.ids ?? []) window.heard.push([id, at]);
  });
}"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SETTLE_MS = 1500


class Browsers:
    """Pages that note when they were told of an alert."""

    def __init__(self, pages: list[Any]) -> None:
        self._pages = pages

    def heard(self) -> list[tuple[str, float]]:
        """Alert id and time (s since 1970) of each event in each page."""
        found: list[tuple[str, float]] = []
        for page in self._pages:
            found += [(str(name), float(at)) for name, at in page.evaluate("() => window.heard")]
        return found


def missing() -> str:
    """What is not installed, or empty."""
    if find_spec("playwright") is None:
        return "playwright"
    return "" if shutil.which("chromium") else "chromium"


@contextlib.contextmanager
def browsers(address: str, cookie: str, number: int) -> Iterator[Browsers]:
    """So many browsers, each of its own process, at the list of alarms."""
    play = import_module("playwright.sync_api")
    with contextlib.ExitStack() as stack:
        driver = stack.enter_context(play.sync_playwright())
        pages = []
        for _ in range(number):
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            stack.callback(browser.close)
            context = browser.new_context()
            context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
            page = context.new_page()
            page.goto(f"{address}alarms")
            page.evaluate(LISTEN)
            page.wait_for_timeout(SETTLE_MS)
            pages.append(page)
        yield Browsers(pages)
