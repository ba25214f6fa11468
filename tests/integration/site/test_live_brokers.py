"""`hazard check --live` against a real broker, and against what is none."""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt import publish

from edge_agent.live.brokers import check_broker
from edge_agent.live.result import Check, Outcome
from hazard.site.models import Sensor
from hazard.site.mqtt import Broker
from hazard.site.sources import MqttSensorSource, Secret
from tests.programs import require


@dataclass
class Mosquitto:
    """A broker that wants user `edge` with password `right`, and speaks TLS on a second port."""

    port: int
    tls_port: int
    ca_file: Path


def a_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for `localhost`, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(key), "-out", str(cert),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    program = require("mosquitto")
    folder = tmp_path_factory.mktemp("mosquitto")
    folder.chmod(0o755)
    cert, key = certificate(folder)
    key.chmod(0o644)
    passwords = folder / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "right"],
        check=True,
        capture_output=True,
    )
    passwords.chmod(0o644)
    broker = Mosquitto(a_port(), a_port(), cert)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"user {getpass.getuser()}\nallow_anonymous false\n"
        f"password_file {passwords}\n"
        f"listener {broker.port} 127.0.0.1\n"
        f"listener {broker.tls_port} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\n"
    )
    server = subprocess.Popen([str(program), "-c", str(config)], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if line.rstrip().endswith(" running"):
            break
    assert server.poll() is None
    drain = threading.Thread(target=server.stderr.read)
    drain.start()
    yield broker
    server.terminate()
    server.wait(10)
    drain.join()
    server.stderr.close()


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    monkeypatch.setenv("EDGE_PASSWORD", "right")
    return Secret(reference="${EDGE_PASSWORD}")


def only(broker: Broker, sensors: dict[str, Sensor] | None = None, limit_s: float = 3.0) -> Check:
    (check,) = check_broker("plant", broker, sensors or {}, connect_s=limit_s, reading_s=1.0)
    return check


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_lets_this_box_in_is_right(
    mosquitto: Mosquitto, secret: Secret, protocol: str
) -> None:
    broker = Broker.model_validate(
        {"port": mosquitto.port, "username": "edge", "password": secret, "protocol": protocol}
    )
    assert only(broker).line() == (
        f"✓ broker plant: connected to 127.0.0.1:{mosquitto.port} (MQTT {protocol}, no TLS)"
    )


@pytest.mark.mosquitto
def test_a_wrong_password_is_said_so_and_not_shown(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_PASSWORD", "hunter2")
    password = Secret(reference="${EDGE_PASSWORD}")
    check = only(Broker(port=mosquitto.port, username="edge", password=password))
    assert check.outcome is Outcome.FAILED
    assert "refuses the connection" in check.found
    assert "hunter2" not in check.line()


@pytest.mark.mosquitto
def test_a_certificate_that_is_not_trusted_is_said_so(mosquitto: Mosquitto, secret: Secret) -> None:
    broker = Broker(
        host="localhost", port=mosquitto.tls_port, username="edge", password=secret, tls=True
    )
    check = only(broker)
    assert "is not trusted" in check.found
    assert "ca_file" in check.mend
    trusted = broker.model_copy(update={"ca_file": mosquitto.ca_file})
    assert only(trusted).outcome is Outcome.OK


@pytest.mark.mosquitto
def test_a_certificate_for_another_name_is_said_so(mosquitto: Mosquitto, secret: Secret) -> None:
    broker = Broker(
        host="127.0.0.1",
        port=mosquitto.tls_port,
        username="edge",
        password=secret,
        tls=True,
        ca_file=mosquitto.ca_file,
    )
    assert "is for another name" in only(broker).found


@pytest.mark.mosquitto
def test_tls_on_a_port_without_it_is_said_so(mosquitto: Mosquitto) -> None:
    check = only(Broker(port=mosquitto.port, tls=True))
    assert check.outcome is Outcome.FAILED
    assert "TLS" in check.line()


def a_sensor(topic: str) -> Sensor:
    source = MqttSensorSource(kind="mqtt", topic=topic, value_key="value")
    return Sensor(area="hall", quantity="h2s", unit="ppm", source=source)


@pytest.mark.mosquitto
def test_each_sensor_is_waited_for(mosquitto: Mosquitto, secret: Secret) -> None:
    auth = {"username": "edge", "password": "right"}
    for topic, payload in (("p/h2s", '{"value": 3.5}'), ("p/odd", "ouch\x1b[2J")):
        publish.single(
            topic, payload, retain=True, port=mosquitto.port, auth=auth, hostname="127.0.0.1"
        )
    broker = Broker(port=mosquitto.port, username="edge", password=secret)
    sensors = {"good": a_sensor("p/h2s"), "odd": a_sensor("p/odd"), "mute": a_sensor("p/none")}
    _, *checks = check_broker("plant", broker, sensors, reading_s=1.0)
    assert [check.line() for check in checks] == [
        "✓ sensor good: 3.5 ppm",
        (
            '! sensor odd: payload "ouch\\u001b[2J" is not a JSON object with value — '
            "correct value_key, or the sensor"
        ),
        "! sensor mute: nothing on p/none within 1 s — check the topic, and that the sensor sends",
    ]


def test_nobody_at_the_port_is_said_so(free_port: int) -> None:
    assert only(Broker(port=free_port)).found == f"nothing listens on 127.0.0.1:{free_port}"


def test_a_host_that_does_not_exist_is_said_so() -> None:
    assert only(Broker(host="no-such-host.invalid")).found == (
        'no such host "no-such-host.invalid"'
    )


def test_a_port_that_accepts_and_says_nothing_ends_at_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check = only(Broker(port=port), limit_s=1.0)
    assert check.found == f"127.0.0.1:{port} does not answer"


def test_a_password_that_is_not_set_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGE_PASSWORD", raising=False)
    broker = Broker(username="edge", password=Secret(reference="${EDGE_PASSWORD}"))
    assert "EDGE_PASSWORD is not set" in only(broker).found
