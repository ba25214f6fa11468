"""An independent subscriber: what a plant's own program would have received."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SESSION_EXPIRY_S = 24 * 3600


class Probe:
    """Counts each revision of each alert that arrives over MQTT.

    It shares nothing with the agent but the broker: a persistent session of its own, its own
    client, and the documented topics.
    """

    def __init__(
        self, host: str, port: int, on_alert: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self._on_alert = on_alert
        self._lock = threading.Lock()
        self._received: dict[tuple[str, int], dict[str, Any]] = {}
        self.messages = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="hazard-demo-probe", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 2)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.connect_async(
            host, port, keepalive=15, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("hazard/v1/+/alert/#", qos=1)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        key = (body["alert_id"], body["revision"])
        with self._lock:
            self.messages += 1
            new = key not in self._received
            self._received[key] = body
        if new and self._on_alert:
            self._on_alert(body)

    def received(self) -> set[tuple[str, int]]:
        """Alert id and revision of all that arrived."""
        with self._lock:
            return set(self._received)

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()
