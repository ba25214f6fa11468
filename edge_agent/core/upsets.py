"""First-out over the cases that are open: which alarm opened the present upset of its area."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from edge_agent.core.cases import Case
from hazard.alarms.first_out import FirstOutBook
from hazard.types import ProcessCondition


class Upsets:
    """Keeps the book of upsets in step with the cases."""

    def __init__(self) -> None:
        self._book = FirstOutBook()

    def restore(self, cases: Iterable[Case]) -> None:
        """Take up the upsets of the alarms that were open before a restart."""
        self._book = FirstOutBook.rebuilt((case.incident.area, case.alarm) for case in cases)

    def raised(self, case: Case, at: datetime) -> str:
        """The alarm that came first where this one is about to be raised; may be itself."""
        self._book, first = self._book.raised(case.incident.area, case.alarm.alert_id, at)
        return first

    def look(self, area: str, cases: Iterable[Case], at: datetime) -> None:
        """An upset lasts while any alarm of its area is present."""
        present = any(
            case.incident.area == area and case.alarm.condition is not ProcessCondition.NORMAL
            for case in cases
        )
        self._book = self._book.seen(area, at, present=present)
