"""The publisher: a relay for each broker of the site, and what the node says of itself."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from edge_agent.publish.messages import AreaState, NodeStatus, StageStatus
from edge_agent.publish.relay import Relay
from edge_agent.publish.topics import Publication, active_topic, area_topic, status_topic
from edge_agent.publish.voice import Counters, HandedOver
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.queries import AreaCounts
from hazard.types import Health, StageHealth

BEATS = 3
"""A status or an area that is not repeated within so many heartbeats expires."""
NOT_YET = "the node has just started: nothing has been seen yet"

REASONER = "reasoner"
"""The stage that the status always names."""

Status = Literal["starting", "ready", "degraded", "offline"]


class Publisher:
    """Takes everything in the outbox to every broker.

    The core calls `wake` after each commit, `set_watch` and `set_stages` when they change. Until
    `set_watch` was called every area is unknown: what nobody watches is never shown as clear.

    `on_change` is called by a relay's thread for each revision that a broker has taken over.
    """

    def __init__(
        self,
        store: Store,
        site: Site,
        *,
        on_change: Callable[[HandedOver], None] | None = None,
    ) -> None:
        self._store, self._on_change = store, on_change
        self._relays: dict[str, Relay] = {}
        self._lock = threading.Lock()
        self._running = False
        self._unwatched: dict[str, str] = {}
        self._watch_known = False
        self._status: Status = "starting"
        self._reason = ""
        self._stages: tuple[StageStatus, ...] = ()
        self._reasoner: StageStatus | None = None
        self._take_over(site)

    def _take_over(self, site: Site) -> None:
        self._site = site
        self.site_id, self.node = site.site.id, site.site.node
        self.heartbeat_s = site.mqtt.heartbeat_s

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Start a relay for each broker of the site."""
        with self._lock:
            self._running = True
            for name in self._site.brokers():
                self._open(name)

    def _open(self, name: str) -> None:
        relay = Relay(name, self._site.brokers()[name], self._store, self, self._on_change)
        self._relays[name] = relay
        relay.start()

    def wake(self) -> None:
        """There is news in the outbox: call it after each commit."""
        for relay in tuple(self._relays.values()):
            relay.wake()

    def stop(self, timeout: float = 3.0) -> None:
        """Send what is left, say that the node was stopped, disconnect; within `timeout` s."""
        with self._lock:
            self._running = False
            relays, self._relays = list(self._relays.values()), {}
        _stop_all(relays, timeout)

    def reconfigure(self, site: Site) -> None:
        """Take a new site file over: relays whose broker did not change go on undisturbed."""
        with self._lock:
            renamed = (site.site.id, site.site.node) != (self.site_id, self.node)
            wanted = site.brokers()
            gone = [
                relay
                for name, relay in self._relays.items()
                if renamed or wanted.get(name) != relay.broker
            ]
            for relay in gone:
                del self._relays[relay.name]
            _stop_all(gone, 2.0)
            self._take_over(site)
            if self._running:
                for name in wanted.keys() - self._relays.keys():
                    self._open(name)
            for relay in self._relays.values():
                relay.refresh()

    def health(self) -> list[StageHealth]:
        """A stage `mqtt/{broker}` for each broker."""
        now = datetime.now(UTC)
        return [relay.health(now) for relay in tuple(self._relays.values())]

    def counters(self) -> dict[str, Counters]:
        """A copy of each relay's counters, for metrics."""
        return {name: replace(relay.counters) for name, relay in tuple(self._relays.items())}

    # ------------------------------------------------------------ what the core tells

    def set_watch(self, unwatched: Mapping[str, str]) -> None:
        """Which areas nobody watches now, and why; all others are watched."""
        changed = not self._watch_known or dict(unwatched) != self._unwatched
        self._unwatched, self._watch_known = dict(unwatched), True
        if changed:
            self.wake()

    def set_stages(self, stages: Sequence[StageHealth]) -> None:
        """The node's stages: any that is not ready makes the node degraded, with its reason.

        News of the node or of its reasoner is sent at once, other news with the next heartbeat.
        """
        said = [
            StageStatus(stage=each.stage, health=each.health, reason=each.reason) for each in stages
        ]
        bad = tuple(each for each in said if each.health is not Health.READY)
        reasoner = next((each for each in said if each.stage == REASONER), None)
        starting = bad and all(each.health is Health.STARTING for each in bad)
        status: Status = "ready" if not bad else "starting" if starting else "degraded"
        reason = f"{bad[0].stage}: {bad[0].reason or bad[0].health}"[:500] if bad else ""
        before = self._status, self._reason, self._reasoner and self._reasoner.health
        self._status, self._reason, self._stages = status, reason, bad
        self._reasoner = reasoner
        changed = before != (status, reason, reasoner and reasoner.health)
        if changed:
            for relay in tuple(self._relays.values()):
                relay.refresh()

    # ------------------------------------------------------------ the relays' Voice

    def birth(self) -> Publication:
        """The node's status as it is now."""
        return self._node_status(
            self._status, self._reason, self._stages, self._expiry(), self._reasoner
        )

    def will(self) -> Publication:
        """What the broker says when the node is gone without a word."""
        return self._node_status("offline", "crashed", (), None)

    def farewell(self) -> list[Publication]:
        """Areas unknown and the node offline: the last words of a clean stop."""
        areas = [self._area(area, None, "the node was stopped")[1] for area in self._site.areas]
        return [*areas, self._node_status("offline", "stopped", (), None)]

    def active(self) -> dict[str, tuple[int, Publication]]:
        """Active alerts as they are now: alert id to revision and retained state."""
        states: dict[str, tuple[int, Publication]] = {}
        for alert in self._store.open_alerts():
            message = alert.message
            states[message.alert_id] = (
                message.revision,
                Publication(
                    topic=active_topic(message.site, message.alert_id),
                    body=message.model_dump_json(),
                    retain=True,
                    correlation=message.alert_id,
                ),
            )
        return states

    def areas(self) -> list[tuple[str, Publication]]:
        """The state of each area, each with itself without its time, to compare by."""
        counts = self._store.active_counts()
        return [
            self._area(area, counts.get(area), self._why_unwatched(area))
            for area in self._site.areas
        ]

    def _why_unwatched(self, area: str) -> str:
        return self._unwatched.get(area, "") if self._watch_known else NOT_YET

    def _area(self, area: str, counts: AreaCounts | None, why: str) -> tuple[str, Publication]:
        worst = counts.worst if counts is not None else None
        state = AreaState(
            site=self.site_id,
            node=self.node,
            area=area,
            state=worst.value if worst is not None else "unknown" if why else "clear",
            watched=not why,
            reason=why[:500],
            counts=counts.by_severity if counts is not None else {},
            unacknowledged=counts.unacknowledged if counts is not None else 0,
            suppressed=counts.suppressed if counts is not None else 0,
            at=datetime.now(UTC),
        )
        return state.model_dump_json(exclude={"at"}), Publication(
            topic=area_topic(self.site_id, area),
            body=state.model_dump_json(),
            retain=True,
            expiry_s=self._expiry(),
        )

    def _node_status(
        self,
        status: Status,
        reason: str,
        stages: tuple[StageStatus, ...],
        expiry_s: int | None,
        reasoner: StageStatus | None = None,
    ) -> Publication:
        body = NodeStatus(
            site=self.site_id,
            node=self.node,
            status=status,
            reason=reason,
            stages=stages,
            reasoner=reasoner,
            heartbeat_s=self.heartbeat_s,
            at=datetime.now(UTC),
        )
        return Publication(
            topic=status_topic(self.site_id, self.node),
            body=body.model_dump_json(),
            retain=True,
            expiry_s=expiry_s,
        )

    def _expiry(self) -> int:
        return max(1, math.ceil(self.heartbeat_s * BEATS))


def _stop_all(relays: Sequence[Relay], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    threads = [threading.Thread(target=relay.stop, args=(timeout,)) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
