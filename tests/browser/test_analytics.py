"""The figures in a real browser: read, filtered, taken away, told to a screen reader."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard.backend import open_backend
from dashboard.security import COOKIE
from hazard.types import Role, Severity
from tests.browser.desk import running_dashboard
from tests.browser.officer import chromium
from tests.plant import Plant

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A safety officer before a dashboard whose plant has had some alarms."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    for severity in (Severity.CRITICAL, Severity.LOW, Severity.LOW):
        plant.raise_alert(severity=severity, asks_anew=True)
    plant.raise_alert(hazard="person_near_vehicle", area="yard", severity=Severity.MEDIUM)
    backend = open_backend(plant.data_dir / "hazard.db")
    now = datetime.now(UTC)
    account = backend.people.accounts.create("Ada", Role.SAFETY_OFFICER, (), by="test", now=now)
    token = backend.people.logins.open_session(account, now, lifetime=timedelta(hours=1))
    with running_dashboard(plant) as desk, chromium() as browser:
        address = desk.address.rstrip("/")
        context = browser.new_context(
            viewport={"width": 1360, "height": 900}, base_url=address, accept_downloads=True
        )
        context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
        yield context.new_page()
    backend.close()
    plant.close()


def test_the_officer_reads_the_figures_asks_for_one_area_and_takes_a_table_away(
    reader: Page, tmp_path: Path
) -> None:
    reader.goto("/analytics")
    days = reader.locator("#days")
    expect(days).to_contain_text("4 alarms, 1 of them critical")
    expect(days.locator(".cols rect.tone-critical")).to_have_count(1)
    days.get_by_text("Show as table").click()
    expect(days.get_by_role("table")).to_be_visible()
    kinds = reader.locator("#kinds")
    kinds.get_by_text("Show as table").click()
    link = kinds.get_by_role("link", name="Toxic gas")
    expect(link).to_have_attribute("href", re.compile(r"^/alarms\?show=all&hazard=toxic_gas"))
    reader.locator("select[name=area]").select_option("yard")
    reader.get_by_role("button", name="Show", exact=True).click()
    expect(reader.locator("#days")).to_contain_text("1 alarms, 0 of them critical")
    with reader.expect_download() as coming:
        reader.locator("#kinds").get_by_role("link", name="Alarms by hazard kind: CSV").click()
    file = tmp_path / "kinds.csv"
    coming.value.save_as(file)
    head, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
    assert head[:2] == ["hazard kind", "alarms"]
    assert rows == [["Person near vehicle", "1", "0", "0", "1", "0", "0"]]


def test_a_report_that_is_asked_for_is_not_lost_where_the_agent_is_silent(reader: Page) -> None:
    reader.goto("/analytics")
    section = reader.locator("#weekly")
    expect(section).to_contain_text("No report has been made yet")
    section.locator("select[name=language]").select_option("de")
    section.get_by_role("button", name="Make a report").click()
    expect(section.locator("#report-asked .outcome-word")).to_have_text("NO ANSWER", timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_finds_nothing_missing(reader: Page, repo_root: Path, scheme: str) -> None:
    reader.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    reader.goto("/analytics")
    reader.evaluate((repo_root / "tests/vendor/axe.min.js").read_text(encoding="utf-8"))
    found = reader.evaluate("axe.run(document.querySelector('main'))")
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]] == []


@pytest.mark.parametrize("width", [360, 1360, 3840])
def test_nothing_sticks_out(reader: Page, width: int) -> None:
    reader.set_viewport_size({"width": width, "height": 900})
    reader.goto("/analytics")
    assert (
        reader.evaluate(
            "Math.max(...[...document.querySelectorAll('.filters, .panel-of, .plot, .scroll')]"
            ".map(each => each.getBoundingClientRect().right))"
        )
        <= width
    )
