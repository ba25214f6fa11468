"""The alarm list as CSV (RFC 4180), written as it is read, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from dashboard.alarm_query import ListQuery
from dashboard.services import Services
from dashboard.views import area_name, in_language
from dashboard.wording import PRIORITY
from hazard.store.queries import MAX_PAGE
from hazard.types import AlertMessage

MOST_ROWS = 100_000
"""Rows of one file; a last line says so where there are more."""
COLUMNS = (
    "alert_id",
    "raised_utc",
    "priority",
    "severity",
    "state",
    "condition",
    "hazard",
    "hazard_name",
    "area",
    "area_name",
    "node",
    "decided_by",
    "acknowledged_by",
    "case_cause",
    "revision",
    "comment",
)


def csv_lines(services: Services, query: ListQuery) -> Iterator[str]:
    """The file in pieces, in the list's order."""
    where = query.where(services.site.site.timezone)
    yield _line(COLUMNS)
    page: str | None = None
    rows = 0
    while True:
        found = services.backend.queries.list_alerts(
            where, query.ordered, page=page, limit=MAX_PAGE
        )
        yield "".join(_line(_cells(services, alert)) for alert in found.alerts)
        rows += len(found.alerts)
        page = found.next_page
        if page is None:
            return
        if rows >= MOST_ROWS:
            yield _line([f"more than {MOST_ROWS} alarms: narrow the list for the rest"])
            return


def _cells(services: Services, alert: AlertMessage) -> list[str]:
    return [
        alert.alert_id,
        alert.times.raised.isoformat(timespec="milliseconds"),
        str(PRIORITY[alert.severity]),
        alert.severity.value,
        alert.state.value,
        alert.condition.value,
        alert.hazard,
        in_language(alert.hazard_name, "en"),
        alert.area,
        area_name(services.site, alert.area),
        alert.node,
        alert.decided_by.value,
        alert.acknowledged_by or "",
        alert.case.cause.value if alert.case.cause else "",
        str(alert.revision),
        alert.comment or "",
    ]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([_harmless(cell) for cell in cells])
    return written.getvalue()


def _harmless(cell: str) -> str:
    """No spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
