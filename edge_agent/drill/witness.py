"""The two who listen: the independent subscriber, and a tap that only says that something came."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from hazard.errors import HazardError


class Witness:
    """The independent subscriber's process, asked by a pipe."""

    def __init__(self, port: int, topic_filter: str, client_id: str) -> None:
        module = "edge_agent.drill.subscriber"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(port), topic_filter, client_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._read() != "ready":
            raise HazardError("the independent subscriber could not subscribe: see above")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _read(self) -> str:
        if self._process.stdout is None:
            raise HazardError("the independent subscriber has no output")
        return self._process.stdout.readline().strip()

    def ask(self, verb: str, prefix: str) -> dict[str, Any]:
        """`count` or `report` of the alerts whose id begins with `prefix` (`*`: all).

        Raises:
            HazardError: if the subscriber has died, which is a fault of the drill.
        """
        return self._exchange(f"{verb} {prefix}")

    def publish(self, topic: str, response_topic: str, body: str) -> dict[str, Any]:
        """Send a command by the subscriber's connection; the answer to it.

        Raises:
            HazardError: as `ask`.
        """
        return self._exchange(f"publish {topic} {response_topic} {body}")

    def _exchange(self, line: str) -> dict[str, Any]:
        if self._process.stdin is None:
            raise HazardError("the independent subscriber has no input")
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise HazardError("the independent subscriber has died: see above") from error
        told = self._read()
        if not told:
            raise HazardError("the independent subscriber has died: see above")
        answer: dict[str, Any] = json.loads(told)
        return answer

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Tap:
    """Hears each message of a filter at QoS 0, while the broker is there; never a judge.

    `heard` is called by the tap's own thread with topic and body.
    """

    def __init__(self, port: int, topic_filter: str, heard: Callable[[str, bytes], None]) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "hazard-drill-tap", protocol=MQTTv5)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic_filter)

        def received(_c: Client, _u: Any, message: MQTTMessage) -> None:
            heard(message.topic, bytes(message.payload))

        self._client.on_message = received
        self._client.connect("127.0.0.1", port, keepalive=10)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
