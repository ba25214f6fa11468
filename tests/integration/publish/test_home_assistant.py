"""Discovery messages for Home Assistant: retained, true, and gone when they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from tests.alert_builders import wait_until
from tests.brokers import RunningBroker, subscribed
from tests.commanding import Commanded, a_site

ALL = "homeassistant/#"
STATE = "homeassistant/sensor/hazard-plant-a-edge-1/yard-state/config"
UNSAFE = "homeassistant/binary_sensor/hazard-plant-a-edge-1/yard-unsafe/config"
NODE = "homeassistant/binary_sensor/hazard-plant-a-edge-1/node/config"
ON = {"enabled": True}


def shown(template: str, value: dict[str, Any]) -> str:
    """What Home Assistant makes of a payload: its templates are Jinja with `value_json`."""
    return Environment(autoescape=True).from_string(template).render(value_json=value)


def test_areas_and_node_are_discovered_by_who_comes_later(
    tmp_path: Path, open_broker: RunningBroker
) -> None:
    site = a_site(open_broker.port, commands="off", home_assistant=ON)
    with Commanded(tmp_path, site) as node:
        wait_until(lambda: len(configs(site, open_broker.port)) == 5)
        with subscribed(open_broker.port, ALL, "hazard/v1/plant-a/#") as late:
            wait_until(lambda: len({each[0] for each in late.messages if "config" in each[0]}) == 5)
            assert all(retain for topic, _, retain, _ in late.messages if "config" in topic)
            state, unsafe, itself = (
                json.loads(late.last(topic) or b"") for topic in (STATE, UNSAFE, NODE)
            )
            node.raised()
            wait_until(lambda: b'"high"' in (late.last(state["state_topic"]) or b""))
            area = json.loads(late.last(state["state_topic"]) or b"")
            status = json.loads(late.last(state["availability_topic"]) or b"")
    assert shown(state["value_template"], area) == "high"
    assert "high" in state["options"]
    assert shown(unsafe["value_template"], area) == "ON"
    assert shown(unsafe["value_template"], area | {"state": "clear"}) == "OFF"
    for template in (state["value_template"], unsafe["value_template"]):
        assert shown(template, area | {"state": "unknown"}) == "None", "unknown is never safe"
    assert shown(state["availability_template"], status) == "online"
    assert shown(itself["value_template"], status | {"status": "offline"}) == "OFF"
    assert (unsafe["device_class"], itself["device_class"]) == ("safety", "connectivity")
    assert len({each["unique_id"] for each in (state, unsafe, itself)}) == 3
    assert state["device"]["identifiers"] == itself["device"]["identifiers"]
    assert state["expire_after"] == 30


def configs(site: Any, port: int) -> set[str]:
    """What a late subscriber finds retained, once it has seen the node's status."""
    status = f"hazard/v1/plant-a/node/{site.site.node}/status"
    with subscribed(port, ALL, status) as late:
        wait_until(lambda: late.last(status) is not None)
        return {topic for topic, body, _, _ in late.messages if "homeassistant" in topic and body}


def test_what_is_switched_off_or_gone_is_taken_back(
    tmp_path: Path, open_broker: RunningBroker
) -> None:
    port = open_broker.port
    site = a_site(port, commands="off", home_assistant=ON)
    smaller = site.model_copy(update={"areas": {"yard": site.areas["yard"]}})
    with Commanded(tmp_path, site) as node:
        wait_until(lambda: len(configs(site, port)) == 5)
        node.publisher.reconfigure(smaller)
        wait_until(lambda: configs(site, port) == {STATE, UNSAFE, NODE})
        node.publisher.reconfigure(a_site(port, commands="off"))
        wait_until(lambda: configs(site, port) == set())


def test_what_was_switched_off_while_the_node_was_away_is_taken_back(
    tmp_path: Path, open_broker: RunningBroker
) -> None:
    port = open_broker.port
    site = a_site(port, commands="off", home_assistant=ON)
    foreign = "homeassistant/sensor/hazard-plant-a-edge-1/other/config"
    with Commanded(tmp_path, site):
        wait_until(lambda: len(configs(site, port)) == 5)
    with subscribed(port, ALL) as somebody:
        info = somebody._client.publish(foreign, '{"state_topic": "x"}', qos=1, retain=True)
        info.wait_for_publish(5)
    (tmp_path / "again").mkdir()
    with Commanded(tmp_path / "again", a_site(port, commands="off")):
        wait_until(lambda: configs(site, port) == {foreign})


@pytest.mark.mosquitto
def test_it_is_off_by_default(tmp_path: Path) -> None:
    running = RunningBroker("mosquitto", tmp_path)
    running.start()
    try:
        site = a_site(running.port, commands="off")
        with Commanded(tmp_path, site) as node:
            node.raised()
            wait_until(lambda: node.publisher.counters()["plant"].acked == 2)
            assert configs(site, running.port) == set()
    finally:
        running.kill()
