"""TLS, certificates and passwords against a real Mosquitto: clear words, nothing lost, no storm.

Each fault is met by the publisher, by the sensors and by `hazard check --live`, which say the
same; then it is mended and everything that waited arrives.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt import publish as paho_publish

from edge_agent.live.brokers import check_broker
from edge_agent.live.result import Outcome
from edge_agent.sensors.connection import Connection
from hazard.logs import configure_logging
from hazard.site.mqtt import Broker
from hazard.store import Store
from hazard.types import Health
from tests.alert_builders import wait_until
from tests.certificates import Authority, private_pem
from tests.integration.test_publisher import Running, a_site, revise
from tests.mosquitto import Mosquitto, tls_lines

pytestmark = pytest.mark.mosquitto
PASSWORD = "correct horse battery"  # noqa: S105 - a test's
HOST = "localhost"


@dataclass
class Scene:
    """An authority, a broker that stands for the plant's, and how this node connects to it."""

    folder: Path
    authority: Authority
    stranger: Authority
    broker: Mosquitto
    settings: dict[str, Any]

    def serve(self, certificate: tuple[Path, Path], *, clients: bool = False) -> None:
        """TLS with this certificate from the next start on."""
        tls = [line for line in self.broker.lines if "file" not in line and "cert" not in line]
        self.broker.lines = tls + tls_lines(self.authority.ca_file, certificate, clients=clients)

    def as_client(self, certificate: tuple[Path, Path]) -> None:
        """Show this certificate to the broker."""
        self.settings["cert_file"], self.settings["key_file"] = certificate


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "other").mkdir()
    authority = Authority(tmp_path)
    made = Scene(
        tmp_path,
        authority,
        Authority(tmp_path, "stranger"),
        Mosquitto(tmp_path),
        {"host": HOST, "tls": True, "ca_file": authority.ca_file},
    )
    made.serve(authority.sign("server", HOST, "127.0.0.1"))
    yield made
    made.broker.stop()


def expired_server(scene: Scene) -> None:
    scene.serve(scene.authority.sign("server", HOST, expired=True, file="expired"))


def renewed_server(scene: Scene) -> None:
    scene.serve(scene.authority.sign("server", HOST))


def strange_authority(scene: Scene) -> None:
    scene.settings["ca_file"] = scene.stranger.ca_file


def right_authority(scene: Scene) -> None:
    scene.settings["ca_file"] = scene.authority.ca_file


def name_of_another_host(scene: Scene) -> None:
    scene.serve(scene.authority.sign("server", "broker.example", file="elsewhere"))


def clients_need_a_certificate(scene: Scene) -> None:
    scene.serve(scene.authority.sign("server", HOST), clients=True)


def an_expired_client(scene: Scene) -> None:
    clients_need_a_certificate(scene)
    scene.as_client(scene.authority.sign("edge-1", expired=True, file="old-client"))


def a_client_of_a_stranger(scene: Scene) -> None:
    clients_need_a_certificate(scene)
    scene.as_client(scene.stranger.sign("edge-1", file="strange-client"))


def a_right_client(scene: Scene) -> None:
    clients_need_a_certificate(scene)
    scene.as_client(scene.authority.sign("edge-1", file="client"))


def a_missing_authority(scene: Scene) -> None:
    scene.settings["ca_file"] = scene.folder / "nowhere.pem"


def a_key_with_a_passphrase(scene: Scene) -> None:
    clients_need_a_certificate(scene)
    certificate, _ = scene.authority.sign("edge-1", file="locked")
    locked = scene.folder / "locked.key"
    locked.write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase"))
    scene.as_client((certificate, locked))


def no_tls_here(scene: Scene) -> None:
    scene.broker.lines = ["allow_anonymous true"]


FAULTS: list[tuple[Callable[[Scene], None], Callable[[Scene], None], str, str]] = [
    (expired_server, renewed_server, "has expired", "renew it on the broker"),
    (strange_authority, right_authority, "is not trusted", "as ca_file"),
    (name_of_another_host, renewed_server, "is for another name", "use the name in the cert"),
    (clients_need_a_certificate, a_right_client, "wants a client certificate", "as cert_file"),
    (an_expired_client, a_right_client, "client certificate has expired", "renew cert_file"),
    (a_client_of_a_stranger, a_right_client, "does not trust who signed", "have cert_file signed"),
    (a_missing_authority, right_authority, "nowhere.pem cannot be used", "give the certificate"),
    (a_key_with_a_passphrase, a_right_client, "cannot be used", "without a passphrase"),
    (no_tls_here, renewed_server, "no TLS with localhost", "TLS port"),
]


