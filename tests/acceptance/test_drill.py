"""The crash drill as a user runs it: agent and broker killed, nothing lost, nothing doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import edge_agent.broker_process
from edge_agent.drill.crash import run_crash_drill

KILLS = 50
LONGEST_S = 1500
"""About 100 s on an idle machine with two cores; a shared one may be ten times slower."""


@pytest.mark.mosquitto
@pytest.mark.postgres
@pytest.mark.timeout(LONGEST_S)
def test_fifty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    file = tmp_path / "drill.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "edge_agent.cli", "drill", "crash"),
            *("--kills", str(KILLS), "--json", str(file)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S - 60,
        check=False,
    )
    sys.stdout.write(done.stdout)  # with the seed, which pytest shows where this fails
    assert done.stdout.startswith("seed ")
    assert done.returncode == 0, done.stdout[-3000:]
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["broker"] == "mosquitto"
    assert report["replica"] == "postgresql"
    _judge(report)
    assert report["kills"] == KILLS
    assert report["broker_kills"] >= 2
    assert len(report["kill_moments"]) == 6


@pytest.mark.timeout(LONGEST_S)
def test_without_mosquitto_the_embedded_broker_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_agent.broker_process, "installed_mosquitto", lambda: None)
    file, said = tmp_path / "drill.json", list[str]()
    assert run_crash_drill(file, kills=4, seed=7, postgres=None, say=said.append), said
    report = json.loads(file.read_text(encoding="utf-8"))
    assert said[0] == "seed 7"
    assert report["broker"] == "embedded"
    _judge(report)


def _judge(report: dict[str, Any]) -> None:
    assert (report["lost"], report["duplicates_visible"]) == (0, 0), report["why"]
    assert report["wipes"] == 1
    assert report["incidents"] > 0
    assert report["revisions"] > report["incidents"]
    assert report["replayed"] == report["revisions"]
