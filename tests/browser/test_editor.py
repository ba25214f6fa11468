"""Zones and rules edited in a real browser; the real agent core takes the changes up.

The vision group is a small client that sees one person at one spot and puts them into the zones
that the core has configured, as the real one does. The real one is driven in tests/acceptance.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.store import Store
from tests.alert_builders import wait_until
from tests.browser.accessible import faults, overflow_px
from tests.browser.officer import Officer, box_of, chromium

pytestmark = pytest.mark.browser

RULE = "press-restricted-zone-1"


SITE = """\
# The plant by the river.
version: 1
site: {id: plant, name: Plant, node: edge-1}
areas:
  yard: {name: Yard}
  hall: {name: "Hall <b>"}
cameras:
  gate:
    area: yard
    source: {kind: folder, path: .}
    zones:
      # drawn by Bob
      pit: {polygon: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}
rules:
  pit: {kind: restricted_zone, camera: gate, zone: pit, dwell_s: 3600}
  eyes: {kind: camera_health, cameras: [gate], offline_after_s: 5}
mqtt: {brokers: {plant: {host: 127.0.0.1, port: 9}}}
reasoning: {enabled: false}
dashboard: {port: 0}
observe: {metrics_port: 0}
"""


@dataclass
class Works:
    """The running agent and dashboard, and a browser."""

    site_file: Path
    agent: subprocess.Popen[str]
    store: Store
    address: str
    code: str
    browser: Browser

    @property
    def site(self) -> Site:
        return load_site(self.site_file)

    def rule(self, name: str) -> dict[str, Any]:
        return self.site.rules[name].model_dump()

    def rules_in_alarm(self) -> set[str]:
        found = self.store.queries.list_alerts().alerts
        return {event.rule_id for alert in found for event in alert.events}


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0]
    return process.stdout.readline().strip()


@contextmanager
def program(repo_root: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        env=os.environ | variables,
        cwd=repo_root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Iterator[Works]:
    folder = tmp_path_factory.mktemp("editor")
    site_file = folder / "site.yaml"
    site_file.write_text(SITE, encoding="utf-8")
    with program(repo_root, "tests.browser.agent", str(folder)) as agent:
        run_dir = Path(first_line(agent))
        (run_dir / "previews").mkdir(exist_ok=True)
        Image.new("RGB", (640, 480), (90, 100, 90)).save(run_dir / "previews" / "gate.jpg")
        variables = {
            "HAZARD_SITE_FILE": str(site_file),
            "HAZARD_DATA_DIR": str(folder / "data"),
            "HAZARD_RUN_DIR": str(run_dir),
        }
        with (
            chromium() as browser,
            program(repo_root, "dashboard", **variables) as dashboard,
            Store.open(folder / "data" / "hazard.db") as store,
        ):
            found = re.match(r"Dashboard: (\S+)/  one-time code: (\S+)", first_line(dashboard))
            assert found is not None
            yield Works(site_file, agent, store, found.group(1), found.group(2), browser)
            end(agent)
        shutil.rmtree(run_dir, ignore_errors=True)


def end(agent: subprocess.Popen[str]) -> None:
    """Close its input, and wait for its end."""
    assert agent.stdin is not None
    agent.stdin.close()
    agent.wait(30)


@pytest.fixture(scope="module")
def state(works: Works) -> Any:
    """Cookies of A. Rossi, who has set the dashboard up."""
    context = works.browser.new_context()
    Officer(context.new_page(), works.address).sets_up(works.code, "A. Rossi")
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def page(works: Works, state: Any) -> Iterator[Page]:
    """A tab of A. Rossi's, in which nothing may go wrong unseen."""
    context = works.browser.new_context(
        storage_state=state, viewport={"width": 1360, "height": 900}
    )
    tab = context.new_page()
    officer = Officer(tab, works.address)
    yield tab
    context.close()
    assert officer.faults == []
    assert officer.foreign == [], "something was loaded from the network"


def opens(page: Page, works: Works, where: str = "") -> None:
    page.goto(f"{works.address}/site{where}")
    expect(page.locator(".sections")).to_be_visible()


def clicks_on_picture(page: Page, x: float, y: float) -> None:
    box = box_of(page.locator("svg.drawing"))
    page.mouse.click(box["x"] + box["width"] * x, box["y"] + box["height"] * y)


def saves(page: Page, why: str) -> None:
    page.locator("#review").click()
    page.locator("#reason").fill(why)
    expect(page.locator("#save")).to_be_enabled()
    page.locator("#save").click()