@pytest.mark.parametrize("case", FAULTS, ids=[each[0].__name__ for each in FAULTS])
def test_a_fault_of_tls_is_said_with_its_mend_and_costs_nothing(
    scene: Scene,
    node_store: Store,
    case: tuple[Callable[[Scene], None], Callable[[Scene], None], str, str],
) -> None:
    fault, mended, found, mend = case
    fault(scene)
    scene.broker.start()
    with Running(node_store, a_site(scene.broker.port, **scene.settings)) as run:
        revise(node_store, 1, 4)
        wait_until(lambda: found in run.health().reason, what=found)
        assert run.health().health is Health.OFFLINE
        assert mend in run.health().reason
        assert sensors_say(scene, found)
        (check,) = check_broker("plant", broker_of(scene), {}, connect_s=3.0)
        assert check.outcome is Outcome.FAILED
        assert found in check.found
        assert mend in check.mend
        assert run.handed_over == []

        scene.broker.stop()
        mended(scene)
        scene.broker.start()
        run.publisher.reconfigure(a_site(scene.broker.port, **scene.settings))
        wait_until(lambda: len(run.handed_over) == 4, what="all that waited")
        assert [each.revision for each in run.handed_over] == [1, 2, 3, 4]
        (check,) = check_broker("plant", broker_of(scene), {}, connect_s=3.0)
        assert check.outcome is Outcome.OK


def broker_of(scene: Scene) -> Broker:
    return Broker(port=scene.broker.port, **scene.settings)


def sensors_say(scene: Scene, words: str) -> bool:
    """Whether the sensors' connection comes to say these words of the same broker."""
    connection = Connection("plant", broker_of(scene), "sensors", ("p/#",), lambda _message: None)
    thread = threading.Thread(target=connection.run)
    thread.start()
    try:
        wait_until(lambda: words in connection.status()[1], what=f"sensors: {words}")
    finally:
        connection.close()
        thread.join(10)
    return not connection.status()[0]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("kind", ["environment", "file"])
def test_a_user_with_a_password_over_tls_with_a_client_certificate(
    scene: Scene,
    node_store: Store,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    protocol: str,
) -> None:
    clients_need_a_certificate(scene)
    a_right_client(scene)
    scene.broker.set_passwords({"edge": PASSWORD})
    scene.broker.lines = [each for each in scene.broker.lines if "anonymous" not in each]
    scene.broker.lines.append(f"password_file {scene.broker.folder / 'passwords'}")
    scene.broker.start()
    scene.settings |= {"username": "edge", "protocol": protocol}
    scene.settings["password"] = secret_of(kind, scene.folder, monkeypatch, PASSWORD)
    with Running(node_store, a_site(scene.broker.port, **scene.settings)) as run:
        revise(node_store, 1, 3)
        wait_until(lambda: len(run.handed_over) == 3, what="three revisions over TLS")
    assert scene.broker.logged("New client connected", "u'edge'")


