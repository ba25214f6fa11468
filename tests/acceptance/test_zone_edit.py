"""A zone drawn on the running demo's real footage raises an alarm, without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.plant import LONGEST_S, RunningDemo
from tests.alert_builders import wait_until
from tests.browser.officer import box_of, officer_at
from tests.programs import require_weights

pytestmark = [pytest.mark.browser, pytest.mark.weights, pytest.mark.timeout(600)]

PATIENCE_MS = LONGEST_S * 1000
CAMERA = "gate-2"
"""Has no zone in the demo's site file, and no alarm but those of its own faults."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    for entry in ("nanodet", "smollm2", "vtest"):
        require_weights(entry)
    with RunningDemo(tmp_path / "demo") as running:
        yield running


def test_a_drawn_zone_raises_an_alarm_on_real_footage_and_is_taken_back(demo: RunningDemo) -> None:
    address, code = demo.wait_code()
    with officer_at(address, code, "A. Rossi") as officer:
        page = officer.page
        page.set_default_timeout(PATIENCE_MS)
        wait_until(
            lambda: page.evaluate(f"fetch('/site/stills/{CAMERA}.jpg').then(answer => answer.ok)"),
            seconds=LONGEST_S,
            what="a picture of the camera",
        )
        assert persons_in_zones(page) == []
        before = demo.pids()
        draws_a_zone(page, officer.address)
        wait_until(
            lambda: bool(persons_in_zones(page)),
            seconds=LONGEST_S,
            what="an alarm of the drawn zone",
        )
        takes_it_back(page, officer.address)
        assert demo.pids() == before, "a process was started anew"
        assert officer.faults == []
    assert "forecourt" not in demo.paths.site_file.read_text()


def persons_in_zones(page: Page) -> list[dict[str, Any]]:
    """Alarms of persons in zones, of the camera's area."""
    path = "/api/v1/alerts?area=gate&show=all"
    alarms = page.evaluate(f"fetch('{path}').then(answer => answer.json())")["alerts"]
    return [one for one in alarms if one["hazard"] == "person_in_restricted_zone"]


def draws_a_zone(page: Page, address: str) -> None:
    """Around all that the camera sees, with a rule that nobody may stand there."""
    page.goto(f"{address}/site#camera/{CAMERA}")
    page.get_by_role("button", name="Draw a zone").click()
    drawing = page.locator("svg.drawing")
    box = box_of(drawing)
    for x, y in ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)):
        drawing.click(position={"x": box["width"] * x, "y": box["height"] * y})
    page.get_by_role("button", name="Close the zone").click()
    page.locator("#zone-name").fill("forecourt")
    page.locator("#zone-name").press("Enter")
    page.locator("#rule-kind").select_option("restricted_zone")
    page.get_by_role("button", name="Add this rule").click()
    page.locator("#review").click()
    page.locator("#reason").fill("nobody crosses while the crane works")
    expect(page.locator("#save")).to_be_enabled(timeout=PATIENCE_MS)
    page.locator("#save").click()
    expect(page.locator(".told")).to_contain_text("Saved.", timeout=PATIENCE_MS)


def takes_it_back(page: Page, address: str) -> None:
    """The first version once more."""
    page.goto(f"{address}/site/versions/1")
    page.get_by_label("Why").fill("the crane has left")
    page.get_by_role("button", name="Bring it back").click()
    page.wait_for_url("**/site/versions")
    expect(page.locator(".versions li").first).to_contain_text(
        "the crane has left", timeout=PATIENCE_MS
    )
