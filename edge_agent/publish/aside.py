"""Messages that a broker does not take, though it takes others: kept, said, and tried again."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_agent.mqtt import mend_of
from hazard.store.outbox import OutboxItem

OF_ONE_MESSAGE = frozenset({135, 144, 149, 153})
"""Reason codes of a PUBACK that speak of this message alone (OASIS MQTT 5.0, 3.4.2.1): not
authorized, topic name invalid, packet too large, payload format invalid."""
TOO_LARGE = 149
RETRY_AFTER_S = 60.0
MOST = 1000
"""More than this: the broker takes nothing from this node, and the session is given up."""

Key = tuple[str | None, int | None, str]


def key_of(item: OutboxItem) -> Key:
    """What tells a message from all others, in the store and in the journal."""
    return item.alert_id, item.revision, item.message.topic


class Aside:
    """What one broker did not take in this session. The cursor stays before it: it is not lost."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._items: dict[Key, OutboxItem] = {}
        self._codes: dict[Key, int] = {}
        self._since_s = 0.0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: OutboxItem) -> bool:
        return key_of(item) in self._items

    @property
    def full(self) -> bool:
        """Whether it is no longer one message or another, but the broker."""
        return len(self._items) > MOST

    def put(self, item: OutboxItem, code: int) -> None:
        """Keep a message, with the reason code that it was refused with."""
        if not self._items:
            self._since_s = self._clock()
        self._items[key_of(item)] = item
        self._codes[key_of(item)] = code

    def due(self) -> list[OutboxItem]:
        """Take everything out, in its order, once a minute."""
        if not self._items or self._clock() - self._since_s < RETRY_AFTER_S:
            return []
        items = sorted(self._items.values(), key=lambda item: item.outbox_id or 0)
        self._items, self._codes = {}, {}
        return items

    def reason(self) -> str:
        """What is not taken and why, in one line; empty: everything is."""
        first = next(iter(list(self._items.values())), None)
        if first is None:
            return ""
        code = self._codes.get(key_of(first), TOO_LARGE)
        why = "does not fit its largest packet" if code == TOO_LARGE else "is not allowed there"
        return (
            f"{len(self._items)} messages are not taken, the others go on; {first.message.topic} "
            f"revision {first.revision} {why} (reason code {code}): {mend_of(code)}; they are "
            f"kept and tried again"
        )