def secret_of(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> str | dict[str, str]:
    """How the site file names a secret."""
    if kind == "environment":
        monkeypatch.setenv("BROKER_PASSWORD", secret)
        return "${BROKER_PASSWORD}"
    file = folder / "secret"
    file.write_text(secret + "\n")
    return {"file": str(file)}


@pytest.mark.parametrize("kind", ["environment", "file"])
def test_a_refused_password_is_said_and_stands_in_no_log(
    scene: Scene,
    node_store: Store,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    wrong = "wrong-Tr0ub4dor&3"
    logged = StringIO()
    configure_logging("test", logged)
    scene.broker.set_passwords({"edge": PASSWORD})
    scene.broker.lines = [each for each in scene.broker.lines if "anonymous" not in each]
    scene.broker.lines.append(f"password_file {scene.broker.folder / 'passwords'}")
    scene.broker.start()
    scene.settings |= {"username": "edge"}
    scene.settings["password"] = secret_of(kind, scene.folder, monkeypatch, wrong)
    with Running(node_store, a_site(scene.broker.port, **scene.settings)) as run:
        revise(node_store, 1, 3)
        wait_until(lambda: "refuses" in run.health().reason)
        assert "check username" in run.health().reason
        assert sensors_say(scene, "refuses")
        (check,) = check_broker("plant", broker_of(scene), {}, connect_s=3.0)
        assert "refuses the connection" in check.found
        assert "check username, password" in check.mend
        said = logged.getvalue() + run.health().reason + check.line()
        assert "mqtt.session_ended" in said
        assert wrong not in said
        secret_of(kind, scene.folder, monkeypatch, PASSWORD)
        wait_until(lambda: len(run.handed_over) == 3, what="all that waited")
    key = Path(scene.authority.sign("edge-1", file="spy")[1]).read_text().splitlines()[1]
    assert key not in logged.getvalue()
    assert PASSWORD not in logged.getvalue()


def test_a_fault_of_the_program_is_logged_without_the_secrets_around_it(
    node_store: Store, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole traceback is in the log; what the variables held is not."""
    logged = StringIO()
    configure_logging("test", logged)
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)

    def breaks(*_args: object) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr("edge_agent.publish.client.Client.username_pw_set", breaks)
    scene.settings |= {"username": "edge", "password": "${BROKER_PASSWORD}"}
    with Running(node_store, a_site(scene.broker.port, **scene.settings)):
        wait_until(lambda: "mqtt.session_failed" in logged.getvalue())
    assert "a fault of the program" in logged.getvalue()
    assert "_prepare" in logged.getvalue()
    assert PASSWORD not in logged.getvalue()


def test_a_refused_client_waits_longer_each_time(
    scene: Scene, node_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pauses double up to ten seconds: the broker's log holds a handful of tries, no storm."""
    monkeypatch.setenv("BROKER_PASSWORD", "wrong")
    scene.broker.set_passwords({"edge": PASSWORD})
    scene.broker.lines = ["allow_anonymous false", f"password_file {scene.broker.folder}/passwords"]
    scene.broker.start()
    settings = {"username": "edge", "password": "${BROKER_PASSWORD}"}
    site = a_site(scene.broker.port, **settings)
    asked: list[float] = []
    with Running(node_store, site) as run:
        stopping = run.publisher._relays["plant"]._work.orders.stopping
        wait = stopping.wait

        def remember(timeout: float | None = None) -> bool:
            asked.append(timeout or 0.0)
            return wait(0.0)  # the pause is written down, not slept

        monkeypatch.setattr(stopping, "wait", remember)
        wait_until(lambda: len(asked) >= 10, what="ten tries")
        knocks = scene.broker.connects()
        reason = run.health().reason
    assert "check username" in reason
    assert "another client" not in reason  # it refuses: nobody hung up without a word
    pauses = asked[:10]
    assert all(pause >= 0.05 for pause in pauses)
    assert max(pauses) > 5.0
    assert all(pause <= 10.0 for pause in pauses)
    assert knocks <= len(asked) + 3  # one connection a try, and the ones that looked for the port


def test_messages_over_tls_are_what_was_published(scene: Scene, node_store: Store) -> None:
    a_right_client(scene)
    scene.broker.start()
    got: list[dict[str, Any]] = []
    tls = {"ca_certs": str(scene.authority.ca_file)}
    tls |= {
        "certfile": str(scene.settings["cert_file"]),
        "keyfile": str(scene.settings["key_file"]),
    }
    connection = Connection(
        "plant",
        broker_of(scene),
        "sensors",
        ("hazard/v1/plant-a/alert/#", "p/h2s"),
        lambda message: got.append(json.loads(message.payload)),
    )
    thread = threading.Thread(target=connection.run)
    thread.start()
    try:
        wait_until(lambda: connection.status()[0], what="sensors connected over TLS")
        with Running(node_store, a_site(scene.broker.port, **scene.settings)):
            revise(node_store, 1, 2)
            wait_until(lambda: [each["revision"] for each in got] == [1, 2])
        paho_publish.single("p/h2s", "3.5", hostname=HOST, port=scene.broker.port, tls=tls, qos=1)
        wait_until(lambda: 3.5 in got)
    finally:
        connection.close()
        thread.join(10)
