"""Brokers that know no MQTT 5: the node speaks 3.1.1 with them, and says so."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hazard.types import AlertMessage, Health
from tests.alert_builders import wait_until
from tests.brokers import RunningBroker, Subscriber
from tests.commanding import Commanded, Person, a_site, a_token

OTHER_VERSION = b"\x20\x02\x00\x01"
"""CONNACK of MQTT 3.1.1 with return code 1, unacceptable protocol version (3.2.2.3)."""


class OldBroker:
    """A real Mosquitto behind a door that lets nobody with MQTT 5 in, as old brokers do.

    `polite` answers by the book; otherwise the connection is just closed. `times`: how often it
    does that before it lets MQTT 5 in after all, as one that was just being started.
    """

    def __init__(self, behind: int, *, polite: bool, times: int = 1000) -> None:
        self._behind, self._polite, self._times = behind, polite, times
        self._sockets: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.versions: list[int] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._let_in, args=(client,), daemon=True).start()

    def _let_in(self, client: socket.socket) -> None:
        first = client.recv(65536)
        level = first.index(b"MQTT") + 4
        self.versions.append(first[level])
        self._sockets.append(client)
        if first[level] != 4 and len(self.versions) <= self._times:
            if self._polite:
                client.sendall(OTHER_VERSION)
            client.close()
            return
        broker = socket.create_connection(("127.0.0.1", self._behind))
        self._sockets.append(broker)
        broker.sendall(first)
        for one, other in ((client, broker), (broker, client)):
            threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def close(self) -> None:
        for each in (self._door, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[RunningBroker]:
    running = RunningBroker("mosquitto", tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.mark.mosquitto
@pytest.mark.parametrize("polite", [True, False])
def test_a_broker_without_mqtt_5_gets_3_1_1_and_the_payload_says_all(
    tmp_path: Path, mosquitto: RunningBroker, *, polite: bool
) -> None:
    old = OldBroker(mosquitto.port, polite=polite)
    topic = "hazard/v1/plant-a/alert/yard/a1"
    seen = Subscriber(mosquitto.port, "hazard/v1/plant-a/#")
    try:
        with (
            Commanded(tmp_path, a_site(old.port, commands="token")) as node,
            Person(mosquitto.port, v5=False) as ada,
        ):
            raised = node.raised()
            wait_until(lambda: seen.last(topic) is not None)
            (stage,) = node.publisher.health()
            asked = {"alert_id": "a1", "revision": 1, "token": a_token()}
            answer = ada.ask("acknowledge", {**asked, "request_id": "r1"})
        body, properties = next(each[1::2] for each in seen.messages if each[0] == topic)
    finally:
        seen.close()
        old.close()
    assert (stage.health, stage.figures["protocol"]) == (Health.READY, "3.1.1")
    assert "knows no MQTT 5" in stage.reason
    assert "UserProperty" not in properties
    assert AlertMessage.model_validate_json(body) == raised
    assert (answer["state"], answer["request_id"]) == ("done", "r1")
    assert old.versions.count(5) == (1 if polite else 2)


@pytest.mark.mosquitto
def test_a_broker_that_was_silent_once_still_gets_mqtt_5(
    tmp_path: Path, mosquitto: RunningBroker
) -> None:
    """A broker that is being stopped closes connections without a word, too."""
    starting = OldBroker(mosquitto.port, polite=False, times=1)
    try:
        with Commanded(tmp_path, a_site(starting.port)) as node:
            (stage,) = node.publisher.health()
    finally:
        starting.close()
    assert (stage.figures["protocol"], stage.reason) == ("5", "")
    assert starting.versions == [5, 5]


def test_the_embedded_brokers_port_of_3_1_1_is_understood(tmp_path: Path) -> None:
    running = RunningBroker("iotcore", tmp_path)
    running.start()
    status = "hazard/v1/plant-a/node/edge-1/status"
    seen = Subscriber(running.port, status)
    try:
        with Commanded(tmp_path, a_site(running.port + 1)) as node:
            wait_until(lambda: b'"ready"' in (seen.last(status) or b""))
            assert node.publisher.health()[0].figures["protocol"] == "3.1.1"
        wait_until(lambda: json.loads(seen.last(status) or b"{}").get("reason") == "stopped")
    finally:
        seen.close()
        running.kill()