def is_saved(page: Page) -> None:
    expect(page.locator(".told")).to_contain_text("Saved.")
    expect(page.locator("dialog")).to_be_hidden()


# ---------------------------------------------------------------- one person


def test_a_zone_drawn_with_the_mouse_is_in_force_without_restart_and_raises_an_alarm(
    works: Works, page: Page
) -> None:
    opens(page, works)
    still = page.locator("img.still")
    assert still.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    page.get_by_role("button", name="Draw a zone").click()
    for x, y in ((0.5, 0.2), (0.8, 0.2), (0.8, 0.5), (0.5, 0.5)):
        clicks_on_picture(page, x, y)
    page.get_by_role("button", name="Close the zone").click()
    page.locator("#zone-name").fill("press")
    page.locator("#zone-name").press("Enter")
    page.locator("#rule-kind").select_option("restricted_zone")
    page.get_by_role("button", name="Add this rule").click()
    page.get_by_label("Raised after (s)").fill("0")
    page.get_by_label("Raised after (s)").press("Enter")
    saves(page, "the press was moved")
    is_saved(page)
    assert "press" in works.site.cameras["gate"].zones
    assert works.rule(RULE)["zone"] == "press"
    wait_until(lambda: RULE in works.rules_in_alarm(), what="an alarm of the new rule")
    page.goto(f"{works.address}/site/versions")
    newest = page.locator(".versions li").first
    expect(newest).to_contain_text("A. Rossi")
    expect(newest).to_contain_text("the press was moved")


def test_a_zone_is_drawn_moved_and_saved_by_keyboard_only(works: Works, page: Page) -> None:
    opens(page, works)
    keyboard = page.keyboard
    tabs_to(page, "add-zone")
    keyboard.press("Enter")
    expect(page.locator("#zone-name")).to_be_focused()
    keyboard.type("gangway")
    keyboard.press("Enter")
    tabs_to(page, "corner-0", backwards=True)
    keyboard.press("Shift+ArrowLeft")
    keyboard.press("ArrowUp")
    keyboard.press("Insert")
    expect(page.locator("#corner-1")).to_be_focused()
    keyboard.press("Delete")
    expect(page.locator("table.corners tbody tr")).to_have_count(4)
    tabs_to(page, "review")
    keyboard.press("Enter")
    tabs_to(page, "reason")
    keyboard.type("gangway painted")
    expect(page.locator("#save")).to_be_enabled()
    tabs_to(page, "save")
    keyboard.press("Enter")
    is_saved(page)
    polygon = works.site.cameras["gate"].zones["gangway"].polygon
    assert polygon[0] == pytest.approx((0.35, 0.395))


def test_a_line_is_drawn_with_its_rule_and_shown_with_an_arrow(works: Works, page: Page) -> None:
    opens(page, works)
    page.get_by_role("button", name="Lines").click()
    page.get_by_role("button", name="Draw a line").click()
    for x, y in ((0.2, 0.5), (0.4, 0.4), (0.4, 0.2)):
        clicks_on_picture(page, x, y)
    page.get_by_role("button", name="Finish the line").click()
    page.locator("#line-name").fill("doorway")
    page.locator("#line-name").press("Enter")
    tabs_to(page, "corner-0", backwards=True)
    page.keyboard.press("ArrowRight")
    page.locator("#add-rule").click()
    page.get_by_label("Raised when crossed").select_option("to the left")
    expect(page.locator(".selected .arrow")).to_have_count(1)
    assert faults(page) == []
    saves(page, "nobody goes back through the door")
    is_saved(page)
    points = works.site.cameras["gate"].lines["doorway"].points
    assert sum(points, ()) == pytest.approx((0.205, 0.5, 0.4, 0.4, 0.4, 0.2), abs=0.002)
    rule = works.rule("doorway-line-1")
    assert (rule["line"], rule["direction"]) == ("doorway", "left")
    page.goto(f"{works.address}/live/gate")
    expect(page.locator(".tripline .arrow")).to_have_count(1)
    assert faults(page) == []


def tabs_to(page: Page, element: str, *, backwards: bool = False) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(80):
        if page.evaluate("document.activeElement?.id") == element:
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{element} cannot be reached with Tab")


def test_a_corner_is_dragged_and_the_change_undone_and_redone(works: Works, page: Page) -> None:
    opens(page, works)
    handle = box_of(page.locator("#corner-1 .hit"))
    box = box_of(page.locator("svg.drawing"))
    assert min(handle["width"], handle["height"]) >= 44
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.1, steps=4)
    page.mouse.up()
    x = page.get_by_label("x 2 (%)")
    expect(x).to_have_value("90")
    page.locator("#undo").click()
    expect(x).to_have_value("100")
    page.locator("#redo").click()
    expect(x).to_have_value("90")


