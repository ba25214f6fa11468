"""Counts of incidents by place over a period: what the heat map shows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from hazard.store.situation import PlaceCount, Situation

PERIODS: Mapping[str, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
KEPT_S = 30.0
"""Counts are read again after this time."""


class HeatCounts:
    """Read at most once in a while, for all readers together."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, tuple[PlaceCount, ...]]] = {}
        self._guard = threading.Lock()

    def read(
        self, situation: Situation, period: str, now: datetime
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Incidents of the period up to now: by area, and by camera or sensor."""
        areas: dict[str, int] = {}
        sources: dict[str, int] = {}
        for each in self._counts(situation, period, now):
            areas[each.area] = areas.get(each.area, 0) + each.incidents
            if each.source:
                sources[each.source] = sources.get(each.source, 0) + each.incidents
        return areas, sources

    def _counts(self, situation: Situation, period: str, now: datetime) -> tuple[PlaceCount, ...]:
        with self._guard:
            kept = self._kept.get(period)
            if kept is not None and abs((now - kept[0]).total_seconds()) < KEPT_S:
                return kept[1]
            counts = situation.incidents_by_place(now - PERIODS[period], now)
            self._kept[period] = (now, counts)
            return counts
