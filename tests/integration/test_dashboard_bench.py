"""The bench of the dashboard, small: it fills, serves, measures and reports."""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.bench.dashboard.run import run_dashboard_bench


def test_the_bench_measures_pages_at_each_size_and_streams_beside_a_bare_loop(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    run_dashboard_bench(
        tmp_path / "dashboard.json",
        say=said.append,
        sizes=(20, 60),
        samples=3,
        streams=4,
        alerts=2,
        every_s=0.1,
        databases=("sqlite",),
    )
    report = json.loads((tmp_path / "dashboard.json").read_text())
    assert {"machine", "versions", "sizes", "ratios", "pages", "live"} <= set(report)
    for page in ("list", "incident", "overview"):
        worst = report["ratios"][f"{page}_p99_60_vs_20"]
        assert worst == report["ratios"][f"{page}_p99_60_vs_20_sqlite"] > 0
        assert [size["pages"][page]["samples"] for size in report["pages"]["sqlite"]] == [3, 3]
        assert report["ratios"][f"{page}_p50_vs_bare_query_sqlite"] > 0
    live = report["live"]["sqlite"]
    assert (live["product"]["streams"], live["product"]["lost"]) == (4, 0)
    assert live["product"]["commit_to_stream"]["samples"] == 8
    assert live["bare"]["commit_to_stream"]["samples"] == 8
    assert any("list_p99_60_vs_20" in line for line in said)
