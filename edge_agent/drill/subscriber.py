"""An independent subscriber: a process of its own that remembers every revision it was sent.

`python -m edge_agent.drill.subscriber PORT FILTER` has a persistent session (MQTT 5, clean start
off, a day's expiry) and comes back by itself. It prints `ready` when it is subscribed. Each line on
standard input is `count PREFIX` or `report PREFIX`; the answer about the alerts whose id begins so
is one line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from datetime import datetime
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.process import die_with_parent

CLIENT_ID = "hazard-independent-subscriber"
SESSION_S = 86_400
READY_WITHIN_S = 20.0
ALL = "*"
"""Stands for every alert where a prefix is asked for."""


class Subscriber:
    """Everything that came, by alert and revision.

    Attributes:
        repeats: messages that had come before, word for word: harmless by the contract.
        conflicts: messages that had come before with other words, or without a sequence of their
            own: a fault that a user would see.
        sessions_lost: connections at which the broker knew nothing of this subscriber any more.
    """

    def __init__(self, port: int, topic_filter: str) -> None:
        self._filter = topic_filter
        self._lock = threading.Lock()
        self._came: dict[tuple[str, int], dict[str, Any]] = {}
        self._sequences: dict[tuple[str, int], tuple[str, int]] = {}
        self._connects = 0
        self.repeats = self.conflicts = self.sessions_lost = 0
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, CLIENT_ID, protocol=MQTTv5)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._received(message)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = SESSION_S
        self._client.connect("127.0.0.1", port, keepalive=10, clean_start=False, properties=session)

    def start(self) -> bool:
        """Begin; False if the broker did not take the subscription in time."""
        self._client.loop_start()
        return self._ready.wait(READY_WITHIN_S)

    def _connected(self, client: Client, _u: Any, flags: ConnectFlags, _code: Any, _p: Any) -> None:
        self._connects += 1
        if self._connects > 1 and not flags.session_present:
            self.sessions_lost += 1
        client.subscribe(self._filter, options=SubscribeOptions(qos=1))

    def _received(self, message: MQTTMessage) -> None:
        at = time.time()
        body = json.loads(message.payload)
        key = body["alert_id"], body["revision"]
        digest = hashlib.sha256(message.payload).hexdigest()
        with self._lock:
            known = self._came.get(key)
            if known is not None:
                self.repeats += known["digest"] == digest
                self.conflicts += known["digest"] != digest
                return
            numbered = body["node"], body["sequence"]
            if self._sequences.setdefault(numbered, key) != key:
                self.conflicts += 1
            self._came[key] = {
                "alert_id": body["alert_id"],
                "revision": body["revision"],
                "sequence": body["sequence"],
                "digest": digest,
                "at_s": at,
                "latency_ms": round(
                    (at - datetime.fromisoformat(body["times"]["raised"]).timestamp()) * 1000, 3
                ),
            }

    def answer(self, verb: str, prefix: str) -> dict[str, Any]:
        """What came of the alerts whose id begins with `prefix`, in the order of its arrival."""
        with self._lock:
            found = [
                came
                for came in self._came.values()
                if prefix == ALL or came["alert_id"].startswith(prefix)
            ]
            told = {
                "count": len(found),
                "highest_sequence": max((came["sequence"] for came in found), default=0),
                "repeats": self.repeats,
                "conflicts": self.conflicts,
                "sessions_lost": self.sessions_lost,
            }
        return told | ({"revisions": found} if verb == "report" else {})


def main() -> int:
    """Subscribe, then answer until standard input ends."""
    die_with_parent()
    subscriber = Subscriber(int(sys.argv[1]), sys.argv[2])
    if not subscriber.start():
        return 1
    print("ready", flush=True)  # noqa: T201 - the other end of the pipe reads it
    for line in sys.stdin:
        verb, prefix = line.split()
        print(json.dumps(subscriber.answer(verb, prefix)), flush=True)  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
