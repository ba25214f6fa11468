"""A subscriber that somebody wrote from docs/mqtt.md alone. It imports nothing of the product.

It keeps the state of all alarms, and every revision that it was ever told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ALERTS, ACTIVE = "hazard/v1/+/alert/#", "hazard/v1/+/active/+"
STATUS, GAPS = "hazard/v1/+/node/+/status", "hazard/v1/+/node/+/gap"


class Stranger:
    """Follows the page's rules; read `active`, `revisions` and `holes` under `lock`."""

    def __init__(self, port: int, name: str = "stranger") -> None:
        self.lock = threading.Lock()
        self.active: dict[str, dict[str, Any]] = {}
        self.revisions: dict[str, set[int]] = {}
        self.sequences: dict[str, set[int]] = {}
        self.newest: dict[str, int] = {}
        self.status: dict[str, dict[str, Any]] = {}
        self.gaps: list[dict[str, Any]] = []
        self.duplicates = 0
        self._told: dict[str, str] = {}
        self._looking: dict[str, bool] = {}
        self._differs: dict[str, int] = {}
        self._port, self._name = port, name

    def connect(self) -> None:
        """Connect with the persistent session that the page asks for."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 7 * 24 * 3600
        self._client = Client(CallbackAPIVersion.VERSION2, self._name, protocol=MQTTv5)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda *_: self._start()
        self._client.on_message = lambda _c, _u, message: self._take(message)
        self._client.connect(
            "127.0.0.1", self._port, keepalive=5, clean_start=False, properties=session
        )
        self._client.loop_start()

    def leave(self) -> None:
        """Go away; the session stays at the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _start(self) -> None:
        self._client.subscribe(ALERTS, qos=1)
        self._client.subscribe(GAPS, qos=1)
        self.look_again()

    def look_again(self) -> None:
        """Steps 3 and 4 of the start: at each connection, and after a hole."""
        with self.lock:
            self._told.clear()
            self._differs.clear()
            self._looking = {alert["node"]: False for alert in self.active.values()}
        self._client.unsubscribe(ACTIVE)
        self._client.subscribe(ACTIVE, qos=1)
        self._client.subscribe(STATUS, qos=1)

    def holes(self, node: str) -> list[int]:
        """Sequence numbers of a node that exist, as far as is known, and that never came."""
        with self.lock:
            seen = self.sequences.get(node, set())
            newest = max([*seen, self.newest.get(node, 0)], default=0)
            return [number for number in range(1, newest + 1) if number not in seen]

    def read(self, what: Callable[[Stranger], Any]) -> Any:
        """A consistent look."""
        with self.lock:
            return what(self)

    def _take(self, message: MQTTMessage) -> None:
        levels = message.topic.split("/")
        again = False
        with self.lock:
            if levels[3] == "node":
                again = self._node(levels[5], json.loads(message.payload), retained=message.retain)
            elif message.payload:
                self._revision(json.loads(message.payload), on_active=levels[3] == "active")
            else:
                self.active.pop(levels[4], None)
                self._told.pop(levels[4], None)
        if again:
            self.look_again()

    def _node(self, kind: str, said: dict[str, Any], *, retained: bool) -> bool:
        """Whether to look again."""
        if kind == "gap":
            self.gaps.append(said)
            return True
        node = said["node"]
        self.status[node] = said
        self.newest[node] = max(self.newest.get(node, 0), said["sequence"] or 0)
        if node in self._looking:
            self._looking[node] = self._looking[node] or retained
            complete = said["active"] == sum(each == node for each in self._told.values())
            if self._looking[node] and complete:
                del self._looking[node]
                for alert_id in self._held(node):
                    if alert_id not in self._told:
                        del self.active[alert_id]
        same = said["active"] in (None, len(self._held(node)))
        self._differs[node] = 0 if same else self._differs.get(node, 0) + 1
        return self._differs[node] >= 2

    def _held(self, node: str) -> list[str]:
        return [key for key, alert in self.active.items() if alert["node"] == node]

    def _revision(self, alert: dict[str, Any], *, on_active: bool) -> None:
        alert_id, revision = alert["alert_id"], alert["revision"]
        known = self.revisions.setdefault(alert_id, set())
        newest = max(known, default=0)
        if on_active:
            self._told[alert_id] = alert["node"]
        else:
            self.duplicates += revision in known
            known.add(revision)
            self.sequences.setdefault(alert["node"], set()).add(alert["sequence"])
        again = revision == newest and on_active and alert_id not in self.active
        if revision < newest or (revision == newest and not again):
            return
        if on_active:
            known.add(revision)
            self.sequences.setdefault(alert["node"], set()).add(alert["sequence"])
        if alert["state"] == "normal":
            self.active.pop(alert_id, None)
        else:
            self.active[alert_id] = alert
