"""`hazard bench reasoning`: each backend in a process of its own, ratios paired by round."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.bench.machine import machine, versions
from edge_agent.bench.reasoning.task import JSON_TOKENS, MIN_TOKENS
from edge_agent.paths import default_models_dir
from hazard.errors import HazardError
from models.fetch import ensure
from models.manifest import Manifest

BACKENDS = ("smollm2", "mixtral-tiny")
JOB_TIMEOUT_S = 3600
GPU_TIMEOUT_S = 600
PACKAGES = (
    "torch",
    "transformers",
    "bitsandbytes",
    "triton",
    "tokenizers",
    "xllamacpp",
    "llguidance",
    "numpy",
)
RATIOS = MappingProxyType(
    {
        "prefix_cache_speedup": ("decide_uncached", "decide_cached"),
        "vs_generate_json_speedup": ("json_plain", "decide_cached"),
        "vs_grammar_json_speedup": ("json_grammar", "decide_cached"),
        "vs_generate_json_both_cached_speedup": ("json_plain_cached", "decide_cached"),
        "vs_grammar_json_both_cached_speedup": ("json_grammar_cached", "decide_cached"),
    }
)
"""Ratio: time of the first over that of the second; more is better for ours."""
Say = Callable[[str], None]
Runs = Mapping[str, Sequence[Mapping[str, Any]]]


def run_reasoning_bench(
    json_file: Path | None,
    *,
    backends: Sequence[str],
    rounds: int,
    words: int,
    gpu: bool | None,
    say: Say,
) -> None:
    """Run all backends, print the ratios, write the JSON.

    Args:
        json_file: where the figures go.
        backends: names, each with `=MODEL` behind it where the backend wants a model.
        rounds: rounds of all ways of asking; their order alternates.
        words: summaries to be written per backend.
        gpu: whether the part that needs a GPU runs; None: where there is one.
        say: told each figure.

    Raises:
        HazardError: if a backend or the GPU's part fails, with the end of what it said.
    """
    before = machine()
    found: dict[str, dict[str, Any]] = {}
    for backend in backends:
        say(f"{backend}: {rounds} rounds")
        figures = _backend(backend, rounds=rounds, words=words)
        found[backend] = figures
        for way, runs in figures["runs"].items():
            median_ms = statistics.median(run["ms"] for run in runs)
            say(f"  {way:20s} {median_ms:9.1f} ms")
        say(f"  incidents of {_incident_tokens(figures['runs'])} tokens")
        if figures["words"]:
            say(f"  summaries refused {figures['words']['refused_share']:.0%}")
    report = summarise(found, before)
    if gpu or (gpu is None and has_gpu()):
        part = _gpu(say)
        report["gpu"] = part
        report["ratios"] |= part["ratios"]
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, value in report["ratios"].items():
        say(f"{name:38s} {value:7.2f}")


def summarise(found: Mapping[str, Mapping[str, Any]], before: Mapping[str, Any]) -> dict[str, Any]:
    """The report: per backend, and of each ratio the best backend's.

    Args:
        found: figures of `edge_agent.bench.reasoning.contender` by backend.
        before: the machine before anything ran.
    """
    by_backend = {name: _summary(figures) for name, figures in found.items()}
    best: dict[str, float] = {}
    for summary in by_backend.values():
        for name, value in summary["ratios"].items():
            best[name] = max(best.get(name, value), value)
    return {
        "at": datetime.now(UTC).isoformat(),
        "machine": dict(before),
        "versions": versions(PACKAGES),
        "json_tokens": JSON_TOKENS,
        "min_incident_tokens": MIN_TOKENS,
        "ratios": best,
        "by_backend": by_backend,
        "runs": {name: figures["runs"] for name, figures in found.items()},
        "gpu": None,
    }


def has_gpu() -> bool:
    """Whether torch is there and sees a CUDA device."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch  # noqa: PLC0415 - the bench of other parts starts without it

    return bool(torch.cuda.is_available())


def _summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    runs: Runs = figures["runs"]
    return {
        "ratios": {
            name: round(
                statistics.median(
                    one["ms"] / other["ms"]
                    for one, other in zip(runs[slow], runs[fast], strict=True)
                ),
                3,
            )
            for name, (slow, fast) in RATIOS.items()
            if slow in runs
        },
        "medians_ms": {
            way: {
                "median": statistics.median(run["ms"] for run in each),
                "min": min(run["ms"] for run in each),
                "max": max(run["ms"] for run in each),
            }
            for way, each in runs.items()
        },
        "incident_tokens": _incident_tokens(runs),
        "generated_tokens": {
            way: sorted({run["generated_tokens"] for run in each})
            for way, each in runs.items()
            if "generated_tokens" in each[0]
        },
        "summaries": figures["words"],
        **{key: figures[key] for key in ("loaded_s", "rss_mb", "static_tokens", "model", "notes")},
    }


def _incident_tokens(runs: Runs) -> list[int]:
    return sorted({run["incident_tokens"] for each in runs.values() for run in each})


def _backend(named: str, *, rounds: int, words: int) -> dict[str, Any]:
    name, _, model = named.partition("=")
    manifest, models_dir = Manifest.load(), default_models_dir()
    if not model:
        ensure(manifest[name], models_dir, manifest=manifest)
    job = {
        "backend": name,
        "model": model or None,
        "models_dir": str(models_dir),
        "rounds": rounds,
        "words": words,
    }
    text = _child("edge_agent.bench.reasoning.contender", (), json.dumps(job), JOB_TIMEOUT_S)
    figures: dict[str, Any] = json.loads(text.splitlines()[-1])
    return figures


def _gpu(say: Say) -> dict[str, Any]:
    say("GPU: a random Mixtral 8x7B in 4 bits")
    with tempfile.TemporaryDirectory(prefix="hazard-bench-") as folder:
        path = Path(folder) / "gpu.json"
        text = _child("edge_agent.bench.reasoning.gpu", ("--json", str(path)), "", GPU_TIMEOUT_S)
        say(text.rstrip())
        part: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return part


def _child(module: str, arguments: Sequence[str], stdin: str, timeout_s: float) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HazardError(f"{module} took more than {timeout_s:.0f} s: ask for less") from error
    if done.returncode != 0:
        raise HazardError(f"{module} failed: {done.stderr[-1500:]}")
    return done.stdout
