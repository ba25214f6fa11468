"""The subscriber: a process of its own that remembers each alert with the time of its arrival.

`python -m edge_agent.bench.delivery.receiver PORT` prints `ready` when it is subscribed. Each line
on standard input is the beginning of alert ids; the answer is one line of JSON about them:
`received` (different alerts and revisions), `duplicates`, `last_s` (Unix time of the newest),
`latencies_ms` (raised to received, by the wall clock that both processes share).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.process import die_with_parent

READY_WITHIN_S = 15.0


class Receiver:
    """Everything that came, in order."""

    def __init__(self, port: int, topic_filter: str) -> None:
        self._came: list[tuple[str, bytes, float]] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, "bench-receiver", protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(topic_filter, qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._remember(message)
        self._client.connect("127.0.0.1", port)

    def _remember(self, message: MQTTMessage) -> None:
        self._came.append((message.topic, message.payload, time.time()))

    def start(self) -> bool:
        """Begin; False if the broker did not take the subscription in time."""
        self._client.loop_start()
        return self._ready.wait(READY_WITHIN_S)

    def count(self, beginning: str) -> dict[str, Any]:
        """How many messages of such alerts came; quick, for waiting."""
        mark = f"/{beginning}"
        return {"messages": sum(1 for topic, _, _ in list(self._came) if mark in topic)}

    def report(self, beginning: str) -> dict[str, Any]:
        """What came of the alerts whose id begins so."""
        mark = f"/{beginning}"
        seen: set[tuple[str, int]] = set()
        latencies: list[float] = []
        duplicates, last_s = 0, 0.0
        for topic, payload, at in list(self._came):
            if mark not in topic:
                continue
            message = json.loads(payload)
            key = message["alert_id"], message["revision"]
            if key in seen:
                duplicates += 1
                continue
            seen.add(key)
            last_s = max(last_s, at)
            raised = datetime.fromisoformat(message["times"]["raised"]).astimezone(UTC)
            latencies.append(round((at - raised.timestamp()) * 1000, 3))
        return {
            "received": len(seen),
            "duplicates": duplicates,
            "last_s": last_s,
            "latencies_ms": latencies,
        }


def main() -> int:
    """Subscribe, then answer until standard input ends."""
    die_with_parent()
    receiver = Receiver(int(sys.argv[1]), sys.argv[2])
    if not receiver.start():
        return 1
    print("ready", flush=True)  # noqa: T201 - the driver reads it
    for line in sys.stdin:
        verb, beginning = line.split()
        answer = receiver.count(beginning) if verb == "count" else receiver.report(beginning)
        print(json.dumps(answer), flush=True)  # noqa: T201 - the driver reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
