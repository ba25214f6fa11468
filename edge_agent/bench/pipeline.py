"""`hazard bench pipeline`: rounds of all contenders, order alternated, ratios paired by round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.bench.agreement import agreement
from edge_agent.bench.machine import machine, versions
from edge_agent.bench.scene import CONFIDENCE
from edge_agent.paths import default_models_dir
from hazard.errors import HazardError
from models.fetch import ensure
from models.manifest import Manifest

THREADS = 2
JOB_TIMEOUT_S = 300
PACKAGES = (
    "numpy",
    "onnxruntime",
    "openvino",
    "opencv-python",
    "opencv-python-headless",
    "torch",
    "ultralytics",
    "supervision",
    "trackers",
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entrant:
    """One line of the table: a contender with its cameras, backend and frames per camera."""

    name: str
    contender: str
    frames: int
    cameras: int = 1
    backend: str = "onnx"


ENTRANTS = (
    Entrant("bare_onnx", "bare_onnx", 300),
    Entrant("ours_onnx", "ours", 300),
    Entrant("supervision", "supervision", 300),
    Entrant("ours", "ours", 300, backend="auto"),
    Entrant("ultralytics_track", "ultralytics_track", 300),
    Entrant("ours_4", "ours", 80, cameras=4, backend="auto"),
    Entrant("ours_16", "ours", 25, cameras=16, backend="auto"),
)

RATIOS = {
    "cpu_vs_bare_onnx": ("bare_onnx", "ours_onnx", "cpu_ms_per_frame"),
    "cpu_vs_bare_onnx_default_backend": ("bare_onnx", "ours", "cpu_ms_per_frame"),
    "fps_vs_ultralytics_track": ("ours", "ultralytics_track", "fps"),
    "fps_vs_supervision": ("ours", "supervision", "fps"),
    "fps_vs_ultralytics_track_onnx": ("ours_onnx", "ultralytics_track", "fps"),
    "fps_vs_supervision_onnx": ("ours_onnx", "supervision", "fps"),
    "fps_4_cameras_vs_1": ("ours_4", "ours", "fps"),
    "fps_16_cameras_vs_1": ("ours_16", "ours", "fps"),
}
"""Ratio: first over second, of one figure; more is better for ours."""


def run_pipeline_bench(json_file: Path | None, *, rounds: int, live: bool, say: Say) -> None:
    """Run all rounds, print the table, write the JSON.

    Raises:
        HazardError: if a contender fails, with the end of what it said.
    """
    manifest, models_dir = Manifest.load(), default_models_dir()
    model = ensure(manifest["nanodet"], models_dir, manifest=manifest)
    footage = ensure(manifest["vtest"], models_dir, manifest=manifest)
    runs: dict[str, list[dict[str, Any]]] = {entrant.name: [] for entrant in ENTRANTS}
    for number in range(rounds):
        order = ENTRANTS if number % 2 == 0 else tuple(reversed(ENTRANTS))
        for entrant in order:
            figures = run_job(entrant, model=model, footage=footage, models_dir=models_dir)
            runs[entrant.name].append(figures)
            say(
                f"round {number + 1} of {rounds}  {entrant.name:18s} {figures['fps']:7.1f} fps  "
                f"{figures['cpu_ms_per_frame']:6.1f} CPU-ms/frame  {figures['rss_mb']:6.0f} MB"
            )
    report = summarise(runs)
    if live:
        say("one pass of the demo, for latencies while everything else runs")
        report["live"] = live_latencies()
    text = json.dumps(report, indent=1)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(text + "\n", encoding="utf-8")
    for name, value in report["ratios"].items():
        say(f"{name:34s} {value:6.2f}")


def run_job(entrant: Entrant, *, model: Path, footage: Path, models_dir: Path) -> dict[str, Any]:
    """One contender in a process of its own.

    Raises:
        HazardError: if it fails.
    """
    job = {
        "contender": entrant.contender,
        "model": str(model),
        "footage": str(footage),
        "models_dir": str(models_dir),
        "threads": THREADS,
        "frames": entrant.frames,
        "cameras": entrant.cameras,
        "backend": entrant.backend,
    }
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(THREADS),
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": tempfile.gettempdir(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.bench.contenders"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=JOB_TIMEOUT_S,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        raise HazardError(f"{entrant.name} failed: {done.stderr[-1500:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians, spreads, paired ratios and agreement of detections."""
    samples = {name: figures[-1].get("boxes", []) for name, figures in runs.items()}
    clean = {
        name: [{k: v for k, v in run.items() if k != "boxes"} for run in figures]
        for name, figures in runs.items()
    }
    return {
        "at": datetime.now(UTC).isoformat(),
        "machine": machine(),
        "versions": versions(PACKAGES),
        "threads": THREADS,
        "ratios": {
            name: round(
                statistics.median(
                    one[figure] / other[figure]
                    for one, other in zip(runs[first], runs[second], strict=True)
                ),
                3,
            )
            for name, (first, second, figure) in RATIOS.items()
        },
        "medians": {name: _medians(figures) for name, figures in clean.items()},
        "equal_detections": {
            name: agreement(samples["ours_onnx"], samples[name], CONFIDENCE)
            for name in ("ours", "supervision", "ultralytics_track")
        },
        "cpu_ms_outside_model": _outside(clean),
        "runs": clean,
    }


def _medians(figures: list[dict[str, Any]]) -> dict[str, Any]:
    keys = [key for key, value in figures[0].items() if isinstance(value, int | float)]
    found: dict[str, Any] = {}
    for key in keys:
        values = [run[key] for run in figures]
        found[key] = {
            "median": round(statistics.median(values), 3),
            "min": min(values),
            "max": max(values),
        }
    return found


def _outside(runs: dict[str, list[dict[str, Any]]]) -> float:
    """CPU time per frame beyond the bare session, same backend: the median of the differences."""
    pairs = zip(runs["ours_onnx"], runs["bare_onnx"], strict=True)
    over = [float(o["cpu_ms_per_frame"]) - float(b["cpu_ms_per_frame"]) for o, b in pairs]
    return round(statistics.median(over), 2)


def live_latencies() -> dict[str, Any]:
    """Latencies of one real-time pass of the demo: all processes, both cameras, the model.

    Raises:
        HazardError: if the demo fails.
    """
    with tempfile.TemporaryDirectory(prefix="hazard-bench-") as folder:
        report = Path(folder) / "report.json"
        began = time.monotonic()
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "edge_agent.cli",
                "demo",
                "--once",
                "--json",
                str(report),
                "--folder",
                str(Path(folder) / "demo"),
            ],
            capture_output=True,
            text=True,
            timeout=JOB_TIMEOUT_S,
            check=False,
        )
        if not report.exists():
            raise HazardError(f"the demo failed: {done.stdout[-800:]}{done.stderr[-800:]}")
        figures = json.loads(report.read_text(encoding="utf-8"))
        return {
            "seconds": round(time.monotonic() - began, 1),
            "latency_ms": figures["latency_ms"],
            "fps": figures["fps"],
            "frames": figures["frames"],
            "lost": figures["lost"],
        }
