"""What a relay asks of the node, and what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from edge_agent.publish.topics import Publication


class Voice(Protocol):
    """What a node says of itself and its alerts, beside the outbox; asked by the relay's thread."""

    site_id: str
    node: str
    heartbeat_s: float

    def birth(self) -> Publication:
        """The node's status as it is now."""
        ...

    def will(self) -> Publication:
        """What the broker says when the node is gone without a word."""
        ...

    def farewell(self) -> list[Publication]:
        """Areas unknown and the node offline: the last words of a clean stop."""
        ...

    def active(self) -> dict[str, tuple[int, Publication]]:
        """Active alerts as they are now: alert id to revision and retained state."""
        ...

    def of_another_database(self, state: Mapping[str, Any]) -> bool:
        """Whether a retained alert of this node was never in the database that it has now."""
        ...

    def areas(self) -> list[tuple[str, Publication]]:
        """The state of each area now, each with a text that is equal for equal states."""
        ...

    def discovery(self) -> dict[str, Publication]:
        """What other programs find the node by, retained, by topic."""
        ...

    def discovery_filter(self) -> str:
        """The filter for everything that was ever published for it."""
        ...

    def discovered(self, body: bytes) -> bool:
        """Whether a retained message is one of these, of this node."""
        ...


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A revision that one broker has taken over (PUBACK)."""

    broker: str
    alert_id: str
    revision: int
    published_at: datetime
    acked_at: datetime


@dataclass(slots=True)
class Counters:
    """What a relay has done since its start.

    Attributes:
        cleared: retained messages that were taken off the broker: dead states, retained commands.
        gaps: gap records that were published.
        unanswered: answers that the broker did not take.
    """

    published: int = 0
    acked: int = 0
    resent: int = 0
    connects: int = 0
    cleared: int = 0
    gaps: int = 0
    replayed: int = 0
    answered: int = 0
    unanswered: int = 0
