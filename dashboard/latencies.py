"""Latency histograms as the core reports them, made ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.i18n import N_

SPANS: Mapping[str, str] = {
    "captured_to_detected": N_("Captured to detected"),
    "detected_to_raised": N_("Detected to raised"),
    "raised_to_stored": N_("Raised to stored"),
    "raised_to_decided": N_("Raised to decided by the model"),
    "published_to_acked": N_("Published to taken over by a broker"),
}
"""The spans of an alert's way, in order."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket: what took longer than the bucket before it, and at most this.

    Attributes:
        at_most_s: None for whatever took longer than all bounds.
        height: 0..100, against the fullest bucket.
    """

    at_most_s: float | None
    count: int
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long one span took since the agent started.

    `p50_s` and `p99_s` are the bounds of the buckets that hold them (None: above all bounds).
    """

    span: str
    count: int
    mean_s: float
    p50_s: float | None
    p99_s: float | None
    bars: tuple[Bar, ...]

    @property
    def text(self) -> str:
        """What it is, in words."""
        return SPANS.get(self.span, self.span.replace("_", " "))


def histograms(told: object) -> list[Histogram]:
    """The core's figure `latencies`, in the order of an alert's way; what is malformed is left."""
    if not isinstance(told, Mapping):
        return []
    order = list(SPANS)
    names = sorted(told, key=lambda name: (order.index(name) if name in order else 99, str(name)))
    drawn = [_histogram(str(name), told[name]) for name in names[:20]]
    return [each for each in drawn if each is not None]


def _histogram(span: str, told: object) -> Histogram | None:
    values: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    bounds, counts = values.get("at_most_s"), values.get("counts")
    if not isinstance(bounds, list) or not isinstance(counts, list):
        return None
    if len(counts) != len(bounds) + 1 or not all(isinstance(n, int) and n >= 0 for n in counts):
        return None
    total = sum(counts)
    if total == 0:
        return None
    limits = [*map(float, bounds), None]
    most = max(counts)
    filled = [at for at, number in enumerate(counts) if number]
    shown = range(filled[0], filled[-1] + 1)
    return Histogram(
        span=span,
        count=total,
        mean_s=float(values.get("sum_s", 0.0)) / total,
        p50_s=_bound(limits, counts, 0.50 * total),
        p99_s=_bound(limits, counts, 0.99 * total),
        bars=tuple(Bar(limits[at], counts[at], round(100 * counts[at] / most, 1)) for at in shown),
    )


def _bound(limits: Sequence[float | None], counts: Sequence[int], wanted: float) -> float | None:
    """The upper bound of the bucket in which that many are reached."""
    passed = 0
    for limit, number in zip(limits, counts, strict=True):
        passed += number
        if passed >= wanted:
            return limit
    return None
