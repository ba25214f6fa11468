"""The alarm list in a real browser: keys, many at once, live rows, views, sound, what changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.alarm_list import PAGE
from hazard.types import Severity
from tests.browser.desk import running_dashboard
from tests.browser.officer import Officer, chromium
from tests.plant import Heartbeat, Plant

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent.parent / "vendor" / "axe.min.js"
SIZES = ((360, 740), (1360, 900), (3840, 2160))


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    built = Plant(tmp_path_factory.mktemp("plant"))
    yield built
    built.close()


@pytest.fixture(scope="module")
def core(plant: Plant) -> Iterator[Heartbeat]:
    with Heartbeat(plant) as beating:
        yield beating
    assert beating.failed is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def ada(plant: Plant, core: Heartbeat, browser: Browser) -> Iterator[Officer]:
    """An officer who has set the dashboard up, on one page for all tests."""
    assert core.failed is None
    with running_dashboard(plant) as desk:
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        officer = Officer(page, desk.address)
        officer.sets_up(desk.code, "Ada")
        yield officer
        assert officer.faults == []
        assert officer.foreign == [], "something was loaded from the network"


@pytest.fixture
def page(ada: Officer, plant: Plant) -> Page:
    """The list, with every alarm of earlier tests taken care of."""
    for alert in list(plant.alarms):
        plant.end(alert)
    ada.page.set_viewport_size({"width": 1360, "height": 900})
    ada.page.goto(f"{ada.address}/alarms?show=open")
    is_awake(ada.page)
    return ada.page


def is_awake(page: Page) -> None:
    """The page's script has run: it then offers its keys."""
    expect(page.locator("#help-open")).to_be_visible()


def row(page: Page, alert: str) -> Locator:
    return page.locator(f"#row-{alert}")


def test_new_alarms_appear_by_themselves_and_change_in_place(page: Page, plant: Plant) -> None:
    expect(page.locator("#alarm-list")).to_contain_text("No alarm.")
    page.evaluate("window.notReloaded = true")
    first = plant.raise_alert(severity=Severity.MEDIUM)
    expect(row(page, first)).to_be_visible()
    page.locator(f"#row-{first} .c-alarm a").focus()
    worst = plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    expect(page.locator("tr.row").first).to_have_id(f"row-{worst}")
    expect(row(page, worst).locator(".mark.flash")).to_have_count(1)
    expect(page.locator("#said")).to_contain_text("CRITICAL: Fire, Loading yard")
    assert page.evaluate("document.activeElement.closest('tr')?.id") == f"row-{first}"
    plant.lift(first, Severity.HIGH)
    expect(row(page, first).locator(".word")).to_have_text("HIGH")
    assert page.evaluate("window.notReloaded")


def test_a_filtered_list_keeps_itself_true(page: Page, plant: Plant, ada: Officer) -> None:
    first = plant.raise_alert(severity=Severity.CRITICAL)
    second = plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    other = plant.raise_alert(severity=Severity.HIGH, hazard="smoke", area="yard")
    page.goto(f"{ada.address}/alarms?show=unacknowledged&severity=critical")
    is_awake(page)
    expect(page.locator("tr.row")).to_have_count(2)
    page.locator(f"#row-{second} .c-alarm a").focus()
    plant.acknowledge(second, "Bob")
    expect(row(page, second)).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('tr').id") == f"row-{first}"
    expect(page.locator(".list-count")).to_have_text("1 alarm")
    plant.lift(other, Severity.CRITICAL)
    expect(row(page, other)).to_be_visible()


def test_a_flood_shows_the_worst_and_later_pages_tell_of_it(page: Page, plant: Plant) -> None:
    for _ in range(PAGE):
        plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="tank-farm")
    expect(page.locator("tr.row")).to_have_count(PAGE)
    worst = plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    expect(page.locator("tr.row").first).to_have_id(f"row-{worst}")
    expect(page.locator("tr.row")).to_have_count(PAGE)
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("tr.row")).to_have_count(1)
    is_awake(page)
    later = plant.raise_alert(severity=Severity.CRITICAL)
    new = page.locator("#new-alarms a")
    expect(new).to_have_text("1 new alarm: show")
    expect(row(page, later)).to_have_count(0)
    new.click()
    expect(page.locator("tr.row").first).to_have_id(f"row-{later}")


