"""Which orders suppress an incident: work permits, out of service, maintenance, machine states.

Nothing here suppresses by itself: `why_not_suppressible` has the first word, and an order counts
only while it covers every finding that still stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from hazard.alarms.alarm import in_order
from hazard.catalogue import HazardKind
from hazard.types import (
    Condition,
    HazardEvent,
    Incident,
    Severity,
    SuppressionNote,
    SuppressionOrder,
    Verdict,
)

MOST_NOTES = 20
"""Orders that one alarm names; of more, those that last longest."""


def why_not_suppressible(
    incident: Incident, verdict: Verdict, catalogue: Mapping[str, HazardKind]
) -> str:
    """Why no order, window, machine state or flood may suppress this incident; empty: they may.

    Never where the floor is critical, nor a kind or level that the catalogue marks, nor what it
    does not know: what nobody has rated is not harmless.
    """
    if verdict.floor >= Severity.CRITICAL:
        return "its floor is critical"
    for event in standing(incident):
        kind = catalogue.get(event.hazard)
        if kind is None:
            return f"{event.hazard} is not in the catalogue"
        if kind.never_suppress:
            return f"{event.hazard} is never suppressed"
        if not kind.never_suppress_levels:
            continue
        if event.level in kind.never_suppress_levels:
            return f"{event.hazard} at level {event.level} is never suppressed"
        if event.level not in kind.levels:
            return f"{event.hazard} at an unknown level {event.level!r} is never suppressed"
    return ""


def notes_for(
    incident: Incident,
    orders: Iterable[SuppressionOrder],
    zones_of_event: Callable[[HazardEvent], frozenset[str]],
    now: datetime,
) -> tuple[SuppressionNote, ...]:
    """The orders that suppress this incident now; empty unless together they cover all of it.

    `zones_of_event` gives the zones in which a finding lies for certain: an order for a zone
    covers no finding of which that is not known.
    """
    holding = [order for order in orders if holds(order, now)]
    used: dict[str, SuppressionOrder] = {}
    for event in standing(incident):
        covering = [order for order in holding if _covers(order, event, zones_of_event)]
        if not covering:
            return ()
        used |= {order.order_id: order for order in covering}
    longest = sorted(used.values(), key=lambda order: (order.ends_at, order.order_id))[-MOST_NOTES:]
    notes = (
        SuppressionNote(
            cause=order.cause,
            order_id=order.order_id,
            until=order.ends_at,
            granted_by=order.granted_by,
            reason=order.reason,
        )
        for order in longest
    )
    return in_order(notes)


def holds(order: SuppressionOrder, now: datetime) -> bool:
    """Whether the order is in force: begun, not run out and not ended before its time."""
    return order.ended_at is None and order.starts_at <= now < order.ends_at


def standing(incident: Incident) -> tuple[HazardEvent, ...]:
    """The findings that count: those that are not cleared, and all once all are.

    As in the policy: an alarm that waits for its acknowledgement keeps what it had.
    """
    events = tuple(e for e in incident.events if e.condition is not Condition.CLEARED)
    return events or incident.events


def _covers(
    order: SuppressionOrder,
    event: HazardEvent,
    zones_of_event: Callable[[HazardEvent], frozenset[str]],
) -> bool:
    if order.hazard != event.hazard or order.area != event.area:
        return False
    return order.zone is None or order.zone in zones_of_event(event)
