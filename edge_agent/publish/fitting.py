"""Messages made to fit the largest packet that a broker takes, and how large that is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edge_agent.publish.topics import Publication

UNLIMITED_PACKET = 268_435_455
"""The largest packet of MQTT (OASIS MQTT 5.0, 1.5.5: a length of four bytes), in bytes."""
HEADER_BYTES = 64
"""Fixed header, packet number, property lengths, content type and expiry, with room to spare."""
SMALL_BYTES = 4096
"""No broker is thought to refuse a packet of this size without saying so."""
LOSSES = 3
FORGET_AFTER_S = 3600.0


def fitted(message: Publication, max_packet: int) -> Publication | None:
    """The message with as little left out as fits; None where not even the least of it fits.

    What was reduced says so: `reduced` in an alert's payload, and as user property.
    """
    room = max_packet - _overhead_bytes(message)
    if len(message.body.encode()) <= room:
        return message
    body = reduced(message.body, room)
    if body is None:
        return None
    return replace(message, body=body, properties=message.properties | {"reduced": "1"})


def reduced(body: str, limit_bytes: int) -> str | None:
    """A body with less detail, still valid by its schema; None where it cannot be made to fit.

    Left out, one after the other until it fits: words, opinion, boxes, all events but the first,
    evidence, members of a flood, the case's actions and long texts, the last event; of a node's
    status, its stages. Identity, state, severity and times always stay, and the store keeps all.
    """
    try:
        message: dict[str, Any] = json.loads(body)
    except ValueError:
        return None
    if "alert_id" in message:
        message["reduced"] = True
    for step in _STEPS:
        message |= {name: value for name, value in step(message).items() if name in message}
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        if len(body.encode()) <= limit_bytes:
            return body
    return None


def _unboxed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each | {"boxes": []} for each in items]


_STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    lambda _: {"words": None, "stages": []},
    lambda _: {"opinion": None},
    lambda m: {"evidence": [e | {"people": None} for e in _unboxed(m.get("evidence", []))]},
    lambda m: {"events": _unboxed(m.get("events", []))},
    lambda m: {"events": m.get("events", [])[:1]},
    lambda _: {"evidence": []},
    lambda _: {"members": []},
    lambda m: {"case": m.get("case", {}) | {"actions": [], "checks": [], "closing_note": ""}},
    lambda m: {name: (m.get(name) or "")[:200] for name in ("reason", "policy_why")},
    lambda _: {"comment": None, "shelve_reason": None},
    lambda _: {"events": []},
)


def _overhead_bytes(message: Publication) -> int:
    texts = [message.topic, "reduced", "1"]
    for name, value in message.properties.items():
        texts += (name, value)
    correlation_bytes = len(message.correlation or b"")
    return HEADER_BYTES + correlation_bytes + sum(len(text.encode()) + 5 for text in texts)


class PacketLimit:
    """The largest packet that one broker takes, in bytes.

    An MQTT 5 broker says it when it lets the client in. An older one only hangs up, each time that
    it is sent the same message: then half of that size is tried, for an hour.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.told = UNLIMITED_PACKET
        self._guess = UNLIMITED_PACKET
        self._guessed_at_s = 0.0
        self._suspect_bytes = 0
        self._losses = 0

    @property
    def guessed(self) -> bool:
        """Whether the limit was not said by the broker, but seen."""
        self._forget()
        return self._guess < self.told

    @property
    def limit_bytes(self) -> int:
        """What may be sent."""
        self._forget()
        return min(self.told, self._guess)

    def _forget(self) -> None:
        if self._clock() - self._guessed_at_s > FORGET_AFTER_S:
            self._guess = UNLIMITED_PACKET

    def hung_up(self, largest_bytes: int) -> None:
        """The broker ended a session without a word; the largest body that it had not yet taken."""
        self._losses = self._losses + 1 if largest_bytes == self._suspect_bytes else 1
        self._suspect_bytes = largest_bytes
        if largest_bytes > SMALL_BYTES and self._losses >= LOSSES:
            self._guess, self._guessed_at_s = max(largest_bytes // 2, SMALL_BYTES), self._clock()
            self._losses = 0