def test_keys_alone_find_tick_and_acknowledge(page: Page, plant: Plant) -> None:
    first = plant.raise_alert(severity=Severity.HIGH)
    second = plant.raise_alert(severity=Severity.MEDIUM, hazard="smoke", area="yard")
    expect(row(page, second)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr').id") == f"row-{second}"
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(row(page, first).locator("input")).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(page.locator("#ticked")).to_have_text("(2)")
    page.keyboard.press("a")
    expect(page.locator("#reason")).to_be_focused()
    page.keyboard.type("jax on site")
    page.keyboard.press("Enter")
    expect(page.locator("#bulk-outcome .o-done")).to_have_count(2)
    expect(row(page, first).locator(".state")).to_have_text("Acknowledged")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("smoke")
    page.keyboard.press("Enter")
    expect(page.locator("tr.row")).to_have_count(1)
    is_awake(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/alerts/{second}$"))


def test_what_changed_after_it_was_ticked_is_a_conflict_and_the_rest_is_done(
    page: Page, plant: Plant
) -> None:
    fine = plant.raise_alert(severity=Severity.HIGH)
    changed = plant.raise_alert(severity=Severity.HIGH, hazard="smoke", area="yard")
    for alert in (fine, changed):
        row(page, alert).locator("input").check()
    plant.lift(changed, Severity.CRITICAL)
    expect(row(page, changed).locator(".word")).to_have_text("CRITICAL")
    expect(row(page, changed).locator("input")).to_be_checked()
    page.locator("#reason").fill("seen both")
    page.get_by_role("button", name="Acknowledge what is ticked").click()
    expect(page.locator("#bulk-outcome .o-done")).to_have_count(1)
    expect(page.locator("#bulk-outcome .o-conflict")).to_have_count(1)
    expect(page.locator("#bulk-outcome .o-conflict")).to_contain_text("critical")
    expect(row(page, changed).locator(".state")).to_have_text("Unacknowledged")


def test_a_lost_answer_to_many_is_said(page: Page, plant: Plant) -> None:
    row(page, plant.raise_alert()).locator("input").check()
    page.locator("#reason").fill("seen")
    page.route("**/alarms/acknowledge", lambda route: route.abort())
    page.locator(".bulk-bar .go").click()
    expect(page.locator("#bulk-outcome")).to_contain_text("Whether it was done is not known")
    page.unroute_all()


def test_a_view_is_saved_and_opened_again(page: Page, plant: Plant, ada: Officer) -> None:
    yard = plant.raise_alert(area="yard", hazard="fire")
    plant.raise_alert(area="compressor")
    page.goto(f"{ada.address}/alarms?area=yard&sort=raised")
    page.locator("#views summary").click()
    page.get_by_label("Save this list as").fill("Only the yard")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{ada.address}/alarms")
    expect(page.locator("tr.row")).to_have_count(2)
    page.get_by_role("link", name="Only the yard").click()
    expect(page.locator("tr.row")).to_have_count(1)
    expect(row(page, yard)).to_be_visible()


def test_the_sound_waits_for_a_gesture_and_ends_with_the_acknowledgement(
    page: Page, plant: Plant
) -> None:
    sound, mute = page.locator("#sound"), page.locator("#mute")
    expect(sound).to_have_text("Sound is off")
    sound.click()
    expect(sound).to_have_text("Sound is on")
    expect(mute).to_be_hidden()
    alert = plant.raise_alert(severity=Severity.CRITICAL)
    expect(mute).to_be_visible()
    page.wait_for_function("Number(document.documentElement.dataset.beeps) >= 1")
    page.keyboard.press("m")
    expect(mute).to_be_hidden()
    fire = plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    expect(mute).to_be_visible()
    expect(row(page, alert)).to_be_visible()
    expect(row(page, fire)).to_be_visible()
    for one in page.locator(".tick-row input").all():
        one.check()
    page.locator("#reason").fill("seen")
    page.locator(".bulk-bar .go").click()
    expect(row(page, alert).locator(".state")).to_have_text("Acknowledged")
    expect(mute).to_be_hidden()
    page.reload()
    expect(page.locator("#sound")).not_to_have_text("Sound is off")
    page.locator("#sound").click()
    page.locator("#sound").click()


def test_who_was_away_is_told_what_changed(page: Page, plant: Plant, ada: Officer) -> None:
    page.locator("header summary", has_text="Ada").click()
    page.get_by_role("button", name="Log out").click()
    plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    ada.logs_in("Ada")
    page.goto(f"{ada.address}/alarms")
    since = page.locator(".since")
    expect(since).to_contain_text("raised")
    since.locator("summary").click()
    expect(since).to_contain_text("Fire, Loading yard")
    since.get_by_role("button", name="Seen").click()
    expect(page.locator("h1", has_text="Alarms")).to_be_visible()
    expect(since).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(page: Page, plant: Plant, scheme: str, tmp_path: Path) -> None:
    plant.raise_alert(severity=Severity.CRITICAL, hazard="fire", area="yard")
    plant.return_to_normal(plant.raise_alert(severity=Severity.HIGH, age_s=4000))
    low = plant.raise_alert(severity=Severity.LOW, hazard="crowding", area="tank-farm")
    expect(row(page, low)).to_be_visible()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.locator("#filter summary").click()
    page.locator("#views summary").click()
    pictures = Path(os.environ.get("HAZARD_PICTURES", tmp_path))
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"scrolls sideways at {width}: {wide}"
        page.screenshot(path=pictures / f"alarms-{scheme}-{width}.png")
    page.set_viewport_size({"width": 1360, "height": 900})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (fault["id"], [node["target"] for node in fault["nodes"]][:3])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.emulate_media(color_scheme="light")
