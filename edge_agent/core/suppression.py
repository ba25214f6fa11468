"""The register of what is suppressed by somebody's decision: permits, out of service, windows.

Orders of people are stored when they are granted and when they end, and taken up again after a
restart. Those of the site file hold by the clock and by the readings of machines; they are stored
for the record, and the start of a machine's state so that a restart does not begin it anew. A
machine that has said nothing since the start suppresses nothing: nobody knows what it does.

Every order ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

import structlog
from pydantic import JsonValue

from edge_agent.core.cases import Case
from edge_agent.core.revisions import Commit, request_details
from edge_agent.core.zones import zones_of_event
from hazard.alarms.arguments import (
    EndSuppression,
    GrantPermit,
    Place,
    TakeOutOfService,
    parse_arguments,
)
from hazard.alarms.authorization import refuse_order, refuse_unauthorized
from hazard.alarms.site_orders import MachineReading, site_orders
from hazard.alarms.suppressing import notes_for
from hazard.catalogue import HazardKind
from hazard.errors import IllegalTransition
from hazard.site.alarms import MachineState
from hazard.site.models import Site
from hazard.store.operations import Operation, SaveOrder, WriteAudit
from hazard.types import (
    ActionRequest,
    Quality,
    Reading,
    RequestOutcome,
    RequestState,
    SuppressionCause,
    SuppressionNote,
    SuppressionOrder,
)

BY_ITSELF = "its time"
"""`ended_by` of an order that ran out."""

LONGEST_S = 720 * 3600.0
"""Seconds of the longest order that a site file can allow (`longest_out_of_service_h`)."""

log = structlog.get_logger()


class Register:
    """All suppression orders that nobody has ended.

    Args:
        commit: takes the operations of one change.
        new_id: gives the ids of orders.
    """

    def __init__(
        self,
        site: Site,
        catalogue: dict[str, HazardKind],
        *,
        commit: Commit,
        new_id: Callable[[], str],
    ) -> None:
        self._site, self._catalogue = site, catalogue
        self._commit, self._new_id = commit, new_id
        self._granted: dict[str, SuppressionOrder] = {}
        self._by_site: dict[str, SuppressionOrder] = {}
        self._begun: dict[str, SuppressionOrder] = {}
        self._over: set[str] = set()
        self._machines: dict[str, MachineReading] = {}

    # ------------------------------------------------------------ start, reload, clock, readings

    def restore(self, orders: Iterable[SuppressionOrder], now: datetime) -> None:
        """Take up the orders that stood when the program ended; the time of some is over."""
        for order in orders:
            known = self._granted if order.role is not None else self._begun
            known[order.order_id] = order
        self.tick(now)

    def reconfigure(self, site: Site, now: datetime) -> None:
        """Go on under a new site file: its windows and machine states hold at once."""
        self._site = site
        watched = {state.sensor for state in site.alarms.machine_states.values()}
        self._machines = {k: v for k, v in self._machines.items() if k in watched}
        self.tick(now)

    def read(self, reading: Reading) -> bool:
        """Take a reading in; True if a machine may have another state now."""
        watched = (state.sensor for state in self._site.alarms.machine_states.values())
        if reading.sensor_id not in watched:
            return False
        before = self._machines.get(reading.sensor_id)
        value = reading.value
        if before is not None and reading.quality is not Quality.GOOD:
            value = before.value  # a gap neither ends a state nor begins one
        same = before is not None and before.value == value
        since = before.since if before is not None and same else self._since(reading)
        self._machines[reading.sensor_id] = MachineReading(
            value=value,
            quality=reading.quality,
            measured_at=reading.measured_at,
            since=since,
        )
        return not same or before is None or before.quality is not reading.quality

    def _since(self, reading: Reading) -> datetime:
        """Since when the machine is in this state, also if that began before a restart."""
        first_word = reading.sensor_id not in self._machines
        for order in self._begun.values() if first_word else ():
            state = self._site.alarms.machine_states.get(order.reference)
            if state is not None and state.sensor == reading.sensor_id and shows(state, reading):
                return order.starts_at
        return reading.measured_at

    def tick(self, now: datetime) -> None:
        """Begin and end what is due, for the record."""
        for order in [each for each in self._granted.values() if now >= each.ends_at]:
            self._end(order, order.ends_at, BY_ITSELF)
        wanted = site_orders(self._site.alarms, self._site.site.timezone, self._machines, now)
        self._by_site = {order.order_id: order for order in wanted}
        for order in wanted:
            if self._begun.get(order.order_id) != order:
                self._begun[order.order_id] = order
                log.info("suppression.begun", **_told(order), by=order.granted_by)
                self._commit(self._record(order, "suppression.begun", order.granted_by, now))
        for order in [each for key, each in self._begun.items() if key not in self._by_site]:
            self._site_order_is_over(order, now)

    def _site_order_is_over(self, order: SuppressionOrder, now: datetime) -> None:
        """End it on the record.

        The order of a machine's state stands on the record as long as the state may last, also
        beyond the time in which it suppresses: else a restart would begin that time anew.
        """
        state = self._site.alarms.machine_states.get(order.reference)
        machine = self._machines.get(state.sensor) if state is not None else None
        if state is not None and machine is None:
            return  # it has not spoken since the start
        lasts = state is not None and machine is not None and shows(state, machine)
        if now < order.ends_at or not lasts:
            self._end(order, now, order.granted_by)
        elif order.order_id not in self._over:
            self._over.add(order.order_id)
            self._commit((self._audit(order, "suppression.ended", BY_ITSELF, now),))

    # ------------------------------------------------------------ what holds

    def notes_for(self, case: Case, now: datetime) -> tuple[SuppressionNote, ...]:
        """The orders that cover every standing finding of the case."""
        orders = (*self._granted.values(), *self._by_site.values())
        if not orders:
            return ()
        return notes_for(case.incident, orders, partial(zones_of_event, self._site), now)

    def order(self, order_id: str) -> SuppressionOrder | None:
        """A standing order of a person."""
        return self._granted.get(order_id)

    # ------------------------------------------------------------ what people ask

    def asked(
        self, request: ActionRequest, now: datetime
    ) -> tuple[RequestOutcome, tuple[Operation, ...]]:
        """Grant or end an order: the outcome, and what is to be stored with it.

        Raises:
            IllegalTransition: if the arguments, the actor's role or areas, or the hazard kind do
                not allow it, in words for the person.
        """
        arguments = parse_arguments(request)
        match arguments:
            case EndSuppression(order_id=order_id):
                return self._ended_by(request, order_id, now)
            case GrantPermit(permit=permit, reference=reference):
                order = self._order_of(request, arguments, SuppressionCause(permit), now)
                order = order.model_copy(update={"reference": reference})
            case TakeOutOfService():
                cause = SuppressionCause.OUT_OF_SERVICE
                order = self._order_of(request, arguments, cause, now)
            case _:
                raise IllegalTransition(f"{request.verb} grants and ends no suppression")
        refuse_unauthorized(request, order.area)
        refuse_order(order, self._site, self._catalogue)
        self._granted[order.order_id] = order
        log.info("suppression.granted", **_told(order), by=order.granted_by)
        text = (
            f"{order.cause.value.replace('_', ' ')}: {order.hazard} in {order.area}"
            f"{f', zone {order.zone}' if order.zone else ''} is suppressed "
            f"until {order.ends_at.isoformat(timespec='seconds')}"
        )
        outcome = RequestOutcome(
            state=RequestState.DONE,
            text=text,
            values={"order_id": order.order_id, "ends_at": order.ends_at.isoformat()},
        )
        details = request_details(request)
        return outcome, self._record(order, "suppression.granted", request.actor, now, details)

    def _order_of(
        self, request: ActionRequest, place: Place, cause: SuppressionCause, now: datetime
    ) -> SuppressionOrder:
        if not request.comment.strip():
            raise IllegalTransition("comment is empty: say in it why this is suppressed")
        if request.duration_s is None:
            raise IllegalTransition("duration_s is missing: say for how many seconds")
        if request.duration_s > LONGEST_S:
            raise IllegalTransition(
                f"duration_s {request.duration_s:g} is longer than any order: at most {LONGEST_S:g}"
            )
        return SuppressionOrder(
            order_id=self._new_id(),
            cause=cause,
            hazard=place.hazard,
            area=place.area,
            zone=place.zone,
            starts_at=now,
            ends_at=now + timedelta(seconds=request.duration_s),
            granted_by=request.actor,
            role=request.role,
            reason=request.comment[:500],
        )

    def _ended_by(
        self, request: ActionRequest, order_id: str, now: datetime
    ) -> tuple[RequestOutcome, tuple[Operation, ...]]:
        refuse_unauthorized(request, None)
        order = self._granted.get(order_id)
        if order is None:
            raise IllegalTransition(
                f"order_id {order_id!r} is no order of a person that holds now: "
                "it has ended, or the site file gives it"
            )
        refuse_unauthorized(request, order.area)
        ended = order.model_copy(update={"ended_at": now, "ended_by": request.actor})
        del self._granted[order_id]
        text = f"{order.hazard} in {order.area} is no longer suppressed by order {order_id}"
        outcome = RequestOutcome(state=RequestState.DONE, text=text, values={"order_id": order_id})
        details = request_details(request)
        return outcome, self._record(ended, "suppression.ended", request.actor, now, details)

    # ------------------------------------------------------------ the record

    def _end(self, order: SuppressionOrder, at: datetime, by: str) -> None:
        for known in (self._granted, self._begun):
            known.pop(order.order_id, None)
        self._over.discard(order.order_id)
        ended = order.model_copy(update={"ended_at": at, "ended_by": by})
        log.info("suppression.ended", **_told(order), by=by)
        self._commit(self._record(ended, "suppression.ended", by, at))

    def _record(
        self,
        order: SuppressionOrder,
        verb: str,
        actor: str,
        at: datetime,
        details: Mapping[str, JsonValue] = MappingProxyType({}),
    ) -> tuple[Operation, ...]:
        return (
            SaveOrder(node=self._site.site.node, order=order),
            self._audit(order, verb, actor, at, details),
        )

    def _audit(
        self,
        order: SuppressionOrder,
        verb: str,
        actor: str,
        at: datetime,
        details: Mapping[str, JsonValue] = MappingProxyType({}),
    ) -> WriteAudit:
        told = order.model_dump(mode="json", exclude_none=True)
        return WriteAudit(
            at=at, actor=actor, verb=verb, subject=order.order_id, details={**told, **details}
        )


def shows(state: MachineState, reading: Reading | MachineReading) -> bool:
    """Whether a reading shows the state, as far as it can be relied on."""
    return reading.quality is Quality.GOOD and reading.value == float(state.when)


def _told(order: SuppressionOrder) -> dict[str, str]:
    """An order in a line of the log."""
    return {
        "order_id": order.order_id,
        "order_cause": order.cause.value,
        "hazard": order.hazard,
        "area": order.area,
        "until": order.ends_at.isoformat(),
    }
