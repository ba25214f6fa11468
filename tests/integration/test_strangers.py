"""Clients that nobody here wrote, and a subscriber that was written from docs/mqtt.md alone."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from jsonschema import Draft202012Validator
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from referencing import Registry, Resource
from ruamel.yaml import YAML

from hazard.alarms import on_action, on_condition, on_note
from hazard.store import Store
from hazard.types import Cause, Health, ProcessCondition, StageHealth, Verb
from tests.alert_builders import T0, a_request, an_alarm, later, wait_until
from tests.brokers import subscribed
from tests.certificates import Authority
from tests.integration.test_publisher import Running, a_site, end, revise, write
from tests.mosquitto import Mosquitto, tls_lines
from tests.programs import require
from tests.stranger import Stranger

pytestmark = pytest.mark.mosquitto
ALERTS = "hazard/v1/+/alert/#"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Mosquitto, Authority]]:
    """A broker that wants TLS and a client certificate."""
    authority = Authority(tmp_path)
    server = authority.sign("server", "localhost")
    made = Mosquitto(tmp_path, *tls_lines(authority.ca_file, server, clients=True))
    yield made, authority
    made.stop()


def tls_of(authority: Authority, name: str) -> list[str]:
    """What mosquitto's clients need for TLS with a certificate of their own."""
    certificate, key = authority.sign(name)
    return ["--cafile", str(authority.ca_file), "--cert", str(certificate), "--key", str(key)]


