"""An independent subscriber: a process of its own that remembers every revision it was sent.

`python -m edge_agent.drill.subscriber PORT FILTER CLIENT_ID` has a persistent session (MQTT 5,
clean start off, a day's expiry) and comes back by itself. It prints `ready` when it is subscribed.
Each line on standard input is answered by one line of JSON:

- `count PREFIX`, `report PREFIX`: of the alerts whose id begins so (`*`: all);
- `publish TOPIC RESPONSE_TOPIC BODY`: sends it, and gives the first answer that comes.
"""

from __future__ import annotations

import hashlib
import json
import queue
import sys
import threading
import time
import uuid
from datetime import datetime
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.process import die_with_parent

SESSION_S = 86_400
READY_WITHIN_S = 20.0
ANSWER_WITHIN_S = 60.0
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

    def __init__(self, port: int, topic_filter: str, client_id: str) -> None:
        self._filter = topic_filter
        self._lock = threading.Lock()
        self._came: dict[tuple[str, int], dict[str, Any]] = {}
        self._sequences: dict[tuple[str, int], tuple[str, int]] = {}
        self._connects = 0
        self.repeats = self.conflicts = self.sessions_lost = 0
        self._ready = threading.Event()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answer_topic = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
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
        if message.topic == self._answer_topic:
            self._answers.put(bytes(message.payload))
            return
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

    def ask(self, topic: str, response_topic: str, body: str) -> dict[str, Any]:
        """Send a command and wait for its answer; `{"state": "unanswered"}` if none comes."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = response_topic
        properties.CorrelationData = uuid.uuid4().bytes
        self._answer_topic = response_topic
        self._client.subscribe(response_topic, options=SubscribeOptions(qos=1))
        self._client.publish(topic, body, qos=1, properties=properties)
        try:
            found: dict[str, Any] = json.loads(self._answers.get(timeout=ANSWER_WITHIN_S))
        except queue.Empty:
            return {"state": "unanswered", "text": f"no answer within {ANSWER_WITHIN_S:.0f} s"}
        return found

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
    subscriber = Subscriber(int(sys.argv[1]), sys.argv[2], sys.argv[3])
    if not subscriber.start():
        return 1
    print("ready", flush=True)  # noqa: T201 - the other end of the pipe reads it
    for line in sys.stdin:
        verb, what = line.rstrip("\n").split(" ", 1)
        told = (
            subscriber.ask(*what.split(" ", 2))
            if verb == "publish"
            else subscriber.answer(verb, what)
        )
        print(json.dumps(told), flush=True)  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
