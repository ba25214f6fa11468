"""Everything that docs/mqtt.md shows is run: configuration, access list, and each example."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from ruamel.yaml import YAML

from hazard.site.alarms import AlarmHandling, User
from hazard.site.models import Area, Site, SiteIdentity
from hazard.site.mqtt import Broker, Mqtt
from hazard.store import Store
from hazard.types import Health, Role, Severity
from tests.alert_builders import wait_until, write_alert
from tests.certificates import Authority
from tests.commanding import Commanded
from tests.document import blocks
from tests.integration.test_publisher import Running, end, revise
from tests.mosquitto import Mosquitto
from tests.programs import require

pytestmark = pytest.mark.mosquitto
WORDS = {"edge-1": "node-word", "control-room": "room-word", "lamp-yard": "lamp-word", "ada": "a"}


@dataclass
class Plant:
    """The broker of the page, and a site that connects to it as the page says."""

    broker: Mosquitto
    authority: Authority
    site: Site
    page: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self, user: str) -> dict[str, str]:
        """What the examples read."""
        return {
            **os.environ,
            "HOST": "localhost",
            "PORT": str(self.broker.port),
            "CA": str(self.authority.ca_file),
            "PASSWORD": WORDS[user],
        }

    def client(self, user: str) -> Client:
        """A connected client of that name."""
        client = Client(CallbackAPIVersion.VERSION2, f"as-{user}", protocol=MQTTv5)
        client.username_pw_set(user, WORDS[user])
        client.tls_set(str(self.authority.ca_file))
        client.connect("localhost", self.broker.port)
        client.loop_start()
        wait_until(client.is_connected)
        return client


@pytest.fixture
def plant(tmp_path: Path, repo_root: Path) -> Iterator[Plant]:
    page = repo_root / "docs" / "mqtt.md"
    files = blocks(page, "file")
    authority = Authority(tmp_path)
    certificate, key = authority.sign("broker", "localhost")
    broker = Mosquitto(tmp_path, "allow_anonymous false").persist()
    broker.set_passwords(WORDS)
    (broker.folder / "acl").write_text(files["acl"])
    config = files["mosquitto.conf"]
    for there, here in (
        ("/etc/mosquitto/certs/ca.pem", authority.ca_file),
        ("/etc/mosquitto/certs/broker.crt", certificate),
        ("/etc/mosquitto/certs/broker.key", key),
        ("/etc/mosquitto/", f"{broker.folder}/"),
        ("/var/lib/mosquitto/", f"{broker.folder}/data/"),
    ):
        config = config.replace(there, str(here))
    broker.lines = [line for line in config.splitlines() if not line.startswith("listener")]
    settings = YAML(typ="safe").load(files["broker.yaml"])["mqtt"]["brokers"]["plant"]
    secret = tmp_path / "mqtt-password"
    secret.write_text(WORDS["edge-1"])
    settings |= {"host": "localhost", "port": broker.port, "ca_file": authority.ca_file}
    settings["password"] = {"file": str(secret)}
    site = Site(
        site=SiteIdentity(id="plant-a", name="Plant A"),
        areas={"yard": Area(name="Yard")},
        alarms=AlarmHandling(users={"ada": User(role=Role.OPERATOR)}),
        mqtt=Mqtt(brokers={"plant": Broker.model_validate(settings)}),
    )
    broker.start()
    made = Plant(broker, authority, site, page)
    yield made
    for process in made.started:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
    broker.stop()


def lines_of(plant: Plant, command: list[str], environment: dict[str, str]) -> list[str]:
    """Start a program; its lines come into the list as it says them."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    plant.started.append(process)
    lines: list[str] = []
    stdout = process.stdout
    assert stdout is not None

    def read() -> None:
        lines.extend(line.rstrip() for line in stdout)

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_the_node_gets_everything_out_under_the_access_list_of_the_page(
    plant: Plant, node_store: Store
) -> None:
    with Running(node_store, plant.site) as run:
        run.publisher.set_watch({})
        end(node_store, revise(node_store, 1, 2))
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 5)
        wait_until(lambda: node_store.outbox.position("plant") == 10)
        assert run.health().health is Health.READY
    assert not plant.broker.logged("Denied PUBLISH from hazard-plant-a-edge-1")


def test_nobody_commands_as_somebody_else_under_the_access_list_of_the_page(plant: Plant) -> None:
    refused: dict[str, bool] = {}
    for user in ("control-room", "lamp-yard"):
        client = plant.client(user)
        codes: dict[int, bool] = {}
        client.on_publish = lambda _c, _u, mid, code, _p, to=codes: to.update(
            {mid: code.is_failure}
        )
        for other in ("control-room", "lamp-yard"):
            topic = f"hazard/v1/plant-a/command/{other}/snapshot"
            mid = client.publish(topic, "{}", qos=1).mid
            wait_until(lambda n=mid, to=codes: n in to)  # type: ignore[misc]
            refused[f"{user} as {other}"] = codes[mid]
        mid = client.publish("hazard/v1/plant-a/area/yard", "{}", qos=1, retain=True).mid
        wait_until(lambda n=mid, to=codes: n in to)  # type: ignore[misc]
        assert codes[mid], "an area is published by nodes only"
        client.disconnect()
        client.loop_stop()
    assert refused == {
        "control-room as control-room": False,
        "control-room as lamp-yard": True,
        "lamp-yard as control-room": True,
        "lamp-yard as lamp-yard": False,
    }


