"""An alarm flood through a real core, store and broker: grouped, published, killed, over."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.ipc import Observed
from hazard.alarms.flood import FLOOD_KIND
from hazard.types import AlertMessage, CameraState, Cause, IsaState, Observation, Severity, Track
from tests.brokers import RunningBroker, Subscriber, subscribed
from tests.integration.core.node import Client, Node, a_site, run, until

AREA = "hazard/v1/plant/area/yard"


def crowd(vision: Client, number: int, people: int) -> None:
    """Camera `gate` sees so many people in the pit, each an alarm of their own."""
    now, now_s = datetime.now(UTC), time.monotonic()
    tracks = tuple(
        Track(
            track_id=each,
            label="person",
            confidence=0.9,
            xyxy=(10.0, 10.0, 30.0, 60.0),
            foot=(0.6, 0.3),
            zones=("pit",),
        )
        for each in range(1, people + 1)
    )
    observation = Observation(
        camera_id="gate",
        area="yard",
        sequence=number,
        captured_at=now,
        captured_monotonic_s=now_s,
        detected_at=now,
        detected_monotonic_s=now_s,
        width_px=100,
        height_px=100,
        camera_state=CameraState.OK,
        tracks=tracks,
    )
    vision.send(Observed(number=number, observation=observation))


def areas(heard: Subscriber) -> list[dict[str, Any]]:
    """What was said of the yard, oldest first."""
    return [json.loads(body) for topic, body, _, _ in list(heard.messages) if topic == AREA]


def hazards(alerts: list[AlertMessage]) -> list[AlertMessage]:
    """All but the flood alerts."""
    return [alert for alert in alerts if alert.hazard != FLOOD_KIND]


def floods(alerts: list[AlertMessage]) -> list[AlertMessage]:
    """The flood alerts."""
    return [alert for alert in alerts if alert.hazard == FLOOD_KIND]


def test_a_flood_is_one_alert_and_no_area_looks_milder_until_it_is_over(
    online: Node, broker: RunningBroker
) -> None:
    flood = {"starts_above": 3, "ends_below": 2, "window_min": 0.1}
    online.write_site(a_site(broker.port, alarms={"flood": flood}))

    async def test() -> None:
        with subscribed(broker.port, "hazard/v1/#") as heard:
            async with online.running(), Client.connected(online, "vision") as vision:
                crowd(vision, 1, 9)
                await until(lambda: len(hazards(online.alerts())) == 9, "nine alarms")
                grouped = [each for each in hazards(online.alerts()) if each.flood_alert_id]
                assert len(grouped) == 5
                assert {each.state for each in grouped} == {IsaState.SUPPRESSED_BY_DESIGN}
                (group,) = floods(online.alerts())
                assert group.severity is Severity.HIGH
                named = lambda: len(floods(online.alerts())[0].members) == 9
                await until(named, "the members")
                await until(lambda: any(each["flood"] for each in areas(heard)), "the flood")
                over = lambda: areas(heard)[-1]["flood"] is False
                await until(over, "the end of the flood")
                shown = lambda: all(not each.suppressed_by for each in online.alerts())
                assert shown()
                (group,) = floods(online.alerts())
                assert group.state is IsaState.LATCHED_UNACKNOWLEDGED
                for alert in online.alerts():
                    await until(
                        lambda a=alert: heard.revisions(a.alert_id)[-1:] == [a.revision],
                        "every revision on MQTT",
                    )
                    assert heard.revisions(alert.alert_id) == list(range(1, alert.revision + 1))
            said = [each["state"] for each in areas(heard)]
            alarmed = said[said.index("high") : said.index("high") + said.count("high")]
            assert set(alarmed) == {"high"}

    run(test())


def test_the_report_counts_what_the_flood_grouped(online: Node, broker: RunningBroker) -> None:
    flood = {"starts_above": 3, "ends_below": 2, "window_min": 10}
    online.write_site(a_site(broker.port, alarms={"flood": flood}))

    async def test() -> None:
        async with online.running(), Client.connected(online, "vision") as vision:
            crowd(vision, 1, 12)
            await until(lambda: len(hazards(online.alerts())) == 12, "twelve alarms")

    run(test())
    file = online.paths.data_dir / "report.json"
    options = ["--data-dir", str(online.paths.data_dir), "--site", str(online.paths.site_file)]
    done = CliRunner().invoke(app, ["report", "alarms", *options, "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "NOT ENOUGH DATA YET" in done.stdout
    (position,) = json.loads(file.read_text())["positions"]
    assert (position["position"], position["alarms"], position["floods"]) == ("all", 12, 1)
    assert position["alarms_by_severity"]["high"] == 12
    (actor,) = position["bad_actors"]
    assert (actor["rule_id"], actor["source"], actor["share_percent"]) == ("pit", "gate", 100)


@contextmanager
def a_core_process(node: Node) -> Iterator[subprocess.Popen[bytes]]:
    """A core in a process of its own, killed at the end."""
    node.paths.socket.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent.core"],
        env=os.environ | node.paths.environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def test_after_a_kill_in_a_flood_the_same_alarms_are_grouped_and_more_join(node: Node) -> None:
    flood = {"starts_above": 3, "ends_below": 2, "window_min": 10}
    node.write_site(a_site(alarms={"flood": flood}))

    def states() -> dict[str, tuple[IsaState, str | None]]:
        return {each.alert_id: (each.state, each.flood_alert_id) for each in hazards(node.alerts())}

    async def test() -> None:
        with a_core_process(node):
            await until(node.paths.socket.exists, "the core")
            async with Client.connected(node, "vision") as vision:
                crowd(vision, 1, 6)
                await until(lambda: len(hazards(node.alerts())) == 6, "six alarms")
                named = lambda: len(floods(node.alerts())[0].members) == 6
                await until(named, "the members")
        before, (group,) = states(), floods(node.alerts())
        with a_core_process(node):
            await until(node.paths.socket.exists, "the core again")
            async with Client.connected(node, "vision") as vision:
                crowd(vision, 1, 8)
                await until(lambda: len(hazards(node.alerts())) == 8, "eight alarms")
                after = states()
                assert {key: after[key] for key in before} == before
                new = [after[key] for key in after.keys() - before.keys()]
                assert new == [(IsaState.SUPPRESSED_BY_DESIGN, group.alert_id)] * 2
                named = lambda: len(floods(node.alerts())[0].members) == 8
                await until(named, "the members")
                (still,) = floods(node.alerts())
                assert still.alert_id == group.alert_id
                assert still.cause in (Cause.FLOOD, Cause.EVENT)

    run(test())
