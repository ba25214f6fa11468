from __future__ import annotations

import asyncio
import getpass
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.publish as mqtt_publish
import pytest
from iotcore import Broker
from paho.mqtt.enums import MQTTProtocolVersion

from edge_agent.sensors import build_sensor_sources
from edge_agent.sensors.mqtt import MqttSource, matches
from hazard.site.models import Site
from hazard.types import Reading
from tests.programs import require

DEADLINE_S = 20.0


@contextmanager
def mosquitto(port: int, folder: Path, *lines: str) -> Iterator[subprocess.Popen[bytes]]:
    config = folder / "mosquitto.conf"
    settings = lines or ("allow_anonymous true",)
    same_user = f"user {getpass.getuser()}"
    config.write_text("\n".join((same_user, f"listener {port} 127.0.0.1", *settings)) + "\n")
    process = subprocess.Popen(
        [require("mosquitto"), "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(5)


def a_site(port: int, *, broker: dict[str, Any] | None = None, **topics: Any) -> Site:
    sensors = {
        name: {
            "area": "yard",
            "quantity": "h2s",
            "unit": "ppm",
            "source": {
                "kind": "mqtt",
                "broker": "b",
                **({"topic": topic} if isinstance(topic, str) else topic),
            },
        }
        for name, topic in topics.items()
    }
    return Site.model_validate(
        {
            "site": {"id": f"test-{port}", "name": "Test"},
            "areas": {"yard": {"name": "Yard"}},
            "sensors": sensors,
            "mqtt": {"brokers": {"b": {"port": port, **(broker or {})}}},
        }
    )


def the_source(site: Site) -> MqttSource:
    (source,) = build_sensor_sources(site)
    assert isinstance(source, MqttSource)
    return source


@asynccontextmanager
async def running(source: MqttSource) -> AsyncIterator[list[Reading]]:
    readings: list[Reading] = []
    task = asyncio.create_task(source.run(readings.append))
    try:
        yield readings
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the condition lies in another thread
            await asyncio.sleep(0.02)


async def say(
    port: int,
    topic: str,
    payload: str | bytes,
    *,
    retain: bool = False,
    spoken: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
) -> None:
    await asyncio.to_thread(
        mqtt_publish.single,
        topic,
        payload,
        qos=1,
        retain=retain,
        hostname="127.0.0.1",
        port=port,
        protocol=spoken,
    )


@pytest.mark.mosquitto
def test_all_sensors_of_a_broker_share_a_connection_and_get_their_own_topics(
    free_port: int, tmp_path: Path
) -> None:
    keyed = {"topic": "plant/2", "value_key": "ppm"}
    source = the_source(a_site(free_port, one="plant/+/h2s", two=keyed))

    async def scene() -> list[Reading]:
        async with running(source) as readings:
            await until(lambda: source.status()[0])
            await say(free_port, "plant/1/h2s", "12.5")
            await say(free_port, "plant/2", '{"ppm": 3}')
            await say(free_port, "plant/2", "not a number")
            await say(free_port, "plant/2", b"\xff" * 70_000)
            await say(free_port, "elsewhere", "99")
            await until(lambda: len(readings) >= 4)
            return list(readings)

    with mosquitto(free_port, tmp_path):
        readings = asyncio.run(scene())
    seen = [(reading.sensor_id, reading.value, str(reading.quality)) for reading in readings]
    assert seen == [
        ("one", 12.5, "good"),
        ("two", 3.0, "good"),
        ("two", None, "bad"),
        ("two", None, "bad"),
    ]


@pytest.mark.mosquitto
def test_readings_go_on_after_the_broker_was_killed_and_started_again(
    free_port: int, tmp_path: Path
) -> None:
    source = the_source(a_site(free_port, one="plant/1"))

    async def scene() -> list[Reading]:
        async with running(source) as readings:
            with mosquitto(free_port, tmp_path):
                await until(lambda: source.status()[0])
                await say(free_port, "plant/1", "1")
                await until(lambda: readings)
            await until(lambda: not source.status()[0])
            assert "127.0.0.1" in source.status()[1]
            with mosquitto(free_port, tmp_path):
                await until(lambda: source.status()[0])
                await say(free_port, "plant/1", "2")
                await until(lambda: len(readings) > 1)
            return list(readings)

    assert [reading.value for reading in asyncio.run(scene())] == [1.0, 2.0]


@pytest.mark.mosquitto
def test_a_retained_value_is_uncertain_and_the_next_one_good(
    free_port: int, tmp_path: Path
) -> None:
    source = the_source(a_site(free_port, one="plant/1"))

    async def scene() -> list[Reading]:
        await until_open(free_port)
        await say(free_port, "plant/1", "50", retain=True)
        async with running(source) as readings:
            await until(lambda: readings)
            await say(free_port, "plant/1", "51", retain=True)
            await until(lambda: len(readings) > 1)
            return list(readings)

    with mosquitto(free_port, tmp_path):
        readings = asyncio.run(scene())
    assert [(r.value, str(r.quality)) for r in readings] == [(50.0, "uncertain"), (51.0, "good")]


async def until_open(port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_password_is_named_with_its_mend(
    free_port: int, tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAZARD_TEST_SECRET", "wrong")
    (tmp_path / "users").write_text("")
    broker = {"username": "u", "password": "${HAZARD_TEST_SECRET}", "protocol": protocol}
    source = the_source(a_site(free_port, broker=broker, one="plant/1"))

    async def scene() -> str:
        async with running(source):
            await until(lambda: "refuses" in source.status()[1])
            return source.status()[1]

    with mosquitto(free_port, tmp_path, f"password_file {tmp_path / 'users'}"):
        why = asyncio.run(scene())
    assert "Not authorized" in why or "Bad user name or password" in why
    assert "check username" in why
    assert "wrong" not in why.replace("wrong or", "")


def test_a_broker_that_is_not_there_is_named_and_does_not_stop_the_source(free_port: int) -> None:
    source = the_source(a_site(free_port, one="plant/1"))

    async def scene() -> str:
        async with running(source):
            await until(lambda: "nothing listens" in source.status()[1])
            return source.status()[1]

    assert f"127.0.0.1:{free_port}" in asyncio.run(scene())


def test_a_password_variable_that_is_not_set_is_named(free_port: int) -> None:
    broker = {"username": "u", "password": "${HAZARD_TEST_UNSET}"}
    source = the_source(a_site(free_port, broker=broker, one="plant/1"))

    async def scene() -> None:
        async with running(source):
            await until(lambda: "HAZARD_TEST_UNSET" in source.status()[1])

    asyncio.run(scene())


def test_a_listener_that_speaks_no_mqtt_is_named(free_port: int) -> None:
    source = the_source(a_site(free_port, one="plant/1"))

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def scene() -> str:
        server = await asyncio.start_server(hang_up, "127.0.0.1", free_port)
        async with server, running(source):
            await until(lambda: "without an answer" in source.status()[1])
            return source.status()[1]

    assert "check port" in asyncio.run(scene())


def test_a_source_that_is_cancelled_ends_at_once_and_leaves_no_thread(free_port: int) -> None:
    source = the_source(a_site(free_port, one="plant/1"))

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        async with running(source):
            await until(lambda: "nothing listens" in source.status()[1])
            start = loop.time()
        return loop.time() - start

    assert asyncio.run(scene()) < 3.0


def test_sources_of_the_same_configuration_are_equal_and_changed_ones_are_not() -> None:
    assert the_source(a_site(1883, one="a")) == the_source(a_site(1883, one="a"))
    assert the_source(a_site(1883, one="a")) != the_source(a_site(1883, one="b"))


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("plant/+/h2s", "plant/1/h2s", True),
        ("plant/#", "plant", True),
        ("$share/group/plant/1", "plant/1", True),
        ("plant/1", "plant/2", False),
    ],
)
def test_topic_filters_match_as_mqtt_says(topic_filter: str, topic: str, expected: bool) -> None:  # noqa: FBT001
    assert matches(topic_filter, topic) is expected


def embedded_config(folder: Path, port: int, version: int) -> Path:
    file = folder / "rumqttd.toml"
    file.write_text(
        f"""
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v{version}.1]
name = "v{version}-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [v{version}.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = 200000
    max_inflight_count = 100
    dynamic_filters = true
"""
    )
    return file


@pytest.mark.parametrize("version", [5, 4])
def test_the_embedded_broker_serves_sensors_in_either_version_of_mqtt(
    free_port: int, tmp_path: Path, version: int
) -> None:
    source = the_source(a_site(free_port, one="plant/1"))
    spoken = MQTTProtocolVersion.MQTTv5 if version == 5 else MQTTProtocolVersion.MQTTv311

    async def scene() -> list[Reading]:
        async with running(source) as readings:
            await until(lambda: source.status()[0])
            await say(free_port, "plant/1", "7.5", spoken=spoken)
            await until(lambda: readings)
            return list(readings)

    with Broker(port=free_port, config_path=str(embedded_config(tmp_path, free_port, version))):
        assert [reading.value for reading in asyncio.run(scene())] == [7.5]
