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
BUSY_MS = 5000
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
    """Deals with alarms whose condition is back to normal.

    Attributes:
        requests: handed in so far.
    """

    def __init__(self, database: Path, chance: random.Random) -> None:
        self._database, self._chance = database, chance
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}
        self._open: OrderedDict[str, tuple[int, Verb]] = OrderedDict()
        self.requests = 0

    def hear(self, body: bytes) -> None:
        """A revision as the tap heard it; called by the tap's thread."""
        message = json.loads(body)
        alert_id, revision = message["alert_id"], message["revision"]
        verb = VERBS.get(IsaState(message["state"]))
        with self._lock:
            if revision <= self._newest.get(alert_id, 0):
                return  # it came again
            self._newest[alert_id] = revision
            self._open.pop(alert_id, None)
            if verb is not None and self._chance.random() < DILIGENCE:
                self._open[alert_id] = revision, verb

    async def work_for_ever(self) -> None:
        """Look, and hand requests in; what the store does not take now is asked for later."""
        while True:
            await asyncio.sleep(LOOK_S)
            with self._lock:
                seen = list(self._open.items())[:AT_ONCE]
            if seen:
                await asyncio.to_thread(self._hand_in, seen)

    def _hand_in(self, seen: list[tuple[str, tuple[int, Verb]]]) -> None:
        with (
            contextlib.suppress(StoreError),
            Store.open(self._database, node=NODE, commit_timeout_ms=BUSY_MS) as store,
        ):
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
                with self._lock:
                    if self._open.get(alert_id) == (revision, verb):
                        del self._open[alert_id]
