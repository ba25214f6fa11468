"""Whether each MQTT broker lets this box in, and whether each sensor's topic speaks."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.live.result import Check, failed, ok, warning
from edge_agent.mqtt import broken, explain, mend_of, tls_context
from hazard.errors import ConfigError
from hazard.site.models import Sensor
from hazard.site.mqtt import Broker
from hazard.site.problems import show
from hazard.site.sources import MqttSensorSource


class BrokerClient:
    """One short connection to a broker, for a check."""

    def __init__(self, broker: Broker) -> None:
        version = MQTTProtocolVersion.MQTTv5 if broker.protocol == "5" else mqtt.MQTTv311
        self._broker = broker
        self._answered = threading.Event()
        self.refusal: ReasonCode | None = None
        self.broke: tuple[str, str] | None = None
        self.connected = False
        self._socket: Any = None
        self.denied = False
        self.heard: dict[str, bytes] = {}
        self._wanted: list[str] = []
        self._all_heard = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_open = self._on_socket_open
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def connect(self, limit_s: float) -> None:
        """Connect and wait for the broker's answer.

        Raises:
            ConfigError: if the password or a file cannot be read.
            OSError: if the broker cannot be reached (TimeoutError: gave no answer).
        """
        broker = self._broker
        if broker.username is not None:
            password = broker.password.resolve() if broker.password else None
            self._client.username_pw_set(broker.username, password)
        if broker.tls:
            self._client.tls_set_context(tls_context(broker))
        self._client.connect_timeout = limit_s
        # The keep-alive also bounds the TLS handshake.
        self._client.connect(broker.host, broker.port, keepalive=max(1, round(limit_s)))
        self._client.loop_start()
        if not self._answered.wait(limit_s):
            raise TimeoutError("no answer")
        if self.refusal is None and not self.connected:
            self.broke = broken(self._socket, broker, answered=False)

    def listen(self, topics: list[str], limit_s: float) -> dict[str, bytes]:
        """The first payload on each topic filter, as far as there was one within `limit_s`."""
        self._wanted = topics
        self._client.subscribe([(topic, 0) for topic in topics])
        self._all_heard.wait(limit_s)
        return dict(self.heard)

    def close(self) -> None:
        """Disconnect and end the client's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, *_: object
    ) -> None:
        self.refusal = reason if reason.is_failure else None
        self.connected = not reason.is_failure
        self._answered.set()

    def _on_socket_open(self, _client: object, _data: object, sock: Any) -> None:
        self._socket = sock

    def _on_disconnect(self, *_: object) -> None:
        self._answered.set()

    def _on_subscribe(
        self, _client: object, _data: object, _mid: int, reasons: list[ReasonCode], *_: object
    ) -> None:
        self.denied = any(reason.is_failure for reason in reasons)
        if self.denied:
            self._all_heard.set()

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        for wanted in self._wanted:
            if wanted not in self.heard and mqtt.topic_matches_sub(wanted, message.topic):
                self.heard[wanted] = bytes(message.payload[:4096])
        if len(self.heard) == len(set(self._wanted)):
            self._all_heard.set()


def check_broker(
    name: str,
    broker: Broker,
    sensors: dict[str, Sensor],
    *,
    connect_s: float = 5.0,
    reading_s: float = 10.0,
) -> Iterator[Check]:
    """Connect, then wait for one reading of each sensor that this broker carries."""
    title = f"broker {name}"
    client = BrokerClient(broker)
    try:
        client.connect(connect_s)
    except ConfigError as error:
        found, _, mend = str(error).rpartition(": ")
        yield failed(title, found, mend)
        return
    except (OSError, ValueError) as error:
        yield failed(title, *explain(error, broker))
        return
    else:
        if client.refusal is not None:
            mend = mend_of(client.refusal.value)
            yield failed(title, f"refuses the connection: {client.refusal}", mend)
            return
        if client.broke is not None:
            yield failed(title, *client.broke)
            return
        how = "TLS" if broker.tls else "no TLS"
        yield ok(title, f"connected to {broker.host}:{broker.port} (MQTT {broker.protocol}, {how})")
        yield from _readings(client, sensors, reading_s)
    finally:
        client.close()


def _readings(client: BrokerClient, sensors: dict[str, Sensor], limit_s: float) -> Iterator[Check]:
    topics = {
        name: sensor.source.topic
        for name, sensor in sensors.items()
        if isinstance(sensor.source, MqttSensorSource)
    }
    if not topics:
        return
    heard = client.listen(sorted(set(topics.values())), limit_s)
    for name, topic in topics.items():
        title = f"sensor {name}"
        if topic not in heard and client.denied:
            yield failed(title, f"may not subscribe to {topic}", "allow it in the access list")
        elif topic not in heard:
            found = f"nothing on {topic} within {limit_s:g} s"
            yield warning(title, found, "check the topic, and that the sensor sends")
        else:
            yield _reading(title, sensors[name], heard[topic])


def _reading(title: str, sensor: Sensor, payload: bytes) -> Check:
    source = sensor.source
    key = source.value_key if isinstance(source, MqttSensorSource) else None
    value = _number(payload, key)
    if value is not None:
        return ok(title, f"{value:g} {sensor.unit}")
    wanted = f"a JSON object with {key}" if key else "a number"
    shown = show(payload[:40].decode("utf-8", "replace"))
    return warning(title, f"payload {shown} is not {wanted}", "correct value_key, or the sensor")


def _number(payload: bytes, key: str | None) -> float | None:
    try:
        data: Any = json.loads(payload)
        value = data[key] if key else data
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
