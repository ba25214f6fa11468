"""A safety officer at the running demo: from the code on the console to Ctrl-C."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.plant import LONGEST_S, RunningDemo, is_alert
from tests.alert_builders import wait_until
from tests.brokers import Subscriber
from tests.browser.officer import Officer, officer_at
from tests.programs import require_weights

pytestmark = [pytest.mark.browser, pytest.mark.weights, pytest.mark.timeout(600)]

PATIENCE_MS = LONGEST_S * 1000
PERSON = "Person in restricted zone"
ENDS_WITHIN_S = 5.0
"""What is promised: Ctrl-C ends all processes within this time."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    for entry in ("nanodet", "smollm2", "vtest"):
        require_weights(entry)
    with RunningDemo(tmp_path / "demo") as running:
        yield running


def test_an_officer_sees_an_alarm_arrive_acknowledges_it_and_ends_the_demo(
    demo: RunningDemo,
) -> None:
    address, code = demo.wait_code()
    port = demo_port(demo)
    with officer_at(address, code, "A. Rossi") as officer:
        officer.page.evaluate("window.notReloaded = true")
        alert_id, title = sees_an_alarm_arrive(officer)
        assert officer.page.evaluate("window.notReloaded")
        subscriber = Subscriber(port, "hazard/v1/+/alert/#")
        try:
            opens_and_looks(officer, alert_id, title)
            acknowledges(officer, alert_id)
            acknowledged = wait_acknowledged(subscriber, alert_id)
        finally:
            subscriber.close()
        assert acknowledged["acknowledged_by"] == "A. Rossi"
        assert acknowledged["comment"] == "on my way"
        assert officer.faults == []
        assert officer.foreign == [], "something was loaded from the network"
        shows_its_state(demo)
        ends_at_once(demo)


def demo_port(demo: RunningDemo) -> int:
    """The broker's port, from the line that says how to subscribe."""
    found = re.search(r"mosquitto_sub -h 127\.0\.0\.1 -p (\d+)", "\n".join(demo.lines))
    assert found is not None, demo.text()
    return int(found.group(1))


def sees_an_alarm_arrive(officer: Officer) -> tuple[str, str]:
    """Wait for an alarm that was not there at the login; its id and title."""
    links = "table.alarms a[href^='/alerts/']"
    known = officer.page.eval_on_selector_all(links, "all => all.map(each => each.href)")
    arrived = officer.page.wait_for_function(
        """([links, known, title]) => {
            const all = [...document.querySelectorAll(links)];
            const fresh = all.filter(each => !known.includes(each.href));
            const one = fresh.find(each => each.textContent.trim() === title);
            return one ? [one.getAttribute("href"), one.textContent.trim()] : null;
        }""",
        arg=[links, known, PERSON],
        timeout=PATIENCE_MS,
    ).json_value()
    return str(arrived[0]).rsplit("/", 1)[1], str(arrived[1])


def opens_and_looks(officer: Officer, alert_id: str, title: str) -> None:
    """What happened, how bad, who says so, and the picture with its boxes."""
    page = officer.page
    page.locator(f"table.alarms a[href='/alerts/{alert_id}']").click()
    head = page.locator("#alert-head")
    expect(head.locator("h1")).to_have_text(title, timeout=PATIENCE_MS)
    expect(head).to_contain_text(re.compile("MEDIUM|HIGH|CRITICAL"))
    facts = page.locator("dl.facts").first
    expect(facts).to_contain_text(re.compile(r"decided by: (Policy|Model|Policy default)"))
    picture = page.locator("figure.snapshot svg").first
    expect(picture).to_be_visible(timeout=PATIENCE_MS)
    expect(picture.locator("rect.box.concerned").first).to_be_visible()
    source = picture.locator("image").get_attribute("href")
    width = page.evaluate(
        """async source => {
            const image = new Image();
            image.src = source;
            await image.decode();
            return image.naturalWidth;
        }""",
        source,
    )
    assert width == 768, "the footage's width in pixels"
    expect(page.locator("#alert-body")).to_contain_text(
        re.compile("Text (by|from) the"), timeout=PATIENCE_MS
    )


def acknowledges(officer: Officer, alert_id: str) -> None:
    """Acknowledge with a comment; where the alarm got worse meanwhile, look and do it again."""
    page = officer.page
    for _ in range(5):
        officer.acknowledges("on my way")
        word = page.locator("#asked .outcome .outcome-word")
        expect(word).to_have_text(re.compile("DONE|CONFLICT"), timeout=PATIENCE_MS)
        if word.inner_text() == "DONE":
            break
        page.goto(f"{officer.address}/alerts/{alert_id}")
    assert "Acknowledge: done." in officer.is_told("DONE")
    officer.sees("acknowledged by A. Rossi")
    expect(page.get_by_role("button", name="Acknowledge", exact=True)).to_have_count(0)


def wait_acknowledged(subscriber: Subscriber, alert_id: str) -> dict[str, Any]:
    """The first acknowledged revision that an independent client receives."""

    def found() -> list[dict[str, Any]]:
        bodies = [json.loads(payload) for _, payload, _, _ in list(subscriber.messages)]
        return [each for each in bodies if each["alert_id"] == alert_id and each["acknowledged"]]

    wait_until(lambda: bool(found()), seconds=LONGEST_S, what="the acknowledged revision")
    return found()[0]


def shows_its_state(demo: RunningDemo) -> None:
    """`hazard status` is content while no fault is being injected; Prometheus has its figures."""
    address = re.search(r"Metrics:\s+(http://\S+)", "\n".join(demo.lines))
    assert address is not None, demo.text()
    with urllib.request.urlopen(address.group(1), timeout=30) as answer:  # noqa: S310 - loopback
        metrics = answer.read().decode()
    assert re.search(r'^hazard_observations_total\{camera="yard-1"\} [1-9]', metrics, re.MULTILINE)
    assert re.search(
        r'^hazard_stage_latency_seconds_count\{stage="raised_to_stored"\}', metrics, re.MULTILINE
    )
    assert 'hazard_revisions_total{cause="action"' in metrics

    said: dict[str, Any] = {}

    def content() -> bool:
        demo.wait_ready()
        code, answer = demo.status()
        said.update(answer)
        return code == 0

    wait_until(content, seconds=LONGEST_S, what="`hazard status` to end with 0")
    assert said["well"]
    assert {"broker", "core", "vision", "reasoner", "jobs", "dashboard"} <= set(said["processes"])
    stages = {stage["stage"] for stage in said["stages"]}
    wanted = {"camera/yard-1", "camera/gate-2", "sensor/h2s-1", "core", "store", "mqtt/plant"}
    assert wanted <= stages


def ends_at_once(demo: RunningDemo) -> None:
    """Ctrl-C, with a browser still looking: a clean end, in time, and nothing stays behind."""
    family = demo.family()
    assert len(family) > len(demo.pids())
    took_s = demo.interrupt()
    assert took_s <= ENDS_WITHIN_S, f"{took_s:.1f} s\n{demo.text()}"
    assert demo.finish() == 0, demo.text()
    assert [each for each in family if each.is_running() and each.status() != "zombie"] == []
    assert "Stopped: all processes have ended." in demo.text()
    assert any(is_alert(line) for line in demo.lines)
