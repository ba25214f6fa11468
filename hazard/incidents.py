"""Events become incidents: what describes one situation at one place and time.

Where an event goes, in this order:

1. to the incident that has its `event_id`;
2. to the incident that has the same rule and subject: the finding goes on, or comes back within
   the window, and the repeat is counted in `grouped`; after a restart this is how a rule's new
   event finds the incident that was stored;
3. to an incident in the same area that has a related kind (`joins` of the catalogue, read in both
   directions) and no other subject of the event's own kind; one that shares a camera or sensor
   first, then the one updated last;
4. else it opens an incident. A second hazard of the same kind in the same area is thus an incident
   of its own as long as track, zone or sensor tell them apart.

An incident takes events while one of them is active or held, and for the window after. The book
reads no clock: time comes with the events and with `tick`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hazard.catalogue import HazardKind
from hazard.types import Condition, HazardEvent, Incident, Severity

MAX_OPEN = 500
"""Incidents open at once. Beyond, the flood goes to those that there are, and is counted."""

MAX_EVENTS = 64
"""Events kept in one incident. Beyond, the oldest cleared one makes room and is counted."""

MAX_KNOWN_IDS = 100_000
"""Event ids remembered; beyond, those that repeats have replaced are forgotten."""


class ChangeKind(StrEnum):
    """What an event did to the book."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """One change of one incident.

    Attributes:
        incident: as it is now.
        kind: what happened to it.
        new_kind_of_evidence: it has a hazard kind, camera or sensor that it did not have.
        reopened: all its events were cleared, and one is active again.
        asks_for_picture: its latest event is worth a snapshot of its own.
    """

    incident: Incident
    kind: ChangeKind
    new_kind_of_evidence: bool = False
    reopened: bool = False
    asks_for_picture: bool = False


def catalogue_floor(kinds: Mapping[str, HazardKind]) -> Callable[[HazardEvent], Severity]:
    """The floor that the catalogue gives an event; of an unknown kind medium."""

    def floor(event: HazardEvent) -> Severity:
        kind = kinds.get(event.hazard)
        if kind is None:
            return Severity.MEDIUM
        floors = [kind.floor, kind.levels.get(event.level, Severity.INFO)]
        if event.occupied and kind.occupied_floor is not None:
            floors.append(kind.occupied_floor)
        return max(floors, key=lambda severity: severity.rank)

    return floor


class IncidentBook:
    """All incidents that can still change.

    Args:
        kinds: the catalogue, for `joins` and floors.
        window_s: `policy.incident_window_s` of the site file.
        floor_of: the floor of an event, which decides the leading hazard; the catalogue's by
            default, the site's policy where the caller has one.
    """

    def __init__(
        self,
        kinds: Mapping[str, HazardKind],
        window_s: float = 30.0,
        floor_of: Callable[[HazardEvent], Severity] | None = None,
    ) -> None:
        self._kinds = kinds
        self._window = timedelta(seconds=window_s)
        self._floor_of = floor_of or catalogue_floor(kinds)
        self._open: dict[str, Incident] = {}
        self._home: dict[str, str] = {}

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The incidents that can still change, in the order of their opening."""
        return tuple(self._open.values())

    def incident_of(self, event_id: str) -> str | None:
        """The open incident that this event belongs to, also if a repeat has replaced it there."""
        return self._home.get(event_id)

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Go on with stored incidents, as they were before a restart; closed ones are ignored."""
        for incident in incidents:
            if incident.closed_at is None:
                self._open[incident.incident_id] = incident
                for event in incident.events:
                    self._home[event.event_id] = incident.incident_id

    def apply(self, event: HazardEvent, new_id: Callable[[], str]) -> IncidentChange:
        """Put the event where it belongs; `new_id` is asked for a name if it opens an incident.

        No event is dropped: one that is already cleared and belongs nowhere opens an incident that
        is not active.
        """
        home = self._find(event)
        if home is None:
            incident = Incident(
                incident_id=new_id(),
                area=event.area,
                opened_at=event.started_at,
                updated_at=event.updated_at,
                hazard=event.hazard,
                events=(event,),
            )
            self._keep(incident, event)
            return IncidentChange(
                incident,
                ChangeKind.OPENED,
                new_kind_of_evidence=True,
                asks_for_picture=incident.active,
            )
        incident = self._merge(home, event)
        self._keep(incident, event)
        new, reopened = _is_new(home, event), incident.active and not home.active
        active = event.condition is Condition.ACTIVE
        return IncidentChange(
            incident,
            ChangeKind.UPDATED,
            new_kind_of_evidence=new,
            reopened=reopened,
            asks_for_picture=active and (new or reopened),
        )

    def set_window(self, window_s: float) -> None:
        """Go on with another window, after a reload of the site file."""
        self._window = timedelta(seconds=window_s)

    def tick(self, now: datetime) -> tuple[IncidentChange, ...]:
        """Close the incidents whose events were all cleared more than a window ago."""
        over = [
            incident
            for incident in self.incidents
            if not incident.active and now - incident.updated_at > self._window
        ]
        return tuple(self._close(incident, now) for incident in over)

    def _find(self, event: HazardEvent) -> Incident | None:
        known = self._home.get(event.event_id)
        if known is not None:
            return self._open[known]
        near = [i for i in self._open.values() if i.area == event.area and self._takes(i, event)]
        for incident in reversed(near):
            if any(_same_finding(event, other) for other in incident.events):
                return incident
        related = [incident for incident in near if self._joins(incident, event)]
        if related:
            return max(related, key=lambda i: (_shares_source(i, event), i.updated_at))
        return self._flooded(event) if len(self._open) >= MAX_OPEN else None

    def _takes(self, incident: Incident, event: HazardEvent) -> bool:
        return incident.active or event.updated_at - incident.updated_at <= self._window

    def _joins(self, incident: Incident, event: HazardEvent) -> bool:
        same_kind = [other for other in incident.events if other.hazard == event.hazard]
        if same_kind:
            return any(other.subject == event.subject for other in same_kind)
        return any(self._related(event.hazard, other.hazard) for other in incident.events)

    def _related(self, one: str, other: str) -> bool:
        forward, backward = self._kinds.get(one), self._kinds.get(other)
        return bool((forward and other in forward.joins) or (backward and one in backward.joins))

    def _flooded(self, event: HazardEvent) -> Incident | None:
        """The incident that takes an event when no more can be opened.

        What the agent says of its own alarms stands alone: an alarm that had a flood in it could
        not be grouped, and a flood that had a hazard in it would hide it.
        """
        if self._about_alarms(event.hazard):
            return None
        return max(
            (each for each in self._open.values() if not self._about_alarms(each.hazard)),
            key=lambda i: (i.area == event.area, i.hazard == event.hazard, i.updated_at),
            default=None,
        )

    def _about_alarms(self, hazard: str) -> bool:
        kind = self._kinds.get(hazard)
        return kind is not None and kind.about_alarms

    def _merge(self, incident: Incident, event: HazardEvent) -> Incident:
        events = list(incident.events)
        grouped = incident.grouped
        place = next((n for n, e in enumerate(events) if e.event_id == event.event_id), None)
        if place is None:
            place = next((n for n, e in enumerate(events) if _replaces(event, e)), None)
            if place is None and len(events) >= MAX_EVENTS:
                place = next(
                    (n for n, e in enumerate(events) if e.condition is Condition.CLEARED), None
                )
            grouped += place is not None
        if place is None:
            events.append(event)
        else:
            events[place] = event
        return incident.model_copy(
            update={
                "events": tuple(events),
                "grouped": grouped,
                "updated_at": max(incident.updated_at, event.updated_at),
                "hazard": self._leading(incident, event),
            }
        )

    def _leading(self, incident: Incident, event: HazardEvent) -> str:
        """The kind with the highest floor; the one that led keeps the lead among equals."""
        leading = [e for e in incident.events if e.hazard == incident.hazard]
        floor = max((self._floor_of(e).rank for e in leading), default=-1)
        return event.hazard if self._floor_of(event).rank > floor else incident.hazard

    def _keep(self, incident: Incident, event: HazardEvent) -> None:
        self._open[incident.incident_id] = incident
        self._home[event.event_id] = incident.incident_id
        if len(self._home) > MAX_KNOWN_IDS:
            self._home = {e.event_id: i.incident_id for i in self._open.values() for e in i.events}

    def _close(self, incident: Incident, now: datetime) -> IncidentChange:
        del self._open[incident.incident_id]
        self._home = {k: v for k, v in self._home.items() if v != incident.incident_id}
        closed = incident.model_copy(update={"closed_at": now})
        return IncidentChange(closed, ChangeKind.CLOSED)


def _same_finding(one: HazardEvent, other: HazardEvent) -> bool:
    return one.rule_id == other.rule_id and one.subject == other.subject


def _replaces(new: HazardEvent, old: HazardEvent) -> bool:
    """Whether `new` is a repeat of `old`, or its continuation after a restart.

    A cleared finding that comes back replaces it. One that still stood is replaced by the rule's
    new event, too: the rule knows the older one no longer, so that nobody would ever clear it.
    """
    return _same_finding(new, old) and new.hazard == old.hazard


def _shares_source(incident: Incident, event: HazardEvent) -> bool:
    return any(set(event.sources) & set(other.sources) for other in incident.events)


def _is_new(incident: Incident, event: HazardEvent) -> bool:
    kinds = {other.hazard for other in incident.events}
    sources = {source for other in incident.events for source in other.sources}
    return event.hazard not in kinds or not set(event.sources) <= sources
