"""The alarm list as its page shows it: rows, columns to sort by, filters, what is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.access import Permission, Person
from dashboard.alarm_query import ListQuery
from dashboard.i18n import N_
from dashboard.services import Services
from dashboard.views import AlarmView, alarm_view, in_language
from hazard.catalogue import catalogue
from hazard.store.queries import Counted, Order
from hazard.types import IsaState, Severity

PAGE = 50
"""Alarms on one page."""
NEW_AT_MOST = 100
"""New alarms that are counted; more are said to be more."""

SHOWS = (
    ("open", N_("Open")),
    ("unacknowledged", N_("Unacknowledged")),
    ("suppressed", N_("Shelved and suppressed")),
    ("ended", N_("Back to normal")),
    ("all", N_("All")),
)
COLUMNS = (
    (Order.SEVERITY, N_("Priority")),
    (Order.HAZARD, N_("Alarm")),
    (Order.AREA, N_("Area")),
    (Order.STATE, N_("State")),
    (None, N_("Decided by")),
    (Order.RAISED, N_("Raised")),
)
STATES = (
    IsaState.UNACKNOWLEDGED,
    IsaState.RTN_UNACKNOWLEDGED,
    IsaState.LATCHED_UNACKNOWLEDGED,
    IsaState.ACKNOWLEDGED,
    IsaState.LATCHED_ACKNOWLEDGED,
    IsaState.SHELVED,
    IsaState.SUPPRESSED_BY_DESIGN,
    IsaState.OUT_OF_SERVICE,
    IsaState.NORMAL,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm of the list.

    Attributes:
        may_acknowledge: it waits for that, and the person may do it in its area.
    """

    alarm: AlarmView
    may_acknowledge: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One head of the table; `address` sorts by it, or turns the order round."""

    text: str
    address: str | None
    direction: str


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """One page of the list."""

    query: ListQuery
    rows: tuple[Row, ...]
    counted: Counted | None
    columns: tuple[Column, ...]
    at: datetime
    searched_to: datetime | None
    next_page: str | None
    first: bool

    @property
    def next_address(self) -> str | None:
        """Where the list goes on."""
        return self.query.address(page=self.next_page) if self.next_page else None

    @property
    def live(self) -> bool:
        """Whether the list's new alarms appear by themselves: they do on its first page."""
        return self.first


def alarm_page(
    services: Services, person: Person, query: ListQuery, language: str, page: str | None
) -> AlarmPage:
    """One page.

    Raises:
        StoreError: if `page` is not one of this list.
    """
    site, now = services.site, services.now()
    where = query.where(site.site.timezone)
    queries = services.backend.queries
    found = queries.list_alerts(where, query.ordered, page=page, limit=PAGE)
    views = (alarm_view(message, site, now, language) for message in found.alerts)
    return AlarmPage(
        query=query,
        rows=tuple(Row(view, _may_acknowledge(view, person)) for view in views),
        counted=queries.counted(where),
        columns=tuple(_column(query, order, text) for order, text in COLUMNS),
        at=now,
        searched_to=found.searched_to,
        next_page=found.next_page,
        first=page is None,
    )


def new_since(services: Services, query: ListQuery, at: datetime) -> int:
    """How many alarms have come to belong to the list since a time; `NEW_AT_MOST` + 1 are more.

    Where words are looked for, those that were raised since.
    """
    where = query.where(services.site.site.timezone)
    if not where.text:
        return min(services.backend.queries.came_since(where, at), NEW_AT_MOST + 1)
    after = max(at, where.after) if where.after is not None else at
    narrowed = where.model_copy(update={"after": after})
    page = services.backend.queries.list_alerts(narrowed, limit=NEW_AT_MOST + 1)
    return len(page.alerts)


def sounding(services: Services) -> tuple[str, ...]:
    """The critical alarms that nobody has acknowledged, newest first, at most 100."""
    query = ListQuery(show="unacknowledged", severity=(Severity.CRITICAL,))
    where = query.where(services.site.site.timezone)
    page = services.backend.queries.list_alerts(where, limit=NEW_AT_MOST)
    return tuple(alert.alert_id for alert in page.alerts)


def hazards_in(language: str) -> list[tuple[str, str]]:
    """Every hazard kind with its name, by name."""
    named = (
        (kind.id, in_language({str(k): v for k, v in kind.name.items()}, language))
        for kind in catalogue().values()
    )
    return sorted(named, key=lambda each: each[1].casefold())


def _may_acknowledge(view: AlarmView, person: Person) -> bool:
    return view.unacknowledged and person.may(Permission.ACT, view.message.area)


def _column(query: ListQuery, order: Order | None, text: str) -> Column:
    if order is None:
        return Column(text, None, "")
    current = query.sort is order
    turned = current and not query.reverse
    downwards = order in (Order.SEVERITY, Order.RAISED)
    direction = ""
    if current:
        direction = "descending" if downwards is not query.reverse else "ascending"
    return Column(text, query.address(sort=order, reverse=turned), direction)
