"""From what a camera sees to the store, the broker and the people, through a real core."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import Any

from edge_agent.ipc import SnapshotTaken
from hazard.types import CameraState, Evidence, Health, Verb
from tests.brokers import RunningBroker, Subscriber, subscribed
from tests.integration.core.node import Client, Node, a_site, run, until


def bodies(subscriber: Subscriber, part: str) -> list[dict[str, Any]]:
    """Payloads on topics that contain `part`, oldest first."""
    found = [(topic, body) for topic, body, _, _ in list(subscriber.messages) if body]
    return [json.loads(body) for topic, body in found if part in topic]


def is_offline(node: Node, stage: str) -> bool:
    """Whether the database calls the stage offline."""
    return node.stages()[stage].health is Health.OFFLINE


def test_what_a_camera_sees_is_an_alert_in_the_store_and_on_the_broker(
    online: Node, broker: RunningBroker
) -> None:
    async def test() -> None:
        with subscribed(broker.port, "hazard/v1/#") as heard:
            async with online.running(), Client.connected(online, "vision") as vision:
                number = vision.observe(person=True)
                await until(lambda: vision.acked >= number, "the acknowledgement")
                (alert,) = online.alerts()
                assert (alert.hazard, alert.revision >= 1) == ("person_in_restricted_zone", True)
                await until(lambda: 1 in heard.revisions(alert.alert_id), "revision 1 on MQTT")
                first = bodies(heard, "/alert/")[0]
                assert first["durability"] == "store"
                assert first["times"]["stored"] is not None

    run(test())


def test_an_observation_is_acknowledged_only_when_its_alert_is_durable(node: Node) -> None:
    node.write_site(a_site(store={"commit_timeout_ms": 20_000}))

    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            other = sqlite3.connect(node.paths.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            number = vision.observe(person=True)
            await until(lambda: core._thread.waiting >= 2, "a commit that waits")
            assert vision.acked == 0
            other.execute("ROLLBACK")
            other.close()
            await until(lambda: vision.acked >= number, "the acknowledgement")
            assert len(node.alerts()) == 1

    run(test())


def test_a_locked_database_costs_no_alert_and_is_said(online: Node, broker: RunningBroker) -> None:
    async def test() -> None:
        with subscribed(broker.port, "hazard/v1/#") as heard:
            async with online.running() as core, Client.connected(online, "vision") as vision:
                await until(lambda: core._publisher.counters()["plant"].connects, "the broker")
                other = sqlite3.connect(online.paths.database, isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                vision.observe(person=True)
                await until(lambda: bodies(heard, "/alert/"), "the alert on MQTT")
                assert bodies(heard, "/alert/")[0]["durability"] == "journal"
                told = online.paths.health_state.read_text
                await until(lambda: "another program holds" in told(), "the reason in health")
                other.execute("ROLLBACK")
                other.close()
                await until(online.alerts, "the alert in the store")
                ready = lambda: online.stages()["store"].health is Health.READY
                await until(ready, "a healthy store")

    run(test())


def test_a_camera_that_falls_silent_is_an_alarm_and_its_area_unknown(
    online: Node, broker: RunningBroker
) -> None:
    async def test() -> None:
        with subscribed(broker.port, "hazard/v1/#") as heard:
            async with online.running():
                async with Client.connected(online, "vision") as vision:
                    vision.say_ready()
                    vision.report()
                    vision.observe(person=False)
                    state = lambda: bodies(heard, "/area/yard")[-1:]
                    await until(lambda: state() and state()[0]["state"] == "clear", "clear")
                hazards = lambda: {alert.hazard for alert in online.alerts()}
                await until(lambda: "camera_offline" in hazards(), "the alarm")
                await until(lambda: not state()[0]["watched"], "an area that is not watched")
                assert state()[0]["state"] != "clear"
                for stage in ("vision", "camera/gate"):
                    await until(partial(is_offline, online, stage), f"{stage} offline")

    run(test())


def a_picture(mark: str) -> Evidence:
    return Evidence(
        evidence_id=mark * 64,
        kind="snapshot",
        media_type="image/jpeg",
        size_bytes=10,
        source="gate",
        captured_at=datetime.now(UTC),
        width_px=8,
        height_px=8,
    )


def test_a_picture_joins_its_alert_and_a_failed_one_is_shown_until_the_next(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (request,) = await until(lambda: vision.of("snapshot_request"), "the question")
            vision.send(SnapshotTaken(request_id=request.request_id, error="no space left"))
            evidence = lambda: node.stages().get("evidence")
            shown = await until(evidence, "the stage")
            assert (shown.health, "no space left" in shown.reason) == (Health.DEGRADED, True)
            for _ in range(2):
                vision.observe(person=False, state=CameraState.DARK)
                vision.observe(person=True)
            asked = await until(lambda: vision.of("snapshot_request")[1:], "the next question")
            answer = SnapshotTaken(request_id=asked[0].request_id, evidence=a_picture("a"))
            vision.send(answer)
            await until(lambda: any(a.evidence for a in node.alerts()), "the picture in the alert")
            await until(lambda: evidence().health is Health.READY, "health again")

    run(test())


def test_what_people_ask_is_done_refused_or_in_conflict_and_published(
    online: Node, broker: RunningBroker
) -> None:
    async def test() -> None:
        with subscribed(broker.port, "hazard/v1/#") as heard:
            async with online.running(), Client.connected(online, "vision") as vision:
                vision.observe(person=True)
                (alert,) = await until(online.alerts, "the alert")
                wrong = online.ask(Verb.ACKNOWLEDGE, alert.alert_id, 99)
                done = online.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision, comment="on it")
                await until(lambda: online.outcome(done)[0] == "done", "the acknowledgement")
                again = online.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision + 1)
                # In conflict instead, if the alert was revised once more before it was looked at.
                told = ("refused", "conflict")
                await until(lambda: online.outcome(again)[0] in told, "the refusal")
                assert "already acknowledged by ada" in online.outcome(again)[1]
                assert online.outcome(wrong)[0] == "conflict"
                acked = lambda: [b for b in bodies(heard, "/alert/") if b["acknowledged"]]
                published = await until(acked, "the acknowledgement on MQTT")
                assert published[0]["acknowledged_by"] == "ada"
                assert published[0]["comment"] == "on it"

    run(test())


def test_a_new_core_goes_on_with_alarms_and_requests_of_the_old_one(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (before,) = await until(node.alerts, "the alert")
        asked = node.ask(Verb.ACKNOWLEDGE, before.alert_id, before.revision)
        async with node.running(), Client.connected(node, "vision") as vision:
            await until(lambda: node.outcome(asked)[0] == "done", "the request of before")
            vision.observe(person=True)
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "the acknowledgement")
            (after,) = node.alerts()
            assert after.alert_id == before.alert_id
            assert after.revision > before.revision
            assert after.acknowledged

    run(test())