def test_a_lamp_sees_its_area_and_no_alert(plant: Plant, node_store: Store) -> None:
    lamp, topics = plant.client("lamp-yard"), set()
    lamp.on_message = lambda _c, _u, message: topics.add(message.topic)
    for wanted in ("hazard/v1/plant-a/alert/#", "hazard/v1/plant-a/#"):
        lamp.subscribe(wanted, qos=1)
    with Running(node_store, plant.site) as run:
        write_alert(node_store)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 1)
        wait_until(lambda: "hazard/v1/plant-a/area/yard" in topics)
    wait_until(lambda: "hazard/v1/plant-a/node/edge-1/status" in topics)
    lamp.disconnect()
    lamp.loop_stop()
    assert topics == {"hazard/v1/plant-a/area/yard", "hazard/v1/plant-a/node/edge-1/status"}


def test_the_command_line_of_the_page_shows_each_revision_with_its_properties(
    plant: Plant, node_store: Store
) -> None:
    require("mosquitto_sub")
    command = ["bash", "-c", "exec " + blocks(plant.page, "run")["shell"]]
    lines = lines_of(plant, command, plant.environment("control-room"))
    wait_until(lambda: bool(plant.broker.logged("as my-historian")))
    wait_until(lambda: bool(plant.broker.logged("Sending SUBACK to my-historian")))
    with Running(node_store, plant.site) as run:
        revise(node_store, 1, 3)
        run.publisher.wake()
        wait_until(lambda: len(lines) == 3, what="three lines")
    for number, line in enumerate(lines, start=1):
        topic, content, correlation, rest = line.split(" ", 3)
        assert topic == "hazard/v1/plant-a/alert/yard/a1"
        assert (content, correlation) == ("application/json", "a1")
        properties, payload = rest.split("{", 1)
        assert "schema:hazard/v1" in properties
        assert f"revision:{number} sequence:{number}" in properties
        assert json.loads("{" + payload)["revision"] == number


def test_the_python_of_the_page_follows_all_alarms(
    plant: Plant, node_store: Store, tmp_path: Path
) -> None:
    program = tmp_path / "follow.py"
    program.write_text(blocks(plant.page, "run")["python"])
    with Running(node_store, plant.site) as run:
        early = revise(node_store, 1, 2)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 2)
        environment = plant.environment("control-room")
        lines = lines_of(plant, [sys.executable, str(program)], environment)
        wait_until(lambda: "unacknowledged high yard a1 2" in lines, what="what is active already")
        revise(node_store, 2, 2)
        end(node_store, early)
        run.publisher.wake()
        wait_until(lambda: "unacknowledged high yard a2 2" in lines)
        wait_until(lambda: any(line.startswith("normal high yard a1") for line in lines))
    wait_until(lambda: "node edge-1 offline stopped" in lines)
    program_is_alive = plant.started[-1].poll() is None
    assert program_is_alive


def test_the_lamp_of_the_page_is_never_green_for_what_is_not_known(plant: Plant) -> None:
    """The function of the Node-RED node, run by node.js as Node-RED does."""
    node = require("node")
    area = json.loads(blocks(plant.page, "payload")["area.v1"])
    states = ["clear", "unknown", "something-new", *(each.value for each in Severity)]
    messages = [{"payload": area | {"state": state}} for state in states]
    function = blocks(plant.page, "run")["javascript"]
    script = (
        f"const run = new Function('msg', {json.dumps(function)});"
        f"console.log(JSON.stringify({json.dumps(messages)}.map(m => run(m))))"
    )
    done = subprocess.run([str(node), "-e", script], capture_output=True, text=True, check=True)
    lamps = {
        state: (each["lamp"], each["horn"])
        for state, each in zip(states, json.loads(done.stdout), strict=True)
    }
    assert lamps == {
        "clear": ("green", False),
        "info": ("green", False),
        "low": ("amber", False),
        "medium": ("amber", False),
        "high": ("red", True),
        "critical": ("red", True),
        "unknown": ("blue", False),
        "something-new": ("blue", False),
    }


def test_the_templates_of_the_page_for_home_assistant(plant: Plant) -> None:
    config = YAML(typ="safe").load(blocks(plant.page, "run")["homeassistant"])["mqtt"]
    (sensor,), (alarm,) = config["sensor"], config["binary_sensor"]
    area = json.loads(blocks(plant.page, "payload")["area.v1"])
    node = json.loads(blocks(plant.page, "payload")["node-status.v1"])

    def rendered(template: str, value: dict[str, Any]) -> str:
        return Environment(autoescape=True).from_string(template).render(value_json=value)

    assert rendered(sensor["value_template"], area) == "high"
    said = {
        state: rendered(alarm["value_template"], area | {"state": state})
        for state in ("clear", "info", "low", "critical", "unknown")
    }
    assert said == {"clear": "OFF", "info": "OFF", "low": "ON", "critical": "ON", "unknown": "ON"}
    available = sensor["availability_template"]
    assert rendered(available, node) == "online"
    assert rendered(available, node | {"status": "offline"}) == "offline"


def test_the_command_of_the_page_acknowledges_an_alarm(plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    with Commanded(tmp_path / "node", plant.site) as node:
        raised = node.raised()
        asked = {"ALERT_ID": raised.alert_id, "REVISION": str(raised.revision)}
        lamp = plant.client("lamp-yard")
        told = threading.Event()
        lamp.on_message = lambda *_: told.set()
        lamp.subscribe("hazard/v1/plant-a/node/edge-1/status")
        try:
            assert told.wait(10), "the node's status"
        finally:
            lamp.disconnect()
            lamp.loop_stop()
        said = subprocess.run(
            ["bash", "-c", blocks(plant.page, "run")["command"]],
            env=plant.environment("ada") | asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
        answer = json.loads(said)
        assert (answer["state"], answer["user"]) == ("done", "ada"), answer
        (alert,) = node.store.open_alerts()
    assert alert.message.acknowledged_by == "ada"
