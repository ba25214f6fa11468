"""Real brokers that tests start, kill and start again, and a subscriber that remembers all."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.alert_builders import wait_until
from tests.programs import require


def free_pair() -> int:
    """A port that is free together with the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def answers(port: int) -> bool:
    """Whether somebody takes connections on the port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class RunningBroker:
    """A broker process: `iotcore` (embedded) or `mosquitto`."""

    def __init__(self, kind: str, folder: Path, *, passwords: Path | None = None) -> None:
        self.kind, self.port = kind, free_pair()
        self._folder = folder
        self._config = folder / f"mosquitto-{self.port}.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if hasattr(os, "getuid") and os.getuid() == 0:
            lines.append("user root")
        lines.append(f"password_file {passwords}" if passwords else "allow_anonymous true")
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "edge_agent.broker", "--port", str(self.port)]
        if self.kind == "mosquitto":
            command = [str(require("mosquitto")), "-c", str(self._config)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(lambda: answers(self.port), what=f"{self.kind} on {self.port}")

    def kill(self) -> None:
        """SIGKILL: with it goes everything that it held in memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Subscriber:
    """A client that reconnects by itself and remembers every message."""

    def __init__(
        self,
        port: int,
        *filters: str,
        client_id: str | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.messages: list[tuple[str, bytes, bool, dict[str, Any]]] = []
        self._filters = filters
        self._ready = threading.Event()
        name = client_id or f"subscriber-{uuid.uuid4().hex}"
        self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(each, 1) for each in self._filters]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._remember(message)
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        assert self._ready.wait(10), "not subscribed within 10 s"

    def _remember(self, message: MQTTMessage) -> None:
        properties = message.properties.json() if message.properties is not None else {}
        self.messages.append((message.topic, message.payload, message.retain, properties))

    def await_again(self) -> None:
        """Wait until it is subscribed after a broker's restart."""
        assert self._ready.wait(15), "not subscribed again within 15 s"

    def expect_restart(self) -> None:
        self._ready.clear()

    def revisions(self, alert_id: str) -> list[int]:
        """Revisions of an alert in the order of their first arrival."""
        seen: list[int] = []
        for topic, payload, _, _ in list(self.messages):
            if "/alert/" in topic and topic.endswith(f"/{alert_id}"):
                revision = json.loads(payload)["revision"]
                if revision not in seen:
                    seen.append(revision)
        return seen

    def last(self, topic: str) -> bytes | None:
        """The newest payload on a topic."""
        found = [payload for each, payload, _, _ in list(self.messages) if each == topic]
        return found[-1] if found else None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def subscribed(port: int, *filters: str) -> Iterator[Subscriber]:
    """A subscriber for the block."""
    subscriber = Subscriber(port, *filters)
    try:
        yield subscriber
    finally:
        subscriber.close()
