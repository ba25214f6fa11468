"""The core's latency histograms, as it tells the health page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.observe import SECONDS, Metrics

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_span_is_told_as_counts_between_bounds() -> None:
    metrics = Metrics()
    for milliseconds in (4, 4, 40, 60_000):
        metrics.handed_over(AT, AT + timedelta(milliseconds=milliseconds))
    told = metrics.latencies()
    assert list(told) == ["published_to_acked"]
    span = told["published_to_acked"]
    assert isinstance(span, dict)
    assert span["at_most_s"] == list(map(float, SECONDS))
    counts = span["counts"]
    assert isinstance(counts, list)
    assert len(counts) == len(SECONDS) + 1
    assert {at: n for at, n in enumerate(counts) if n} == {2: 2, 6: 1, 15: 1}
    assert span["sum_s"] == 60.048