def test_a_draft_survives_a_reload_and_leaving_is_warned_of(works: Works, page: Page) -> None:
    opens(page, works, "#areas")
    page.locator("summary", has_text="yard").click()
    page.get_by_label("Name", exact=True).first.fill("Yard 2")
    page.get_by_label("Name", exact=True).first.press("Enter")
    expect(page.locator(".bar-state")).to_contain_text("Changes not saved: 1")
    warned: list[str] = []
    page.once("dialog", lambda dialog: (warned.append(dialog.type), dialog.accept()))
    page.reload()
    expect(page.locator(".bar-state")).to_contain_text("Changes not saved: 1")
    assert warned == ["beforeunload"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#discard").click()
    expect(page.locator(".bar")).to_be_hidden()


def test_a_mistake_is_told_beside_its_field_and_cannot_be_saved(works: Works, page: Page) -> None:
    opens(page, works, "#rules")
    page.locator("summary", has_text="eyes").click()
    field = page.locator("#at-rules-eyes-dark-after-s")
    field.fill("-3")
    field.press("Enter")
    problem = page.locator("#at-rules-eyes-dark-after-s-problem")
    expect(problem).to_contain_text("want at least 0 (-3)")
    expect(field).to_have_attribute("aria-invalid", "true")
    page.locator("#review").click()
    expect(page.locator("dialog")).to_contain_text("rules.eyes.dark_after_s")
    expect(page.locator("#save")).to_be_disabled()
    page.locator("#close-review").click()
    page.locator("#undo").click()
    expect(problem).to_be_hidden()


def test_the_ground_plane_shows_its_grid_and_its_error(works: Works, page: Page) -> None:
    opens(page, works)
    page.get_by_role("button", name="Ground plane").click()
    page.get_by_role("button", name="Set up the ground plane").click()
    expect(page.locator("#ground-fit")).to_contain_text("Four points always fit exactly")
    expect(page.locator(".ground-line").first).to_be_attached()
    page.get_by_role("button", name="Add a point").click()
    page.get_by_label("X (m) 5").fill("9")
    page.get_by_label("X (m) 5").press("Enter")
    expect(page.locator("#ground-fit")).to_contain_text("Error of the points")
    assert faults(page) == []


def test_a_dry_run_says_what_a_zone_would_have_raised(works: Works, page: Page) -> None:
    wait_until(lambda: works.store.observations.oldest() is not None, what="stored tracks")
    opens(page, works)
    page.get_by_role("button", name="Add a rectangle").click()
    page.locator("#zone-name").fill("door")
    page.locator("#zone-name").press("Enter")
    for corner, value in (("x 1", "50"), ("y 1", "10"), ("y 2", "10"), ("x 2", "80")):
        field = page.get_by_label(f"{corner} (%)")
        field.fill(value)
        field.press("Enter")
    page.locator("#rule-kind").select_option("restricted_zone")
    page.locator("#add-rule").click()
    page.locator("#review").click()
    expect(page.locator("#dry-run")).to_be_enabled()
    page.locator("#dry-hours").select_option("1")
    page.locator("#dry-run").click()
    told = page.locator(".dry-told")
    expect(told).to_contain_text("Would have been raised in addition: 1", timeout=60_000)
    expect(told.locator("tbody tr").first).to_contain_text("Person in restricted zone")
    expect(told).to_contain_text("Would no longer have been raised: 0")
    expect(told).to_contain_text("What was stored covers")
    assert faults(page) == []


def test_an_earlier_version_is_brought_back(works: Works, page: Page) -> None:
    opens(page, works, "#areas")
    renames(page, "hall", "Old hall")
    saves(page, "the sign was changed")
    is_saved(page)
    versions = page.request.get(f"{works.address}/api/v1/site/versions").json()["versions"]
    first = versions[-1]["version"]
    page.goto(f"{works.address}/site/versions/{first}")
    page.get_by_label("Why").fill("back to how it was")
    page.get_by_role("button", name="Bring it back").click()
    page.wait_for_url("**/site/versions")
    expect(page.locator(".versions li").first).to_contain_text(f"brings back version {first}")
    assert set(works.site.cameras["gate"].zones) == {"pit"}
    assert RULE not in works.site.rules


# ---------------------------------------------------------------- two persons


def test_two_editors_at_once_lose_nothing(works: Works, page: Page, state: Any) -> None:
    opens(page, works, "#areas")
    other_context = works.browser.new_context(storage_state=state)
    other = other_context.new_page()
    opens(other, works, "#rules")
    renames(page, "yard", "Loading yard")
    other.locator("summary", has_text="eyes").click()
    other.locator("#at-rules-eyes-dark-after-s").fill("7")
    other.locator("#at-rules-eyes-dark-after-s").press("Enter")
    saves(other, "the lens is dirty")
    is_saved(other)
    other_context.close()

    page.locator("#review").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Somebody has changed the site file meanwhile")
    expect(dialog).to_contain_text("the lens is dirty")
    expect(dialog.locator(".diff")).to_contain_text("dark_after_s")
    page.locator("#take-theirs").click()
    expect(dialog).to_contain_text("Theirs is taken up")
    page.locator("#reason").fill("named as on the sign")
    page.locator("#save").click()
    is_saved(page)
    assert works.site.areas["yard"].name == "Loading yard"
    assert works.rule("eyes")["dark_after_s"] == 7


def renames(page: Page, area: str, name: str) -> None:
    page.locator("summary", has_text=area).click()
    field = page.locator(f"#at-areas-{area}-name")
    field.fill(name)
    field.press("Enter")


# ---------------------------------------------------------------- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_of_the_editor_can_be_used_by_everybody(
    works: Works, page: Page, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    opens(page, works)
    assert faults(page) == []
    for part in ("#rules", "#sensors", "#maintenance"):
        page.evaluate(f"location.hash = '{part}'")
        expect(page.locator(".list-view h2")).to_be_visible()
        assert faults(page) == [], part
    page.evaluate("location.hash = '#areas'")
    renames(page, "hall", "Hall 2")
    page.locator("#review").click()
    expect(page.locator(".steps li")).to_have_count(1)
    assert faults(page) == []
    page.locator("#close-review").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#discard").click()
    expect(page.locator(".bar")).to_be_hidden()
    for path in ("/site/versions", "/site/versions/1", "/admin/maintenance", "/admin/shelving"):
        page.goto(works.address + path)
        assert faults(page) == [], path


@pytest.mark.parametrize("width", [360, 1360, 3840])
def test_nothing_is_wider_than_the_screen(works: Works, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for part in ("", "#rules"):
        opens(page, works, part)
        assert overflow_px(page) <= 0, part
    for path in ("/site/versions", "/admin/maintenance", "/admin/shelving"):
        page.goto(works.address + path)
        expect(page.locator("h1")).to_be_visible()
        assert overflow_px(page) <= 0, path


def test_a_permit_is_granted_and_ended(works: Works, page: Page) -> None:
    page.goto(f"{works.address}/admin/maintenance")
    page.get_by_label("Alarms of kind").select_option("crowding")
    page.get_by_label("Area").select_option("yard")
    page.locator("#reason").fill("a visit of forty")
    page.get_by_role("button", name="Put in force").click()
    expect(page.locator(".grant .outcome-word")).to_have_text("DONE")
    order = page.locator("#orders li", has_text="a visit of forty")
    expect(order).to_contain_text("left, until")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/fragments/maintenance*", hold)
    page.evaluate("document.body.dispatchEvent(new Event('news-alarm'))")
    wait_until(lambda: bool(page.title() and held), what="the list's question")
    order.locator("summary").click()  # while the answer is under way
    why = order.get_by_label("Why")
    why.fill("they have left")
    with page.expect_response("**/fragments/maintenance*"):
        page.unroute("**/fragments/maintenance*")  # what is held goes on
    expect(why).to_be_focused()
    page.locator("h1").click()
    page.evaluate("document.querySelector('#orders ul').id = 'before'")
    page.evaluate("document.body.dispatchEvent(new Event('news-alarm'))")
    expect(page.locator("#before")).to_have_count(0)
    expect(why).to_have_value("they have left")
    order.get_by_role("button", name="End it now").click()
    expect(page.locator("#orders")).to_contain_text("Nothing is suppressed")


def test_an_agent_that_does_not_answer_is_told_of(works: Works, page: Page) -> None:
    opens(page, works, "#areas")
    renames(page, "hall", "Hall 3")
    expect(page.locator(".bar-state")).to_contain_text("Changes not saved: 1")
    end(works.agent)
    saves(page, "nobody hears")
    page.on("dialog", lambda dialog: dialog.accept())
    expect(page.locator("dialog .outcome-word")).to_have_text("NO ANSWER")
    assert works.site.areas["hall"].name == "Hall <b>"
    page.reload()
    expect(page.locator(".bar-state")).to_contain_text("Changes not saved: 1")
