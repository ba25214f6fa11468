"""Overview, plant map, live and health in a real browser, in several widths, colours, languages.

One plant, one dashboard and one browser serve all tests of the module.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dashboard.plan_pictures import plan_picture
from hazard.floor_plan import Places
from hazard.types import Health, Severity
from tests.browser.accessible import faults, overflow_px
from tests.browser.desk import Desk, running_dashboard
from tests.browser.officer import Officer, box_of, chromium
from tests.plant import Heartbeat, Plant

pytestmark = pytest.mark.browser
PATHS = ("/", "/?show=7d", "/map", "/live", "/live?wall=1", "/live/yard-1", "/health")
AXE_AT = {"light": 1360, "dark": 360}
WIDTHS = {360: 740, 1360: 900, 3840: 2160}
YARD = ((0.05, 0.5), (0.5, 0.5), (0.5, 0.95), (0.05, 0.95))


def a_jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((320, 240), 40).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    built = Plant(tmp_path_factory.mktemp("plant"))
    (built.previews / "yard-1.jpg").write_bytes(a_jpeg())
    built.raise_alert(severity=Severity.HIGH)
    yield built
    built.close()


@pytest.fixture(scope="module")
def core(plant: Plant) -> Iterator[Heartbeat]:
    with Heartbeat(plant) as beating:
        yield beating
    assert beating.failed is None


@pytest.fixture(scope="module")
def desk(plant: Plant) -> Iterator[Desk]:
    with running_dashboard(plant) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def state(browser: Browser, desk: Desk) -> dict[str, object]:
    """Cookies of somebody who has set the dashboard up."""
    context = browser.new_context()
    Officer(context.new_page(), desk.address).sets_up(desk.code, "A. Rossi")
    kept: dict[str, object] = dict(context.storage_state())
    context.close()
    return kept


@pytest.fixture
def officer(
    browser: Browser, state: dict[str, object], desk: Desk, core: Heartbeat
) -> Iterator[Officer]:
    core.health = {}
    context = browser.new_context(
        storage_state=state,  # type: ignore[arg-type]
        viewport={"width": 1360, "height": 900},
        locale="en",
    )
    somebody = Officer(context.new_page(), desk.address)
    yield somebody
    assert somebody.faults == []
    assert somebody.foreign == [], "something was loaded from the network"
    context.close()


@pytest.fixture
def plan_id(plant: Plant) -> Iterator[str]:
    """A plan with an area, a camera and a sensor on it."""
    at = datetime.now(UTC)
    file = io.BytesIO()
    Image.new("RGB", (1000, 600), "white").save(file, "PNG")
    made = plant.store.plans.add("Hall 1", plan_picture(file.getvalue()), "Ines", at)
    placed = Places(
        areas={"yard": YARD}, cameras={"yard-1": (0.1, 0.6)}, sensors={"h2s-1": (0.75, 0.25)}
    )
    plant.store.plans.place(made, placed, at, "Ines", at)
    yield made
    plan = plant.store.plans.get(made)
    plant.store.plans.remove(made, plan.changed_at, "Ines", datetime.now(UTC))


def choose(page: Page, address: str, **cookies: str) -> None:
    page.context.add_cookies(
        [
            {"name": f"hazard_{key}", "value": value, "url": address}
            for key, value in cookies.items()
        ]
    )


@pytest.mark.usefixtures("plan_id")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_and_no_wider_than_the_screen(
    officer: Officer, theme: str
) -> None:
    page = officer.page
    choose(page, officer.address, theme=theme)
    found = []
    for path in PATHS:
        page.goto(officer.address + path)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert overflow_px(page) <= 0, (path, width)
            if width == AXE_AT[theme]:
                found += [f"{path} at {width}: {fault}" for fault in faults(page)]
    assert found == []


def test_an_alarm_and_an_outage_reach_overview_and_map_without_reloading(
    officer: Officer, plant: Plant, core: Heartbeat, plan_id: str
) -> None:
    page = officer.page
    page.goto(f"{officer.address}/?plan={plan_id}")
    expect(page.get_by_role("link", name="Camera yard-1: ready")).to_be_visible()
    page.evaluate("window.notReloaded = true")
    crowd = {"hazard": "crowding", "area": "yard", "sources": ["yard-1"]}
    plant.raise_alert(severity=Severity.MEDIUM, **crowd)  # type: ignore[arg-type]
    officer.sees_alarm("Crowding", timeout_ms=8000)
    expect(page.get_by_role("link", name="Camera yard-1: medium")).to_be_visible()
    expect(page.get_by_role("link", name="Loading yard: medium, 1 unacknowledged")).to_be_visible()
    core.health = {"sensor_h2s-1": (Health.OFFLINE, "offline: no reading")}
    expect(page.locator("#o-nodes")).to_contain_text("sensor h2s-1: offline")
    expect(page.locator("#o-areas")).to_contain_text("h2s-1: offline")
    assert page.evaluate("window.notReloaded")


def test_things_are_placed_by_pointer_and_by_keyboard(
    officer: Officer, plant: Plant, plan_id: str
) -> None:
    page = officer.page
    page.goto(f"{officer.address}/map?plan={plan_id}")
    plan = page.locator("#plan")
    page.get_by_label("yard-2", exact=True).check()
    box = box_of(plan)
    # Where it is at this very moment: a bar about the plant's health may come or go above it.
    plan.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.8})
    x, y = (page.locator(f"[name='camera.yard-2.{axis}']") for axis in "xy")
    assert abs(float(x.input_value()) - 30) < 1
    assert abs(float(y.input_value()) - 80) < 1
    corner = page.get_by_role("button", name="corner 1 of h2s-1")
    corner.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(corner).to_be_focused()
    expect(page.locator("[name='sensor.h2s-1.x']")).to_have_value("76")
    expect(page.locator("[name='sensor.h2s-1.y']")).to_have_value("30")
    page.get_by_role("button", name="corner 4 of Loading yard").focus()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Save").click()
    officer.sees("Saved. The overview shows it so.")
    found = plant.store.plans.get(plan_id)
    assert len(found.places.areas["yard"]) == 3
    assert found.places.sensors["h2s-1"] == (0.76, 0.3)
    assert set(found.places.cameras) == {"yard-1", "yard-2"}


def test_stills_are_fetched_one_after_the_other_and_not_while_hidden(
    officer: Officer, plant: Plant
) -> None:
    (plant.previews / "yard-2.jpg").write_bytes(a_jpeg())
    page = officer.page
    under_way: list[str] = []
    together: list[int] = []
    fetched: list[str] = []

    def begin(url: str) -> None:
        if "picture.jpg" in url:
            under_way.append(url)
            together.append(len(under_way))
            fetched.append(url)

    def end(url: str) -> None:
        if url in under_way:
            under_way.remove(url)

    page.goto(f"{officer.address}/live")
    page.on("request", lambda request: begin(request.url))
    page.on("requestfinished", lambda request: end(request.url))
    page.on("requestfailed", lambda request: end(request.url))
    with page.expect_response(lambda answer: "yard-2/picture.jpg" in answer.url):
        pass
    with page.expect_response(lambda answer: "yard-1/picture.jpg" in answer.url):
        pass
    assert max(together) == 1
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    for _ in range(2):  # what was under way is over by the second time
        fetched.clear()
        with page.expect_response("**/fragments/strip"):
            plant.raise_alert(severity=Severity.LOW)
    assert fetched == []


def test_the_language_is_switched_from_any_page_and_kept(officer: Officer) -> None:
    page = officer.page
    page.goto(f"{officer.address}/health")
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("h1")).to_have_text("Zustand")
    expect(page).to_have_url(f"{officer.address}/health")
    page.goto(f"{officer.address}/live")
    expect(page.get_by_role("navigation", name="Seiten")).to_contain_text("Übersicht")
    page.locator("#menu > summary").click()
    page.keyboard.press("Escape")
    expect(page.locator("#menu")).not_to_have_attribute("open", "")
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="Dunkel").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    # Both go with the account, and other tests use it too.
    for choice, told in (("Wie das Gerät", "auto"), ("English", "auto")):
        page.locator("#menu > summary").click()
        page.get_by_role("button", name=choice).click()
        expect(page.locator("html")).to_have_attribute("data-theme", told)
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("Overview")


def test_on_a_phone_every_page_is_reached_with_the_thumb(officer: Officer) -> None:
    page = officer.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{officer.address}/")
    links = page.locator(".top nav > a:visible, .more-pages > summary")
    for box in [each.bounding_box() for each in links.all()]:
        assert box is not None
        assert box["height"] >= 44
        assert box["y"] > 600
    page.locator(".more-pages > summary").click()
    page.locator(".more-pages .sheet").get_by_role("link", name="Zones and rules").click()
    expect(page).to_have_url(f"{officer.address}/site")


def test_the_health_page_says_unknown_when_the_agent_falls_silent(
    officer: Officer, core: Heartbeat
) -> None:
    page = officer.page
    page.goto(f"{officer.address}/health")
    expect(page.locator(".h-ready")).to_have_count(8)
    core.stop()
    expect(page.locator(".h-unknown")).to_have_count(8, timeout=15_000)
    expect(page.locator(".h-ready")).to_have_count(0)
    page.goto(f"{officer.address}/")
    officer.sees("What it watches is not known to be safe.")
