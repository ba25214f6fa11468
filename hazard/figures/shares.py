"""Shares with their uncertainty, and quantiles of counted values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hazard.figures.models import Rate

Z_95 = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""


def rate(count: int, of: int) -> Rate:
    """The share with its Wilson interval of 95 % (Wilson 1927), which holds for small numbers too.

    Raises:
        ValueError: if it is no share.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    if of == 0:
        return Rate(count=0, of=0, percent=None, low_percent=None, high_percent=None)
    share, square = count / of, Z_95**2 / of
    middle = share + square / 2
    spread = Z_95 * math.sqrt(share * (1 - share) / of + square / (4 * of))
    low, high = ((middle + sign * spread) / (1 + square) for sign in (-1, 1))
    return Rate(
        count=count,
        of=of,
        percent=round(100 * share, 3),
        low_percent=round(100 * max(0.0, low), 3),
        high_percent=round(100 * min(1.0, high), 3),
    )


def quantile_of(counted: Iterable[tuple[int, int]], share: float) -> int | None:
    """The smallest value that at least this share does not exceed, of (value, how often) pairs."""
    ordered = sorted(counted)
    wanted = max(1, math.ceil(share * sum(number for _, number in ordered)))
    passed = 0
    for value, number in ordered:
        passed += number
        if passed >= wanted:
            return value
    return None
