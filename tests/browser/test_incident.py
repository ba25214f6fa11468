"""The page of one incident in a real browser: two people at once, and what each of them sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from dashboard.backend import open_backend
from dashboard.security import COOKIE
from hazard.types import Measured, Role, Severity, Track
from tests.browser.desk import running_dashboard
from tests.browser.officer import PATIENCE_MS, Officer, chromium
from tests.pictures import stripes
from tests.plant import Heartbeat, Plant
from tests.unit.dashboard.conftest import session_of

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
HOSTILE = "<img src=x onerror=window.broken=1>"
SEEN = Track(track_id=7, label=HOSTILE, confidence=0.8, xyxy=(100, 60, 160, 200), foot=(0.4, 0.8))


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    built = Plant(tmp_path_factory.mktemp("incident"))
    yield built
    built.close()


@pytest.fixture(scope="module")
def address(plant: Plant) -> Iterator[str]:
    """Where the dashboard of the plant runs, with an agent core that answers."""
    with Heartbeat(plant) as core, running_dashboard(plant) as desk:
        yield desk.address.rstrip("/")
    assert core.failed is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Desk:
    """Gives pages that are logged in, each as a person of its own."""

    def __init__(self, browser: Browser, plant: Plant, address: str) -> None:
        self._browser, self._plant, self._address = browser, plant, address
        self._number = 0

    @contextmanager
    def of(self, name: str, role: Role = Role.SAFETY_OFFICER, width: int = 1360) -> Iterator[Page]:
        self._number += 1
        backend = open_backend(self._plant.data_dir / "hazard.db")
        called = f"{name} {self._number}"
        token = session_of(backend, datetime.now(UTC), role, name=called)
        backend.close()
        context = self._browser.new_context(viewport={"width": width, "height": 900}, locale="en")
        context.add_cookies([{"name": COOKIE, "value": token, "url": self._address}])
        page = context.new_page()
        officer = Officer(page, self._address)
        yield page
        context.close()
        assert officer.faults == []
        assert officer.foreign == []


@pytest.fixture(scope="module")
def desk(browser: Browser, plant: Plant, address: str) -> Desk:
    return Desk(browser, plant, address)


def an_alert(plant: Plant, severity: Severity = Severity.MEDIUM) -> str:
    measured = [Measured(name="h2s", value=60, unit="ppm", threshold=50, source="h2s-1")]
    alert = plant.raise_alert(severity=severity, measured=measured, boxes=[SEEN])
    plant.add_words(alert)
    return alert


def opens(page: Page, address: str, alert: str) -> None:
    page.goto(f"{address}/alerts/{alert}")
    expect(page.locator("#incident[data-ready]")).to_be_visible()


def is_told(page: Page, word: str) -> str:
    outcome = page.locator("#asked .outcome")
    expect(outcome.locator(".outcome-word")).to_have_text(word, timeout=PATIENCE_MS)
    return outcome.inner_text()


def test_two_people_at_once_conflict_is_shown_and_nothing_typed_is_lost(
    desk: Desk, plant: Plant, address: str
) -> None:
    alert = an_alert(plant)
    with desk.of("Ada") as ada, desk.of("Bo") as bo:
        opens(ada, address, alert)
        opens(bo, address, alert)
        comment = bo.locator("#comment-text")
        comment.evaluate("field => { field.closest('details').open = true; }")
        comment.fill("the fan is off")
        bo.locator("#ack-comment").fill("I am closer, taking the east gate")
        ada.locator("#ack-comment").fill("on my way")
        ada.get_by_role("button", name="Acknowledge", exact=True).click()
        is_told(ada, "DONE")
        expect(bo.locator(".changed")).to_be_visible(timeout=PATIENCE_MS)
        expect(bo.locator(".course li").first).to_contain_text("by Ada")
        expect(bo.locator("#action-news")).to_contain_text("This alarm has changed")
        expect(bo.locator("#ack-comment")).to_be_focused()
        bo.get_by_role("button", name="Acknowledge", exact=True).click()
        told = is_told(bo, "CONFLICT")
        assert "already acknowledged by Ada" in told
        assert bo.locator("#ack-comment").input_value() == "I am closer, taking the east gate"
        bo.get_by_role("button", name="I have seen the change").click()
        expect(comment).to_have_value("the fan is off\nI am closer, taking the east gate")
        bo.get_by_role("button", name="Add comment").click()
        is_told(bo, "DONE")
        expect(ada.locator("#part-timeline")).to_contain_text("taking the east gate")
        _the_rest_of_its_life(ada, bo, plant, alert)


def _the_rest_of_its_life(ada: Page, bo: Page, plant: Plant, alert: str) -> None:
    first = bo.get_by_role("checkbox", name=re.compile("Evacuate"))
    first.click()
    expect(first).to_have_attribute("aria-checked", "true", timeout=PATIENCE_MS)
    ticked = ada.get_by_role("checkbox", name=re.compile("Evacuate"))
    expect(ticked).to_have_attribute("aria-checked", "true", timeout=PATIENCE_MS)
    expect(ada.locator("#part-told")).to_contain_text("done by Bo")
    plant.return_to_normal(alert)
    close = ada.locator("#close-cause")
    expect(close).to_be_visible(timeout=PATIENCE_MS)
    close.select_option("true_hazard")
    ada.locator("#close-note").fill("seal was worn")
    ada.get_by_role("button", name="Close the case").click()
    is_told(ada, "DONE")
    expect(bo.locator("#alert-head")).to_contain_text("case closed", timeout=PATIENCE_MS)
    expect(bo.locator("#part-people")).to_contain_text("seal was worn")


def test_a_lost_answer_is_not_said_to_be_nothing_done(
    desk: Desk, plant: Plant, address: str
) -> None:
    def lose(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        route.fetch()
        route.abort()

    with desk.of("Ada") as ada:
        opens(ada, address, an_alert(plant))
        ada.route("**/alerts/**", lose)
        ada.get_by_role("button", name="Acknowledge", exact=True).click()
        assert "not known" in is_told(ada, "NO ANSWER")
        expect(ada.locator("#alert-head")).to_contain_text("acknowledged by Ada")


def test_the_page_is_accessible_and_draws_the_readings(
    desk: Desk, plant: Plant, address: str
) -> None:
    plant.leak(60)
    alert = an_alert(plant, Severity.CRITICAL)
    plant.add_opinion(alert)
    plant.add_snapshot(alert, stripes(), [SEEN])
    with desk.of("Cy") as page:
        opens(page, address, alert)
        expect(page.locator(".plot canvas")).to_be_visible(timeout=PATIENCE_MS)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate(
                "async () => (await axe.run()).violations"
                ".map(one => `${one.id}: ${one.nodes.map(each => each.html).join(' ')}`)"
            )
            assert found == [], scheme
        assert page.evaluate("window.broken") is None
        overlay = page.locator("#part-evidence .overlay").first
        expect(overlay).to_be_visible()
        page.get_by_label("Boxes, tracks, zones and lines").first.uncheck()
        expect(overlay).to_be_hidden()
        plant.add_opinion(alert)  # the parts are fetched again: what was chosen stays
        expect(page.locator("#part-timeline")).to_contain_text("rev. 5", timeout=PATIENCE_MS)
        expect(overlay).to_be_hidden()


def test_a_clear_picture_takes_a_reason_and_a_file_is_made_with_progress(
    desk: Desk, plant: Plant, address: str
) -> None:
    alert = an_alert(plant)
    sha256 = plant.add_snapshot(alert, stripes(), [SEEN])
    with desk.of("Di") as page:
        opens(page, address, alert)
        page.get_by_text("See it clear").first.click()
        page.get_by_label("Why you need to see people clearly").first.fill("who is hurt")
        page.get_by_role("button", name="Note it and show").first.click()
        image = page.locator(f"#evidence-{sha256} image")
        expect(image).to_have_attribute("href", re.compile(r"\?clear="), timeout=PATIENCE_MS)
        lines = plant.store.queries.audit_page().lines
        assert any(one.verb == "see_clear" and one.details["why"] == "who is hurt" for one in lines)
        page.get_by_role("button", name="Make the file").click()
        save = page.get_by_role("link", name=re.compile("Save incident"))
        expect(save).to_be_visible(timeout=30_000)
        with page.expect_download() as downloading:
            save.click()
        path = downloading.value.path()
        assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("width", [360, 1360, 3840])
def test_the_page_is_never_wider_than_the_screen(
    desk: Desk, plant: Plant, address: str, width: int
) -> None:
    plant.leak(60)
    alert = an_alert(plant)
    plant.add_opinion(alert)
    plant.add_snapshot(alert, stripes(), [SEEN])
    with desk.of("Ed", width=width) as page:
        opens(page, address, alert)
        expect(page.locator(".plot canvas")).to_be_visible(timeout=PATIENCE_MS)
        wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(one => !one.closest('.scroll') && "
            "one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML)"
        )
        assert wide == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
