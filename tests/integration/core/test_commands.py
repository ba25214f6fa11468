"""Commands by MQTT, from the broker through the core and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import RunningBroker
from tests.commanding import SIGNS, Person, a_token
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.core.test_robust import metrics

USERS = {
    "ada": {"role": "operator"},
    "bob": {"role": "viewer"},
    "eve": {"role": "operator", "areas": ["hall"]},
    "sam": {"role": "safety_officer"},
}


@pytest.fixture
def taking(
    broker: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Node]:
    """A node that takes commands by token."""
    monkeypatch.setenv("TOKEN_SECRET", SIGNS)
    site = a_site(
        broker.port,
        site={"id": "plant-a"},
        alarms={"users": USERS},
        mqtt={
            "brokers": {"plant": {"port": broker.port, "commands": "token"}},
            "token_secret": "${TOKEN_SECRET}",
            "heartbeat_s": 1.0,
        },
    )
    made = Node(tmp_path, site)
    yield made
    made.remove()


async def ask(person: Person, verb: str, **payload: Any) -> dict[str, Any]:
    """A command with a good token, and its answer."""
    token = a_token(person.name)
    return await asyncio.to_thread(person.ask, verb, {"token": token, **payload})


async def raised(node: Node, vision: Client) -> Any:
    """An alarm: somebody stands in the pit. The camera's silence afterwards is another."""
    vision.report()
    vision.observe(person=True)
    return (await until(lambda: in_the_pit(node), "an alarm"))[0]


def in_the_pit(node: Node) -> list[Any]:
    """Alarms about people in the pit."""
    return [alert for alert in node.alerts() if alert.hazard == "person_in_restricted_zone"]


def people(broker: RunningBroker, *names: str) -> list[Person]:
    return [Person(broker.port, name) for name in names]


def test_people_act_on_an_alarm_as_far_as_role_area_and_revision_go(
    taking: Node, broker: RunningBroker
) -> None:
    async def test() -> None:
        async with taking.running(), Client.connected(taking, "vision") as vision:
            alert = await raised(taking, vision)
            seen = {"alert_id": alert.alert_id, "revision": alert.revision}
            everybody = await asyncio.to_thread(people, broker, "ada", "bob", "eve", "sam")
            ada, bob, eve, sam = everybody
            try:
                assert (await ask(bob, "acknowledge", **seen))["state"] == "refused"
                assert "area" in (await ask(eve, "acknowledge", **seen))["text"]
                done = await ask(ada, "acknowledge", **seen, request_id="r-1")
                assert (done["state"], done["request_id"]) == ("done", "r-1")
                assert done["values"]["alert_id"] == alert.alert_id
                assert (await ask(ada, "acknowledge", **seen, request_id="r-1")) == {
                    **done,
                    "at": ada.answers()[-1]["at"],
                }
                assigned = await ask(
                    ada, "assign", alert_id=alert.alert_id, arguments={"assignee": "sam"}
                )
                assert assigned["state"] == "done"
                early = await ask(
                    sam,
                    "close-case",
                    alert_id=alert.alert_id,
                    comment="drill",
                    arguments={"cause": "drill"},
                )
                assert early["state"] == "refused"
            finally:
                for person in everybody:
                    person.__exit__()
            (after,) = in_the_pit(taking)
            assert (after.acknowledged_by, after.case.assignee) == ("ada", "sam")
            with taking.store() as store:
                lines = store.queries.audit_page().lines
                assert store.verify_audit()[1] is None
            refused = {line.actor for line in lines if line.verb == "request.refused"}
            assert refused == {"bob", "eve", "sam"}
            acted = [line for line in lines if line.details.get("via") == "mqtt"]
            assert {line.actor for line in acted} >= {"ada", "bob", "eve", "sam"}

    run(test())


def test_replay_snapshot_and_lamp_test_go_through_the_core(
    taking: Node, broker: RunningBroker
) -> None:
    async def test() -> None:
        async with taking.running(), Client.connected(taking, "vision") as vision:
            (ada,) = await asyncio.to_thread(people, broker, "ada")
            try:
                lamps = {"area": "hall", "seconds": 1}
                assert (await ask(ada, "test-annunciator", arguments=lamps))["state"] == "done"
                alert = await raised(taking, vision)
                replay = await ask(
                    ada, "replay", node="edge-1", arguments={"from_sequence": 1, "to_sequence": 1}
                )
                assert (replay["state"], replay["values"]["sent"]) == ("done", 1)
                snapshot = await ask(ada, "snapshot")
                values = snapshot["values"]
                assert alert.alert_id in [each["alert_id"] for each in values["alerts"]]
                assert values["sequence"] >= alert.sequence
                assert values["node_status"]["node"] == "edge-1"
            finally:
                ada.__exit__()

    run(test())


def test_the_metrics_count_commands_and_what_waits_for_each_broker(
    taking: Node, broker: RunningBroker, free_port: int
) -> None:
    site = json.loads(taking.paths.site_file.read_text())
    taking.write_site(site | {"observe": {"metrics_port": free_port}})
    refused = 'hazard_mqtt_commands_total{broker="plant",outcome="refused",verb="other"} 1.0'

    async def page() -> str:
        with contextlib.suppress(OSError):
            return await asyncio.to_thread(metrics, free_port)
        return ""

    async def test() -> None:
        async with taking.running(), Client.connected(taking, "vision") as vision:
            await raised(taking, vision)
            (ada,) = await asyncio.to_thread(people, broker, "ada")
            try:
                assert (await ask(ada, "explode"))["state"] == "refused"
            finally:
                ada.__exit__()
            deadline = asyncio.get_running_loop().time() + 20
            while refused not in (text := await page()):
                assert asyncio.get_running_loop().time() < deadline, text
                await asyncio.sleep(0.1)
            assert 'hazard_mqtt_outbox_depth{broker="plant"}' in text
            assert 'hazard_mqtt_outbox_oldest_seconds{broker="plant"}' in text
            for name in ("published", "resent", "reconnects", "gaps"):
                assert f'hazard_mqtt_{name}_total{{broker="plant"}}' in text

    run(test())


def test_a_token_of_another_plant_does_nothing(taking: Node, broker: RunningBroker) -> None:
    async def test() -> None:
        async with taking.running(), Client.connected(taking, "vision") as vision:
            alert = await raised(taking, vision)
            (ada,) = await asyncio.to_thread(people, broker, "ada")
            foreign = a_token("ada", site="plant-b")
            try:
                answer = await ask(
                    ada, "acknowledge", alert_id=alert.alert_id, revision=1, token=foreign
                )
            finally:
                ada.__exit__()
            assert answer["state"] == "refused"
            assert json.dumps(answer).count(foreign) == 0
            assert not in_the_pit(taking)[0].acknowledged

    run(test())
