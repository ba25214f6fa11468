"""`hazard bench delivery`: rounds of product and floors, order alternated, ratios by round."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.bench.delivery.scene import SITE
from edge_agent.bench.machine import machine, versions
from edge_agent.broker_process import BrokerProcess
from edge_agent.drill.witness import Witness
from hazard.errors import HazardError

LEVELS = (1_000, 10_000, 100_000)
"""Alerts that are stored before a round begins."""
INCIDENTS = 8_000
FLOOR_INCIDENTS = 3_000
FLOOR_MESSAGES = 30_000
RATE_PER_S, LATENCY_S = 100.0, 6.0
JOB_TIMEOUT_S = 900
ARRIVE_WITHIN_S = 60.0
LOOK_S = 0.05
PACKAGES = ("SQLAlchemy", "paho-mqtt", "pydantic", "iotcore")

Say = Callable[[str], None]
Run = dict[str, Any]


def run_delivery_bench(
    json_file: Path | None,
    *,
    rounds: int,
    say: Say,
    levels: Sequence[int] = LEVELS,
    incidents: int = INCIDENTS,
) -> bool:
    """Run all rounds, print the table, write the JSON; True if nothing was lost.

    Raises:
        HazardError: if a contender fails, with the end of what it said.
    """
    runs: dict[str, list[Run]] = {}
    broker: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="hazard-delivery-") as folder:
        root = Path(folder)
        for level in levels:
            stored = root / f"stored-{level}.db"
            say(f"storing {level} alerts")
            _job({"contender": "history", "database": str(stored), "alerts": level})
            found = runs[str(level)] = []
            for number in range(rounds):
                scratch = root / "round"
                scratch.mkdir()
                run, broker = _round(
                    stored, scratch, floors_first=number % 2 == 1, incidents=incidents
                )
                shutil.rmtree(scratch)
                found.append(run)
                say(_line(level, number + 1, rounds, run))
            stored.unlink()
    report = summarise(runs, broker)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, value in report["ratios"].items():
        say(f"{name:34s} {value:6.2f}")
    return bool(report["lost"] == 0)


def _line(level: int, number: int, rounds: int, run: Run) -> str:
    return (
        f"{level:7d} stored, round {number} of {rounds}: product "
        f"{run['incidents_per_s']:6.0f} incidents/s, p50 {run['latency_ms']['p50']:.1f} ms, "
        f"p99 {run['latency_ms']['p99']:.1f} ms, lost {run['lost']}; "
        f"orm {run['orm_incidents_per_s']:6.0f}/s, paho {run['paho_messages_per_s']:6.0f}/s"
    )


def _round(
    stored: Path, scratch: Path, *, floors_first: bool, incidents: int
) -> tuple[Run, dict[str, str]]:
    """Product and floors once, each on a copy of the same store, with the same broker."""
    with (
        BrokerProcess(scratch, persistence=True) as broker,
        Witness(broker.port, f"hazard/v1/{SITE}/alert/#", "bench-subscriber") as witness,
    ):
        run: Run = {}
        if floors_first:
            run |= _floors(stored, scratch, broker.port)
        run |= _product(stored, scratch, broker.port, witness, incidents)
        if not floors_first:
            run |= _floors(stored, scratch, broker.port)
        return run, {"kind": broker.kind, "version": broker.version}


def _product(stored: Path, scratch: Path, port: int, witness: Witness, incidents: int) -> Run:
    job = {
        "contender": "product",
        "database": str(_copy(stored, scratch / "product.db")),
        "port": port,
        "incidents": incidents,
        "rate_per_s": RATE_PER_S,
        "latency_s": LATENCY_S,
    }
    figures = _job(job)
    sent = {"fast-": incidents, "slow-": figures["moderate"]}
    deadline = time.monotonic() + ARRIVE_WITHIN_S
    while time.monotonic() < deadline:
        if all(witness.ask("count", prefix)["count"] >= n for prefix, n in sent.items()):
            break
        time.sleep(LOOK_S)
    fast, slow = (witness.ask("report", prefix)["revisions"] for prefix in sent)
    last_s = max((each["at_s"] for each in fast), default=float("inf"))
    latencies = sorted(each["latency_ms"] for each in slow)
    return {
        "incidents": incidents,
        "incidents_per_s": round(incidents / (last_s - figures["began_s"]), 1),
        "stored_per_s": round(figures["stored_per_s"], 1),
        "cpu_ms_per_incident": round(figures["cpu_ms_per_incident"], 3),
        "latency_ms": {
            "rate_per_s": RATE_PER_S,
            "samples": len(latencies),
            "p50": round(statistics.median(latencies), 2),
            "p99": round(statistics.quantiles(latencies, n=100)[98], 2),
            "max": round(latencies[-1], 2),
        },
        "lost": sum(sent.values()) - len(fast) - len(slow),
        "journaled": figures["journaled"],
    }


def _floors(stored: Path, scratch: Path, port: int) -> Run:
    database = _copy(stored, scratch / "orm.db")
    orm = _job(
        {
            "contender": "orm",
            "database": str(database),
            "port": port,
            "incidents": FLOOR_INCIDENTS,
        }
    )
    paho = _job({"contender": "paho", "port": port, "messages": FLOOR_MESSAGES})
    return {
        "orm_incidents_per_s": round(orm["incidents_per_s"], 1),
        "paho_messages_per_s": round(paho["messages_per_s"], 1),
    }


def _copy(stored: Path, target: Path) -> Path:
    shutil.copyfile(stored, target)
    return target


def _job(job: dict[str, Any]) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.bench.delivery.contenders"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=JOB_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise HazardError(f"{job['contender']} failed: {done.stderr[-1500:]}")
    figures: Run = json.loads(done.stdout.splitlines()[-1])
    return figures


def summarise(runs: dict[str, list[Run]], broker: dict[str, str]) -> dict[str, Any]:
    """Medians per level, and paired ratios; `vs_slower_floor` is that of the worst level."""
    by_level = {
        level: round(statistics.median(_against_slower(run) for run in found), 3)
        for level, found in runs.items()
    }
    every = [run for found in runs.values() for run in found]
    ratios = {"vs_slower_floor": min(by_level.values())}
    ratios |= {f"vs_slower_floor_{level}_stored": ratio for level, ratio in by_level.items()}
    ratios |= {
        name: round(statistics.median(run["incidents_per_s"] / run[floor] for run in every), 3)
        for name, floor in (("vs_orm", "orm_incidents_per_s"), ("vs_paho", "paho_messages_per_s"))
    }
    return {
        "at": datetime.now(UTC).isoformat(),
        "machine": machine(),
        "versions": versions(PACKAGES),
        "broker": broker,
        "ratios": ratios,
        "lost": sum(run["lost"] for run in every),
        "medians": {level: _medians(found) for level, found in runs.items()},
        "runs": runs,
    }


def _against_slower(run: Run) -> float:
    slower = min(run["orm_incidents_per_s"], run["paho_messages_per_s"])
    return float(run["incidents_per_s"]) / float(slower)


def _medians(found: list[Run]) -> dict[str, float]:
    flat = [
        {**run, "p50_ms": run["latency_ms"]["p50"], "p99_ms": run["latency_ms"]["p99"]}
        for run in found
    ]
    names = (
        "incidents_per_s",
        "orm_incidents_per_s",
        "paho_messages_per_s",
        "cpu_ms_per_incident",
        "p50_ms",
        "p99_ms",
    )
    return {name: round(statistics.median(run[name] for run in flat), 2) for name in names}
