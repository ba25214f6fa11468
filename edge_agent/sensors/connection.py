"""One MQTT connection that lives for ever: back-off with jitter, protocol fallback, clear words.

It has a thread of its own. MQTT 5 is tried first where the site says so; a broker that does not
speak it gets 3.1.1.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.mqtt import broken, ended, explain, refusal, tls_context
from hazard.errors import ConfigError
from hazard.site.mqtt import Broker

MIN_DELAY_S = 0.5
MAX_DELAY_S = 30.0
CONNACK_WITHIN_S = 10.0
LOOP_S = 1.0
MAX_PACKET_BYTES = 1024 * 1024

log = structlog.get_logger()


class Connection:
    """Keeps subscribed to `filters` until it is closed.

    Args:
        name: the broker's name in the site file, for messages.
        broker: where and how to connect.
        client_id: unique per broker; a second client of that name would take the session over.
        filters: topic filters, subscribed again after each connect.
        deliver: called in this connection's thread with each message; must not raise.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        client_id: str,
        filters: Iterable[str],
        deliver: Callable[[MQTTMessage], None],
    ) -> None:
        self._name = name
        self._broker = broker
        self._client_id = client_id
        self._filters = tuple(dict.fromkeys(filters))
        self._deliver = deliver
        self._stop = threading.Event()
        self._client: Client | None = None
        self._sock: Any = None
        self._connected = False
        self._answered = False
        self._why = "connecting"
        self._refused: dict[str, str] = {}
        self._subscribing: dict[int, tuple[str, ...]] = {}
        self._version = (
            MQTTProtocolVersion.MQTTv5
            if broker.protocol != "3.1.1"
            else MQTTProtocolVersion.MQTTv311
        )

    def status(self) -> tuple[bool, str]:
        """Whether connected with all filters granted, and if not why and what to do."""
        where = f"broker {self._name} ({self._broker.host}:{self._broker.port})"
        if not self._connected:
            return False, f"{where}: {self._why}"[:500]
        if self._refused:
            topics = "; ".join(f"{topic!a}: {why}" for topic, why in self._refused.items())
            mend = "allow this user to read them"
            return False, f"{where}: refuses to send topics: {topics}; {mend}"[:500]
        return True, ""

    def close(self) -> None:
        """End the connection; `run` returns soon after."""
        self._stop.set()
        client = self._client
        if client is not None:
            client.disconnect()

    def run(self) -> None:
        """Connect, and connect again whenever that ends, until closed."""
        delay = MIN_DELAY_S
        while not self._stop.is_set():
            try:
                was_connected = self._session()
            except ConfigError as error:
                was_connected, self._why = False, str(error)
            except (OSError, ValueError) as error:
                was_connected, self._why = False, ": ".join(explain(error, self._broker))
            self._connected = False
            if self._stop.is_set():
                return
            delay = MIN_DELAY_S if was_connected else min(2 * delay, MAX_DELAY_S)
            log.warning("sensors.broker_lost", broker=self._name, reason=self._why)
            self._stop.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret

    def _session(self) -> bool:
        """One connection from start to end; whether it was ever accepted."""
        self._answered = False
        accepted = False
        self._client = client = self._new_client()
        client.connect(
            self._broker.host,
            self._broker.port,
            self._broker.keepalive_s,
            properties=self._limits(),
        )
        self._sock = client.socket()
        why: tuple[str, str] | None = None
        deadline = time.monotonic() + CONNACK_WITHIN_S
        while not self._stop.is_set():
            result = client.loop(LOOP_S)
            accepted = accepted or self._connected
            if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            if not self._answered and time.monotonic() > deadline:
                why = ("accepts the connection but does not speak MQTT", "check the port")
                break
        if not self._answered:
            why = why or broken(self._sock, self._broker, answered=False)
            self._give_way(": ".join(why or ()))
        client.disconnect()
        return accepted

    def _give_way(self, why: str) -> None:
        """The broker ended the connection without an answer: try the other protocol next."""
        self._why = why
        if self._broker.protocol != "3.1.1":
            newest = self._version is MQTTProtocolVersion.MQTTv5
            self._version = MQTTProtocolVersion.MQTTv311 if newest else MQTTProtocolVersion.MQTTv5

    def _limits(self) -> Properties | None:
        """Keeps an MQTT 5 broker from sending packets that nobody would read."""
        if self._version is not MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    def _new_client(self) -> Client:
        broker = self._broker
        extra: dict[str, Any] = {}
        if self._version is not MQTTProtocolVersion.MQTTv5:
            extra["clean_session"] = True
        client = Client(
            CallbackAPIVersion.VERSION2, self._client_id, protocol=self._version, **extra
        )
        if broker.username is not None:
            secret = broker.password.resolve() if broker.password else None
            client.username_pw_set(broker.username, secret)
        if broker.tls:
            client.tls_set_context(tls_context(broker))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _data: object, _flags: object, code: ReasonCode, _props: object
    ) -> None:
        self._answered = True
        if code.is_failure:
            self._why = f"refuses: {refusal(code)}"
            unsupported = str(code) == "Unsupported protocol version"
            if unsupported and self._version is MQTTProtocolVersion.MQTTv5:
                self._version = MQTTProtocolVersion.MQTTv311
            return
        self._refused = {}
        self._connected = True
        if self._filters:
            self._subscribe(client)

    def _subscribe(self, client: Client) -> None:
        if self._version is MQTTProtocolVersion.MQTTv5:
            wanted: Any = [(topic, SubscribeOptions(qos=1)) for topic in self._filters]
        else:
            wanted = [(topic, 1) for topic in self._filters]
        try:
            _, number = client.subscribe(wanted)
        except ValueError:
            self._refused = dict.fromkeys(self._filters, "a topic filter is not valid MQTT")
            return
        if number is not None:
            self._subscribing = {number: self._filters}

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        number: int,
        codes: list[ReasonCode],
        _props: object,
    ) -> None:
        filters = self._subscribing.pop(number, ())
        pairs = zip(filters, codes, strict=False)
        self._refused = {topic: str(code) for topic, code in pairs if code.is_failure}

    def _on_disconnect(
        self, _client: Client, _data: object, flags: Any, code: ReasonCode, _props: object
    ) -> None:
        was, self._connected = self._connected, False
        if was:
            self._why = ended(flags, code, self._sock, self._broker, answered=True)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._deliver(message)
