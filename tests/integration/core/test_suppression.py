"""Alarms that are kept quiet by somebody's decision, through a real core, store and broker."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.publish
import pytest
from paho.mqtt.client import MQTTv5

from hazard.types import AlertMessage, IsaState, Role, Severity, Verb
from tests.brokers import RunningBroker
from tests.integration.core.node import Client, Node, a_site, run, until

ZONE_KIND = "person_in_restricted_zone"
PERMIT = {"permit": "hot_work", "hazard": ZONE_KIND, "area": "yard", "zone": "pit"}


def grant(node: Node, seconds: float, **changes: Any) -> str:
    """Ask for a permit; the request's id."""
    return node.ask(
        Verb.GRANT_PERMIT,
        "",
        0,
        role=Role.SAFETY_OFFICER,
        comment="welding at the pit",
        duration_s=seconds,
        arguments={**PERMIT, "reference": "HW-12", **changes},
    )


async def granted(node: Node, seconds: float, **changes: Any) -> str:
    """Have a permit granted; the order's id."""
    asked = grant(node, seconds, **changes)
    await until(lambda: node.outcome(asked)[0] != "pending", "the outcome")
    assert node.outcome(asked)[0] == "done", node.outcome(asked)
    with node.store() as store:
        status = store.queries.request_state(asked)
    return str(status.values["order_id"])


def revisions(node: Node, alert_id: str) -> list[AlertMessage]:
    """Every revision of an alert."""
    with node.store() as store:
        return list(store.queries.get_alert(alert_id).revisions)


def audit(node: Node, verb: str) -> list[Any]:
    """Lines of the audit with this verb, newest first."""
    with node.store() as store:
        lines = store.queries.audit_page(limit=500).lines
        assert store.verify_audit()[1] is None
    return [line for line in lines if line.verb == verb]


def test_an_alarm_under_a_permit_is_raised_quietly_and_asks_when_the_permit_ends_by_itself(
    node: Node,
) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            order_id = await granted(node, 3.0)
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            (note,) = alert.suppressed_by
            assert (note.order_id, note.granted_by) == (order_id, "ada")
            shown = lambda: node.alerts()[0].state is IsaState.UNACKNOWLEDGED
            await until(shown, "the end of the permit")
            history = revisions(node, alert.alert_id)
            assert history[0].state is IsaState.SUPPRESSED_BY_DESIGN, "no horn at revision 1"
            ended = next(each for each in history if not each.suppressed_by)
            assert (ended.times.stored, ended.cause.value) > (note.until, "")
            (line,) = await until(lambda: audit(node, "suppression.granted"), "the grant")
            assert (line.actor, line.details["role"]) == ("ada", "safety_officer")
            (line,) = await until(lambda: audit(node, "suppression.ended"), "the end")
            assert (line.subject, line.actor) == (order_id, "its time")

    run(test())


