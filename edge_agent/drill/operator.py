"""The person at the desk: acknowledges and resets what the tap shows, through the store's desk.

Requests are handed in as the dashboard hands them in, from a process other than the core's. They
survive a core that is killed before it has carried them out; each must be carried out once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.drill.plant import NODE
from hazard.errors import StoreError
from hazard.store import Store
from hazard.types import ActionRequest, IsaState, Verb

LOOK_S = 0.5
AT_ONCE = 6
"""Requests handed in at one look."""
DILIGENCE = 0.9
"""Share of what is seen that is dealt with; the rest stays open, as at any plant."""
VERBS = {
    IsaState.RTN_UNACKNOWLEDGED: Verb.ACKNOWLEDGE,
    IsaState.LATCHED_UNACKNOWLEDGED: Verb.ACKNOWLEDGE,
    IsaState.LATCHED_ACKNOWLEDGED: Verb.RESET,
}


class Operator:
    """Deals with alarms whose condition is back to normal."""

    def __init__(self, database: Path, chance: random.Random) -> None:
        self._database, self._chance = database, chance
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[int, Verb]] = OrderedDict()
        self.requests = 0

    def hear(self, body: bytes) -> None:
        """A revision as the tap heard it; called by the tap's thread."""
        message = json.loads(body)
        verb = VERBS.get(IsaState(message["state"]))
        with self._lock:
            self._seen.pop(message["alert_id"], None)
            if verb is not None and self._chance.random() < DILIGENCE:
                self._seen[message["alert_id"]] = message["revision"], verb

    async def work_for_ever(self) -> None:
        """Look, and hand requests in; what the store does not take now is asked for later."""
        while True:
            await asyncio.sleep(LOOK_S)
            with self._lock:
                taken = [
                    self._seen.popitem(last=False) for _ in range(min(AT_ONCE, len(self._seen)))
                ]
            if taken:
                await asyncio.to_thread(self._hand_in, taken)

    def _hand_in(self, seen: list[tuple[str, tuple[int, Verb]]]) -> None:
        with contextlib.suppress(StoreError), Store.open(self._database, node=NODE) as store:
            for alert_id, (revision, verb) in seen:
                store.desk.submit_request(
                    ActionRequest(
                        request_id=uuid.uuid4().hex,
                        alert_id=alert_id,
                        verb=verb,
                        actor="drill",
                        expected_revision=revision,
                        requested_at=datetime.now(UTC),
                        comment="crash drill",
                    )
                )
                self.requests += 1
