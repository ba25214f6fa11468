"""The broker's settings for one box, in the real broker."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Event

import pytest
from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.programs import require

pytestmark = pytest.mark.mosquitto

PASSWORD = "quite-secret"  # noqa: S105 - of a broker that lives for this test


@pytest.fixture
def broker(repo_root: Path, tmp_path: Path, free_port: int) -> Iterator[int]:
    """The port of a Mosquitto with docker/mosquitto.conf, its paths and port moved."""
    passwords = tmp_path / "passwd"
    subprocess.run(
        [require("mosquitto_passwd"), "-b", "-c", passwords, "hazard", PASSWORD], check=True
    )
    text = (repo_root / "docker" / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("listener 1883", f"listener {free_port}")
    text = text.replace("/mosquitto/secrets/passwd", str(passwords))
    text = text.replace("/mosquitto/data/", f"{tmp_path}/")
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"{text}user root\n", encoding="utf-8")
    process = subprocess.Popen([require("mosquitto"), "-c", config])
    try:
        listens(free_port, process)
        yield free_port
    finally:
        process.kill()
        process.wait()


def listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as somebody listens there; fail after ten seconds, or if the broker ends."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "the broker ended at once"
            assert time.monotonic() < deadline, "the broker does not listen"
            Event().wait(0.02)
        else:
            return


def answer(port: int, password: str | None) -> ReasonCode:
    """The broker's answer to a connection with or without a password."""
    answers: Queue[ReasonCode] = Queue()

    def on_connect(
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        answers.put(code)

    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = on_connect
    if password is not None:
        client.username_pw_set("hazard", password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        return answers.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize(
    ("password", "reason"),
    [(PASSWORD, "Success"), (None, "Not authorized"), ("guess", "Not authorized")],
)
def test_only_who_knows_the_password_gets_in(
    password: str | None, reason: str, broker: int
) -> None:
    assert str(answer(broker, password)) == reason