def test_a_permit_that_comes_later_quiets_what_stands_and_a_person_may_end_it(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            assert alert.state is IsaState.UNACKNOWLEDGED
            order_id = await granted(node, 3600.0)
            state = lambda: node.alerts()[0].state
            await until(lambda: state() is IsaState.SUPPRESSED_BY_DESIGN, "the suppression")
            asked = node.ask(
                Verb.END_SUPPRESSION,
                "",
                0,
                role=Role.SAFETY_OFFICER,
                arguments={"order_id": order_id},
            )
            await until(lambda: state() is IsaState.UNACKNOWLEDGED, "the alarm")
            assert node.outcome(asked)[0] == "done"

    run(test())


def test_an_operator_grants_no_permit_and_the_refusal_is_audited(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            permit = {**PERMIT, "reference": "HW-12"}
            asked = node.ask(
                Verb.GRANT_PERMIT, "", 0, comment="welding", duration_s=60, arguments=permit
            )
            elsewhere = node.ask(Verb.ACKNOWLEDGE, alert.alert_id, 1, areas=("hall",))
            viewer = node.ask(Verb.ACKNOWLEDGE, alert.alert_id, 1, role=Role.VIEWER)
            for each in (asked, elsewhere, viewer):
                await until(lambda e=each: node.outcome(e)[0] == "refused", "the refusal")
            assert "safety officer" in node.outcome(asked)[1].replace("_", " ")
            assert "yard" in node.outcome(elsewhere)[1]
            assert not node.alerts()[0].acknowledged
            lines = audit(node, "request.refused")
            assert {(line.details["verb"], line.details["role"]) for line in lines} == {
                ("grant-permit", "operator"),
                ("acknowledge", "operator"),
                ("acknowledge", "viewer"),
            }
            assert all(line.actor == "ada" and line.details["via"] for line in lines)

    run(test())


# ---------------------------------------------------------------- machine states, over MQTT


class Plant:
    """A node with a camera, a gas sensor and a machine, and the broker that they speak by."""

    def __init__(self, folder: Path, **alarms: Any) -> None:
        self.broker = RunningBroker("iotcore", folder)
        self.broker.start()

        def source(topic: str) -> dict[str, str]:
            return {"kind": "mqtt", "broker": "plant", "topic": topic}

        site = a_site(
            self.broker.port,
            sensors={
                "h2s": {
                    "area": "hall",
                    "quantity": "h2s",
                    "unit": "ppm",
                    "source": source("plant/h2s"),
                },
                "press": {
                    "area": "yard",
                    "quantity": "stopped",
                    "unit": "bool",
                    "source": source("plant/press"),
                },
            },
            alarms=alarms,
        )
        site["rules"]["gas"] = {
            "kind": "threshold",
            "hazard": "toxic_gas",
            "sensor": "h2s",
            "levels": [{"name": "alarm", "at": 10}, {"name": "idlh", "at": 100}],
        }
        self.node = Node(folder, site)

    def publish(self, topic: str, payload: str) -> None:
        paho.mqtt.publish.single(
            f"plant/{topic}",
            payload,
            qos=1,
            hostname="127.0.0.1",
            port=self.broker.port,
            protocol=MQTTv5,
        )

    def close(self) -> None:
        self.node.remove()
        self.broker.kill()


def press(**changes: Any) -> dict[str, Any]:
    """The press stands still: who is in the pit then is there to clean it."""
    state = {
        "hazards": [ZONE_KIND],
        "area": "yard",
        "zone": "pit",
        "sensor": "press",
        "reason": "the press is switched off",
    }
    return {"press-off": {**state, **changes}}


@contextlib.contextmanager
def plant(folder: Path, **alarms: Any) -> Iterator[Plant]:
    made = Plant(folder, **alarms)
    try:
        yield made
    finally:
        made.close()


def test_a_machines_state_suppresses_only_while_its_sensor_says_so(tmp_path: Path) -> None:
    async def test(at: Plant) -> None:
        async with at.node.running() as core, Client.connected(at.node, "vision") as vision:
            await until(lambda: not core._sensing.problems(), "the connection of the sensors")
            at.publish("press", "true")
            begun = lambda: audit(at.node, "suppression.begun")
            await until(begun, "the state's order")
            vision.observe(person=True)
            (alert,) = await until(at.node.alerts, "the alert")
            assert alert.state is IsaState.SUPPRESSED_BY_DESIGN
            state = lambda: at.node.alerts()[0].state
            at.publish("press", "off")
            await until(lambda: state() is IsaState.UNACKNOWLEDGED, "a press that runs")
            at.publish("press", "on")
            await until(lambda: state() is IsaState.SUPPRESSED_BY_DESIGN, "a press that stands")
            at.publish("press", "broken")
            await until(lambda: state() is IsaState.UNACKNOWLEDGED, "a press that says nothing")

    with plant(tmp_path, machine_states=press()) as at:
        run(test(at))


def test_a_machine_that_falls_silent_suppresses_no_longer(tmp_path: Path) -> None:
    async def test(at: Plant) -> None:
        async with at.node.running() as core, Client.connected(at.node, "vision") as vision:
            await until(lambda: not core._sensing.problems(), "the connection of the sensors")
            at.publish("press", "true")
            await until(lambda: audit(at.node, "suppression.begun"), "the state's order")
            vision.observe(person=True)
            (alert,) = await until(at.node.alerts, "the alert")
            assert alert.suppressed_by
            shown = lambda: at.node.alerts()[0].state is IsaState.UNACKNOWLEDGED
            await until(shown, "the alarm of a silent machine")

    with plant(tmp_path, machine_states=press(stale_after_s=2.0)) as at:
        run(test(at))


def test_a_changed_site_file_takes_a_machines_state_back_at_once(tmp_path: Path) -> None:
    async def test(at: Plant) -> None:
        async with at.node.running() as core, Client.connected(at.node, "vision") as vision:
            await until(lambda: not core._sensing.problems(), "the connection of the sensors")
            at.publish("press", "true")
            await until(lambda: audit(at.node, "suppression.begun"), "the state's order")
            vision.observe(person=True)
            (alert,) = await until(at.node.alerts, "the alert")
            assert alert.suppressed_by
            site = {**core.site.model_dump(mode="json"), "alarms": {}}
            at.node.write_site(site)
            shown = lambda: at.node.alerts()[0].state is IsaState.UNACKNOWLEDGED
            await until(shown, "the alarm under the new site file")

    with plant(tmp_path, machine_states=press()) as at:
        run(test(at))


def test_gas_at_idlh_breaks_out_of_every_suppression_at_once(tmp_path: Path) -> None:
    async def test(at: Plant) -> None:
        async with at.node.running() as core:
            await until(lambda: not core._sensing.problems(), "the connection of the sensors")
            asked = at.node.ask(
                Verb.TAKE_OUT_OF_SERVICE,
                "",
                0,
                role=Role.SAFETY_OFFICER,
                comment="calibration",
                duration_s=3600,
                arguments={"hazard": "toxic_gas", "area": "hall"},
            )
            await until(lambda: at.node.outcome(asked)[0] == "done", "the order")
            at.publish("h2s", "20")
            (alert,) = await until(at.node.alerts, "the alert")
            assert alert.state is IsaState.OUT_OF_SERVICE
            at.publish("h2s", "150")
            now = lambda: at.node.alerts()[0]
            await until(lambda: now().severity is Severity.CRITICAL, "the escalation")
            assert now().state is IsaState.UNACKNOWLEDGED
            broken = next(
                each for each in revisions(at.node, alert.alert_id) if not each.suppressed_by
            )
            worst = next(
                each
                for each in revisions(at.node, alert.alert_id)
                if each.severity is Severity.CRITICAL
            )
            assert broken.times.stored == worst.times.stored

    with plant(tmp_path) as at:
        run(test(at))


# ---------------------------------------------------------------- killed


@contextlib.contextmanager
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


@pytest.mark.timeout(120)
def test_after_a_kill_alarms_are_as_suppressed_and_shelved_as_before(node: Node) -> None:
    async def test() -> None:
        with a_core_process(node):
            await until(node.paths.socket.exists, "the core")
            async with Client.connected(node, "vision") as vision:
                vision.observe(person=True)
                (alert,) = await until(node.alerts, "the alert")
                asked = node.ask(
                    Verb.SHELVE, alert.alert_id, alert.revision, comment="known", duration_s=3600
                )
                await until(lambda: node.outcome(asked)[0] == "done", "the shelf")
                await granted(node, 3600.0)
                both = lambda: node.alerts()[0].suppressed_by
                await until(both, "the permit's effect")
                await until(lambda: node.alerts()[0].words, "the words")
        before = node.alerts()[0]
        assert before.state is IsaState.SUPPRESSED_BY_DESIGN
        with a_core_process(node):
            await until(node.paths.socket.exists, "the core again")
            async with Client.connected(node, "vision") as vision:
                comment = node.ask(Verb.COMMENT, before.alert_id, 1, comment="still there?")
                await until(lambda: node.outcome(comment)[0] == "done", "a word after the kill")
                number = vision.observe(person=True)
                await until(lambda: vision.acked >= number, "what the camera sees")
                after = node.alerts()[0]
        for field in ("state", "suppressed_by", "shelved_until", "shelved_by", "acknowledged"):
            assert getattr(after, field) == getattr(before, field), field

    run(test())
