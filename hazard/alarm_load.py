"""Rates of alarms: the peak, crowded periods and floods of a row of times, a million as well.

Times are whole microseconds since 1970, in order. Windows are half open: an alarm that is exactly a
window old has left it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hazard.alarms.flood import STANDARD
from hazard.site.alarms import Flood

Times = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(times: Iterable[datetime]) -> Times:
    """Aware times as they are counted with here, in order."""
    return np.array(sorted((at - EPOCH) // MICROSECOND for at in times), dtype=np.int64)


def peak(times: Times, window: timedelta) -> int:
    """The most of these times that lie within any window of that length."""
    if not len(times):
        return 0
    gone = np.searchsorted(times, times - window // MICROSECOND, side="right")
    return int(np.max(np.arange(1, len(times) + 1) - gone))


def crowded(
    times: Times, began_at: datetime, ended_at: datetime, length: timedelta, above: int
) -> tuple[int, int]:
    """Periods, counted from the beginning on, with more alarms than `above`; and all periods."""
    periods = (times - (began_at - EPOCH) // MICROSECOND) // (length // MICROSECOND)
    _, counts = np.unique(periods, return_counts=True)
    return int(np.count_nonzero(counts > above)), math.ceil((ended_at - began_at) / length)


class FloodPeriod(NamedTuple):
    """One flood; `ended_at` is where the looking ended if it still lasted."""

    began_at: datetime
    ended_at: datetime

    @property
    def lasted_s(self) -> float:
        """Its length in seconds."""
        return (self.ended_at - self.began_at).total_seconds()


def floods(times: Times, until: datetime, settings: Flood = STANDARD) -> tuple[FloodPeriod, ...]:
    """All floods that these alarms make up to `until`, by the rule of `hazard.alarms.flood`.

    Each ends at the very moment at which too few alarms are left in the window.
    """
    window = timedelta(minutes=settings.window_min) // MICROSECOND
    end = (until - EPOCH) // MICROSECOND
    times = times[times <= end]
    oldest = np.searchsorted(times, times - window, side="right")
    begins = np.flatnonzero(np.arange(1, len(times) + 1) - oldest > settings.starts_above)
    within = np.searchsorted(times, times + window, side="right")
    left = within - np.searchsorted(times, times, side="right")
    ends = np.flatnonzero(left < settings.ends_below)
    found: list[FloodPeriod] = []
    after = 0
    while (at := int(np.searchsorted(begins, after))) < len(begins):
        newest = int(begins[at])
        first = int(np.searchsorted(ends, oldest[newest]))
        over = end if first == len(ends) else min(end, int(times[ends[first]]) + window)
        found.append(FloodPeriod(_time(int(times[newest])), _time(over)))
        after = int(np.searchsorted(times, over, side="right"))
    return tuple(found)


def _time(microsecond: int) -> datetime:
    return EPOCH + microsecond * MICROSECOND
