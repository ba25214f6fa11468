"""The audit as pages and API show it: which lines, and as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC

from hazard.store.audit_reading import PAGE_MAX, AuditFilter, AuditReader
from hazard.store.views import AuditLine

HEADINGS = ("line", "chain", "at_utc", "who", "what", "subject", "details", "hash")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula: an apostrophe makes it text."""
LINES_MAX = 200_000
"""Of one file: some 60 MB. Whoever needs more takes it by time."""


def csv_rows(audit: AuditReader, where: AuditFilter) -> Iterator[str]:
    """The lines that match, newest first, as CSV, piece by piece."""
    yield _row(HEADINGS)
    page: str | None = None
    for _ in range(LINES_MAX // PAGE_MAX):
        found = audit.lines(where, page=page, limit=PAGE_MAX)
        yield "".join(_row(_cells(line)) for line in found.lines)
        page = found.next_page
        if page is None:
            return


def _cells(line: AuditLine) -> tuple[str, ...]:
    return (
        str(line.audit_id),
        line.chain,
        line.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        line.actor,
        line.verb,
        line.subject,
        json.dumps(line.details, ensure_ascii=False, sort_keys=True),
        line.hash,
    )


def _row(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells)
    return text.getvalue()
