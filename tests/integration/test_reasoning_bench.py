"""One round of the reasoning bench with real engines: every way of asking works and is counted."""

# ruff: noqa: PLC0415 - engines are loaded only where they are there

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.bench.machine import machine
from edge_agent.bench.reasoning.run import RATIOS, summarise
from edge_agent.bench.reasoning.task import BEGUN, JSON_TOKENS, MIN_TOKENS, SCHEMA
from edge_agent.paths import default_models_dir
from tests.programs import require_weights

WAYS = {way for pair in RATIOS.values() for way in pair}


def one_round(backend: str, model: str | None, words: int) -> dict[str, Any]:
    job = {
        "backend": backend,
        "model": model,
        "models_dir": str(default_models_dir()),
        "rounds": 1,
        "words": words,
    }
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.bench.reasoning.contender"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def check(figures: dict[str, Any]) -> None:
    runs = figures["runs"]
    assert set(runs) == WAYS
    only = {way: each[0] for way, each in runs.items()}
    assert len({run["case"] for run in only.values()}) == 1
    assert all(run["incident_tokens"] >= MIN_TOKENS for run in only.values())
    cached, whole = only["decide_cached"], only["decide_uncached"]
    assert whole["cached_tokens"] == 0
    assert cached["cached_tokens"] + cached["computed_tokens"] == whole["computed_tokens"]
    assert cached["computed_tokens"] < 2 * cached["incident_tokens"]
    for way in ("json_plain", "json_plain_cached"):
        assert only[way]["generated_tokens"] == JSON_TOKENS
        assert only[way]["text"].startswith(BEGUN)
    for way in ("json_grammar", "json_grammar_cached"):
        assert 8 < only[way]["generated_tokens"] <= JSON_TOKENS
        _begins_the_object(only[way]["text"])
    ratios = summarise({"one": figures}, machine())["ratios"]
    assert set(ratios) == set(RATIOS)
    assert all(value > 0 for value in ratios.values())


def _begins_the_object(text: str) -> None:
    """It is the schema's object, or was cut off within the summary."""
    packed = "".join(text.split())
    assert packed.startswith('{"severity":"')
    severity, _, rest = packed.removeprefix('{"severity":"').partition('"')
    assert severity in SCHEMA["properties"]["severity"]["enum"]
    assert rest.startswith(',"confidence":')


@pytest.mark.weights
@pytest.mark.timeout(900)
def test_llama_cpp_is_measured_in_every_way() -> None:
    require_weights("smollm2")
    figures = one_round("smollm2", None, words=1)
    check(figures)
    assert figures["words"]["incidents"] == 1
    assert figures["words"]["refused_share"] in {0.0, 1.0}
    assert len(figures["words"]["why"]) == figures["words"]["refused"]


@pytest.mark.heavy
@pytest.mark.weights
@pytest.mark.timeout(900)
def test_the_mixtral_is_measured_in_every_way(tmp_path: Path) -> None:
    require_weights("smollm2")
    from models.manifest import Manifest
    from models.reasoning.mixtral.upcycle import build

    entry = Manifest.load()["smollm2"]
    build(entry, default_models_dir() / "smollm2", tmp_path / "model.safetensors")
    check(one_round("mixtral", str(tmp_path), words=0))