def test_mosquittos_own_clients_over_tls_keep_a_session_and_see_every_property(
    secure: tuple[Mosquitto, Authority], node_store: Store
) -> None:
    """mosquitto_sub makes a session and leaves; what is published meanwhile waits for it."""
    broker, authority = secure
    broker.start()
    sub = [str(require("mosquitto_sub")), "-V", "mqttv5", "-h", "localhost"]
    sub += ["-p", str(broker.port), "-q", "1", *tls_of(authority, "historian")]
    base = [*sub, "-i", "historian", "-c", "-x", "3600", "-t", ALERTS]
    subprocess.run([*base, "-E"], check=True, capture_output=True, timeout=30)
    certificate, key = authority.sign("edge-1")
    settings = {"host": "localhost", "tls": True, "ca_file": authority.ca_file}
    settings |= {"cert_file": certificate, "key_file": key}
    with Running(node_store, a_site(broker.port, **settings)) as run:
        for number in (1, 2):
            revise(node_store, number, 3)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 6)
        form = "%t|%q|%r|%C|%D|%P|%p"
        done = subprocess.run(
            [*base, "-C", "6", "-W", "20", "-F", form],
            check=True, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        rows = [line.split("|", 6) for line in done.stdout.splitlines()]
        late = [*sub, "-i", "late", "-t", "hazard/v1/+/active/+", "-C", "2", "-W", "20"]
        done = subprocess.run(
            [*late, "-F", "%t|%r|%P"], check=True, capture_output=True, text=True, timeout=30
        )
    assert [json.loads(row[6])["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        topic, qos, retained, content, correlation, properties, payload = row
        alert = json.loads(payload)
        assert topic == f"hazard/v1/plant-a/alert/yard/{alert['alert_id']}"
        assert (qos, retained, content) == ("1", "0", "application/json")
        assert correlation == alert["alert_id"]
        said = dict(pair.split(":", 1) for pair in properties.split())
        assert said == {
            "schema": "hazard/v1",
            "severity": alert["severity"],
            "revision": str(alert["revision"]),
            "sequence": str(alert["sequence"]),
            "state": alert["state"],
        }
    states = sorted(line.split("|")[:2] for line in done.stdout.splitlines())
    assert states == [["hazard/v1/plant-a/active/a1", "1"], ["hazard/v1/plant-a/active/a2", "1"]]


def test_aiomqtt_with_a_persistent_session_misses_nothing_and_sees_a_hole(
    secure: tuple[Mosquitto, Authority], node_store: Store
) -> None:
    broker, authority = secure
    broker.lines += ["max_queued_messages 5", "max_inflight_messages 5"]
    broker.start()
    certificate, key = authority.sign("edge-1")
    settings = {"host": "localhost", "tls": True, "ca_file": authority.ca_file}
    settings |= {"cert_file": certificate, "key_file": key}
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.load_cert_chain(*authority.sign("reader"))
    session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    session.SessionExpiryInterval = 3600

    def client() -> aiomqtt.Client:
        return aiomqtt.Client(
            "localhost",
            broker.port,
            identifier="aiomqtt-reader",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=session,
            tls_context=context,
        )

    async def take(count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(30), client() as connected:
            await connected.subscribe(ALERTS, qos=1)
            async for message in connected.messages:
                alert = json.loads(bytes(message.payload))
                assert message.properties is not None
                assert message.properties.CorrelationData == alert["alert_id"].encode()
                assert ("revision", str(alert["revision"])) in message.properties.UserProperty
                found.append(alert)
                if len(found) == count:
                    break
        return found

    async def make_session() -> None:
        async with client() as connected:
            await connected.subscribe(ALERTS, qos=1)

    asyncio.run(make_session())
    with Running(node_store, a_site(broker.port, **settings)) as run:
        revise(node_store, 1, 4)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 4)
        first = asyncio.run(take(4))
        assert [(each["alert_id"], each["revision"]) for each in first] == [
            ("a1", 1), ("a1", 2), ("a1", 3), ("a1", 4),
        ]  # fmt: skip
        revise(node_store, 2, 30)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 34)

        rest: list[dict[str, Any]] = []

        async def until_the_last() -> None:
            async with asyncio.timeout(30), client() as connected:
                async for message in connected.messages:
                    rest.append(json.loads(bytes(message.payload)))
                    if len(rest) == 5:  # all that the broker had kept: now something new
                        revise(node_store, 3, 1)
                        run.publisher.wake()
                    if rest[-1]["alert_id"] == "a3":
                        return

        asyncio.run(until_the_last())
    numbers = [each["sequence"] for each in rest if each["sequence"] > 4]
    assert numbers[-1] == 35
    assert numbers != list(range(5, 36)), "what the broker dropped shows"


def test_what_leaves_a_broker_is_valid_by_the_document(
    broker: Mosquitto, node_store: Store, repo_root: Path
) -> None:
    """Each message is one of its channel's, and its properties are those of the header."""
    document = YAML(typ="safe").load(repo_root / "docs" / "mqtt.asyncapi.yaml")
    broker.start()
    with subscribed(broker.port, "hazard/v1/#") as seen:
        with Running(node_store, a_site(broker.port)) as run:
            run.publisher.set_watch({"yard": "camera gate-1 is dark"})
            bad = StageHealth(stage="vision", health=Health.OFFLINE, reason="no camera", at=T0)
            run.publisher.set_stages([bad])
            end(node_store, revise(node_store, 1, 3))
            revise(node_store, 2, 2)
            run.publisher.wake()
            wait_until(lambda: len(run.handed_over) == 8)
        wait_until(lambda: b"stopped" in (seen.last("hazard/v1/plant-a/node/edge-1/status") or b""))
    used = set()
    for topic, payload, _, properties in seen.messages:
        name, channel = channel_of(document, topic)
        messages = [document["components"]["messages"][each] for each in channel["messages"]]
        valid = [each for each in messages if fits(each, payload, properties, repo_root)]
        assert len(valid) == 1, f"{topic}: {payload[:200]!r}"
        used |= {name, valid[0]["name"]}
    assert {"alert", "active", "area", "nodeStatus", "revision", "state", "ended"} <= used


def channel_of(document: dict[str, Any], topic: str) -> tuple[str, dict[str, Any]]:
    """The channel whose address the topic has."""
    levels = topic.split("/")
    for name, channel in document["channels"].items():
        wanted = channel["address"].split("/")
        if len(wanted) == len(levels) and all(
            want.startswith("{") or want == level
            for want, level in zip(wanted, levels, strict=True)
        ):
            return name, channel
    raise AssertionError(f"no channel for {topic}")


def fits(
    message: dict[str, Any], payload: bytes, properties: dict[str, Any], repo_root: Path
) -> bool:
    """Whether a message is valid by its payload's schema and its headers'."""
    schema = message["payload"]
    if "schema" not in schema:
        return Draft202012Validator(schema).is_valid(payload.decode())
    if not payload:
        return False
    folder = repo_root / "docs"
    registry: Registry[Any] = Registry(
        retrieve=lambda uri: Resource.from_contents(json.loads((folder / uri).read_text()))
    )
    if not Draft202012Validator(schema["schema"], registry=registry).is_valid(json.loads(payload)):
        return False
    assert properties["ContentType"] == message["contentType"]
    headers = dict(properties.get("UserProperty", []))
    return Draft202012Validator(message.get("headers", {})).is_valid(headers)


class Drive:
    """Alarms that come, change and go in a random order."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._random = store, random.Random(seed)
        self._alarms: dict[int, Any] = {}
        self._next = 1

    def step(self) -> None:
        """One revision, of a new alarm or of one that is there."""
        begins = len(self._alarms) < 8 and self._random.random() < 0.3
        if len(self._alarms) < 3 or begins:
            number, self._next = self._next, self._next + 1
            alarm, cause = an_alarm(f"a{number}"), Cause.RAISED
        else:
            number = self._random.choice(sorted(self._alarms))
            alarm, cause = self._onward(self._alarms[number]), Cause.WORDS
        write(self._store, alarm, cause, number)
        if alarm.state.value == "normal":
            self._alarms.pop(number, None)
        else:
            self._alarms[number] = alarm

    def _onward(self, alarm: Any) -> Any:
        if self._random.random() < 0.4:
            return on_note(alarm, Cause.WORDS, later(1)).alarm
        verb = {
            "unacknowledged": Verb.ACKNOWLEDGE,
            "acknowledged": None,
            "latched_acknowledged": Verb.RESET,
        }[alarm.state.value]
        if verb is None:
            return on_condition(alarm, ProcessCondition.NORMAL, later(3)).alarm
        request = a_request(verb, revision=alarm.revision, alert_id=alarm.alert_id)
        return on_action(alarm, request, later(4)).alarm


def test_a_subscriber_written_from_the_page_ends_with_what_the_database_has(
    broker: Mosquitto, node_store: Store
) -> None:
    """The broker is killed, wiped, and drops messages of the subscriber while that is away."""
    broker.persist()
    broker.start()
    drive = Drive(node_store, seed=20260301)
    stranger = Stranger(broker.port)
    stranger.connect()
    with Running(node_store, a_site(broker.port)) as run:

        def go(steps: int) -> None:
            for _ in range(steps):
                drive.step()
                run.publisher.wake()

        def settled() -> bool:
            known = {
                alert.message.alert_id: (alert.message.revision, alert.message.state.value)
                for alert in node_store.open_alerts()
            }
            held = stranger.read(
                lambda it: {
                    key: (alert["revision"], alert["state"]) for key, alert in it.active.items()
                }
            )
            return bool(known == held)

        run.await_ready()
        go(40)
        wait_until(settled, what="the beginning")
        broker.kill()
        go(30)
        broker.wipe()
        broker.start()
        wait_until(settled, seconds=40, what="after a broker that was killed and wiped")
        wait_until(lambda: stranger.holes("edge-1") == [], seconds=40, what="all revisions")
        assert stranger.duplicates > 0

        stranger.leave()
        broker.stop()
        broker.lines.append("max_queued_messages 10")
        broker.start()
        run.await_ready()
        go(60)
        wait_until(lambda: run.health().figures["outbox_depth"] == 0, what="all handed over")
        stranger.connect()
        wait_until(settled, seconds=40, what="after its queue overflowed")
        assert broker.logged("dropped", "stranger"), "the broker did drop some"
    wait_until(lambda: stranger.read(lambda it: it.status["edge-1"]["reason"]) == "stopped")
    newest = stranger.read(lambda it: it.status["edge-1"]["sequence"])
    assert newest == 130
    stranger.leave()


def test_a_subscriber_that_is_told_of_half_ends_nothing(
    broker: Mosquitto, node_store: Store
) -> None:
    """A broker with a short queue drops retained states too: what it holds stays."""
    broker.start()
    stranger = Stranger(broker.port)
    with Running(node_store, a_site(broker.port, heartbeat_s=0.5)) as run:
        run.await_ready()
        stranger.connect()
        for number in range(1, 61):
            revise(node_store, number, 1)
        run.publisher.wake()
        wait_until(lambda: stranger.read(lambda it: len(it.active)) == 60)
        stranger.leave()
        broker.stop()
        broker.lines += ["max_queued_messages 1", "max_inflight_messages 5"]
        broker.start()
        run.await_ready()
        stranger.connect()
        beats = stranger.read(lambda it: it.status["edge-1"]["at"])
        wait_until(lambda: stranger.read(lambda it: it.status["edge-1"]["at"]) > beats)
        beats = stranger.read(lambda it: it.status["edge-1"]["at"])
        wait_until(lambda: stranger.read(lambda it: it.status["edge-1"]["at"]) > beats)
        assert stranger.read(lambda it: len(it.active)) == 60
    stranger.leave()
