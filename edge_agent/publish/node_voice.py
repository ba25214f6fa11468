"""What the node says of itself: its status, its areas, and its active alerts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish import home_assistant
from edge_agent.publish.annunciator import Annunciator
from edge_agent.publish.messages import AreaState, NodeStatus, StageStatus
from edge_agent.publish.topics import (
    Publication,
    active_topic,
    alert_properties,
    area_topic,
    status_topic,
)
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.queries import AreaCounts
from hazard.types import AlertMessage, Health, Severity, StageHealth

BEATS = 3
"""A status or an area that is not repeated within so many heartbeats expires."""
NOT_YET = "the node has just started: nothing has been seen yet"

REASONER = "reasoner"
"""The stage that the status always names."""

Status = Literal["starting", "ready", "degraded", "offline"]


class NodeVoice:
    """The `Voice` of one node. What it is told and what it says may be in different threads.

    Until `set_watch` was called every area is unknown: what nobody watches is never shown as clear.
    """

    def __init__(self, store: Store, site: Site) -> None:
        self._store = store
        self.annunciator = Annunciator()
        self._worst: dict[str, Severity] = {}
        self._unwatched: dict[str, str] = {}
        self._watch_known = False
        self._flooded: frozenset[str] = frozenset()
        self._status: Status = "starting"
        self._reason = ""
        self._stages: tuple[StageStatus, ...] = ()
        self._reasoner: StageStatus | None = None
        self.take_over(site)

    def take_over(self, site: Site) -> None:
        """Go on with another site file."""
        self._site = site
        self.site_id, self.node = site.site.id, site.site.node
        self.heartbeat_s = site.mqtt.heartbeat_s

    # ------------------------------------------------------------ what it is told

    def set_watch(self, unwatched: Mapping[str, str]) -> bool:
        """Which areas nobody watches now, and why; True if that is news."""
        changed = not self._watch_known or dict(unwatched) != self._unwatched
        self._unwatched, self._watch_known = dict(unwatched), True
        return changed

    def set_floods(self, areas: Iterable[str]) -> bool:
        """The areas whose operator position is in an alarm flood; True if that is news."""
        before, self._flooded = self._flooded, frozenset(areas)
        return before != self._flooded

    def set_stages(self, stages: Sequence[StageHealth]) -> bool:
        """The node's stages; True if there is news of the node or of its reasoner."""
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
        return before != (status, reason, reasoner and reasoner.health)

    def worst(self, area: str) -> Severity | None:
        """The worst active severity of an area when it was last told; None: no alarm."""
        return self._worst.get(area)

    # ------------------------------------------------------------ what it says

    def birth(self) -> Publication:
        """The node's status as it is now."""
        return self._node_status(
            self._status,
            self._reason,
            self._stages,
            self._expiry(),
            reasoner=self._reasoner,
            sequence=self._store.sequence,
            active=self._active(),
        )

    def _active(self) -> int | None:
        """How many alarms are not back to normal; None while the store cannot be read."""
        try:
            counts = self._store.active_counts().values()
        except SQLAlchemyError:
            return None
        return sum(sum(each.by_severity.values()) + each.suppressed for each in counts)

    def will(self) -> Publication:
        """What the broker says when the node is gone without a word."""
        return self._node_status("offline", "crashed", (), None, sequence=None)

    def farewell(self) -> list[Publication]:
        """Areas unknown and the node offline: the last words of a clean stop."""
        areas = [self._area(area, None, "the node was stopped")[1] for area in self._site.areas]
        status = self._node_status(
            "offline",
            "stopped",
            (),
            None,
            sequence=self._store.sequence,
            active=self._active(),
        )
        return [*areas, status]

    def of_another_database(self, state: Mapping[str, Any]) -> bool:
        """Whether a retained alert of this node was never in the database that it has now.

        The database was replaced, or put back from a backup: the alert has a number that was not
        given out yet, or was raised before the database began. What retention has deleted is
        neither.
        """
        try:
            message = AlertMessage.model_validate(state)
        except ValidationError:
            return False
        if self._store.alert(message.alert_id) is not None:
            return False
        born_at = self._store.born_at()
        older = born_at is None or message.times.raised < born_at
        return older or message.sequence > self._store.sequence

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
                    properties=alert_properties(message),
                    correlation=message.alert_id.encode(),
                ),
            )
        return states

    def areas(self) -> list[tuple[str, Publication]]:
        """The state of each area, each with itself without its time, to compare by."""
        counts = self._store.active_counts()
        self._worst = {area: each.worst for area, each in counts.items() if each.worst is not None}
        return [
            self._area(area, counts.get(area), self._why_unwatched(area))
            for area in self._site.areas
        ]

    def discovery(self) -> dict[str, Publication]:
        """What Home Assistant finds the node's areas by; nothing where that is switched off."""
        return home_assistant.discovery(self._site)

    def discovery_filter(self) -> str:
        """The filter for everything that was ever published for it."""
        return home_assistant.discovery_filter(self._site)

    def discovered(self, body: bytes) -> bool:
        """Whether a retained message is one of these, of this node."""
        return home_assistant.is_ours(body, self._site)

    def _why_unwatched(self, area: str) -> str:
        return self._unwatched.get(area, "") if self._watch_known else NOT_YET

    def _area(self, area: str, counts: AreaCounts | None, why: str) -> tuple[str, Publication]:
        worst = counts.worst if counts is not None else None
        if worst is not None:
            self.annunciator.end(area)
        test_until = self.annunciator.until(area)
        truth = worst.value if worst is not None else "unknown" if why else "clear"
        now = datetime.now(UTC)
        state = AreaState.model_validate(
            {
                "site": self.site_id,
                "node": self.node,
                "area": area,
                "state": truth if test_until is None else Severity.CRITICAL.value,
                "watched": not why,
                "reason": why[:500],
                "counts": counts.by_severity if counts is not None else {},
                "unacknowledged": counts.unacknowledged if counts is not None else 0,
                "suppressed": counts.suppressed if counts is not None else 0,
                "flood": area in self._flooded,
                "test": test_until is not None,
                "test_until": test_until,
                "at": now,
            }
        )
        expiry_s = self._expiry()
        if test_until is not None:
            left_s = math.ceil((test_until - now).total_seconds())
            expiry_s = max(1, min(expiry_s, left_s))
        return state.model_dump_json(exclude={"at"}), Publication(
            topic=area_topic(self.site_id, area),
            body=state.model_dump_json(),
            retain=True,
            expiry_s=expiry_s,
        )

    def _node_status(
        self,
        status: Status,
        reason: str,
        stages: tuple[StageStatus, ...],
        expiry_s: int | None,
        *,
        sequence: int | None,
        active: int | None = None,
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
            sequence=sequence,
            active=active,
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
