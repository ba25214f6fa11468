"""What keeps alarms quiet now, by whom and until when, as the register shows it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from dashboard.i18n import N_
from dashboard.services import Services
from hazard.alarms.shifts import occurrence
from hazard.catalogue import catalogue
from hazard.site.alarms import MachineState, MaintenanceWindow, Weekly
from hazard.site.models import Site
from hazard.store.queries import AlertFilter
from hazard.types import (
    AlertMessage,
    IsaState,
    Model,
    Name,
    SuppressionCause,
    SuppressionOrder,
    UtcTime,
)

SHOWN = 200
"""Alarms of the register that are shown; what exceeds them is counted."""
_STEP = timedelta(minutes=30)
_WEEK = timedelta(days=8)

CAUSES = {
    SuppressionCause.MAINTENANCE: N_("Maintenance window"),
    SuppressionCause.MACHINE_STATE: N_("Machine state"),
    SuppressionCause.HOT_WORK: N_("Permit: hot work"),
    SuppressionCause.CONFINED_SPACE: N_("Permit: confined space"),
    SuppressionCause.LOCK_OUT: N_("Permit: lock-out"),
    SuppressionCause.FLOOD: N_("Alarm flood"),
    SuppressionCause.OUT_OF_SERVICE: N_("Out of service"),
}


class StandingOrder(Model):
    """An order that holds now."""

    order: SuppressionOrder
    hazard_name: str
    area_name: str
    by_person: bool = Field(description="a person granted it, and may end it")
    left_s: float = Field(description="seconds until it ends by itself")


class Window(Model):
    """A maintenance window of the site file."""

    name: Name
    window: MaintenanceWindow
    hazard_names: tuple[str, ...]
    area_name: str
    open_now: bool
    next_at: UtcTime | None = Field(description="when it opens next; null: not within a week")


class State(Model):
    """A machine state of the site file."""

    name: Name
    state: MachineState
    hazard_names: tuple[str, ...]
    area_name: str


class ShelvedAlarm(Model):
    """An alarm that is shelved, or suppressed by an order, a window, a machine state or a flood."""

    alarm: AlertMessage
    hazard_name: str
    area_name: str
    left_s: float | None = Field(description="seconds until it comes back by itself; null: unknown")


class Register(Model):
    """What keeps alarms quiet."""

    at: UtcTime
    standing: tuple[StandingOrder, ...]
    windows: tuple[Window, ...]
    machine_states: tuple[State, ...]
    longest_permit_h: float
    longest_out_of_service_h: float


class Shelf(Model):
    """Alarms that are off the list."""

    at: UtcTime
    shelved: tuple[ShelvedAlarm, ...]
    suppressed: tuple[ShelvedAlarm, ...]
    more: int = Field(description="alarms of either kind that are not listed")


def register(services: Services, language: str) -> Register:
    """Orders that hold, and what the site file plans."""
    site, now = services.site, services.now()
    return Register(
        at=now,
        standing=tuple(
            StandingOrder(
                order=order,
                hazard_name=hazard_name(order.hazard, language),
                area_name=area_name(site, order.area),
                by_person=order.role is not None,
                left_s=max(0.0, (order.ends_at - now).total_seconds()),
            )
            for order in services.backend.orders.standing(now)
        ),
        windows=tuple(
            Window(
                name=name,
                window=window,
                hazard_names=tuple(hazard_name(one, language) for one in window.hazards),
                area_name=area_name(site, window.area),
                open_now=any(occurrence(one, site.site.timezone, now) for one in window.times),
                next_at=_next(window.times, site.site.timezone, now),
            )
            for name, window in site.alarms.maintenance.items()
        ),
        machine_states=tuple(
            State(
                name=name,
                state=state,
                hazard_names=tuple(hazard_name(one, language) for one in state.hazards),
                area_name=area_name(site, state.area),
            )
            for name, state in site.alarms.machine_states.items()
        ),
        longest_permit_h=site.alarms.longest_permit_h,
        longest_out_of_service_h=site.alarms.longest_out_of_service_h,
    )


def shelf(services: Services, language: str) -> Shelf:
    """Alarms that are shelved or suppressed now."""
    site, now = services.site, services.now()
    queries = services.backend.queries
    found, more = [], 0
    for states in (
        (IsaState.SHELVED,),
        (IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE),
    ):
        where = AlertFilter(states=states)
        page = queries.list_alerts(where, limit=SHOWN)
        if page.next_page is not None:
            more += queries.count_alerts(where) - len(page.alerts)
        found.append(tuple(_shelved(alarm, site, now, language) for alarm in page.alerts))
    return Shelf(at=now, shelved=found[0], suppressed=found[1], more=more)


def _shelved(alarm: AlertMessage, site: Site, now: datetime, language: str) -> ShelvedAlarm:
    ends = [note.until for note in alarm.suppressed_by]
    until = alarm.shelved_until if alarm.state is IsaState.SHELVED else None
    if until is None and ends and None not in ends:
        until = max(end for end in ends if end is not None)
    return ShelvedAlarm(
        alarm=alarm,
        hazard_name=alarm.hazard_name.get(language) or hazard_name(alarm.hazard, language),
        area_name=area_name(site, alarm.area),
        left_s=None if until is None else max(0.0, (until - now).total_seconds()),
    )


def _next(times: tuple[Weekly, ...], timezone: str, now: datetime) -> datetime | None:
    """When the earliest of the weekly times begins next."""
    starts = []
    for weekly in times:
        at = now
        while at < now + _WEEK:
            found = occurrence(weekly, timezone, at)
            if found is not None and found.starts_at > now:
                starts.append(found.starts_at)
                break
            at = found.ends_at if found is not None else at + _STEP
    return min(starts, default=None)


def hazard_name(hazard: str, language: str) -> str:
    """The hazard kind as people read it."""
    kind = catalogue().get(hazard)
    if kind is None:
        return hazard
    return next((text for code, text in kind.name.items() if code == language), hazard)


def area_name(site: Site, area: str) -> str:
    """The area as people read it."""
    return site.areas[area].name if area in site.areas else area


def left_text(seconds: float | None) -> str:
    """Time left as hours and minutes, rounded up: never shown as over while it holds."""
    if seconds is None:
        return "?"
    minutes = int(-(-seconds // 60))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
