"""What the vision process tells about itself, as plain numbers."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from edge_agent.vision.pipeline import percentile_ms
from hazard.errors import HazardError
from models.fetch import artefact
from models.integrity import cached_sha256
from models.manifest import Manifest

if TYPE_CHECKING:
    from edge_agent.vision.engine import Engine

_PAGE = os.sysconf("SC_PAGE_SIZE")


def rss_bytes(pid: int | str = "self") -> int:
    """Resident memory of a process, 0 if it has gone (proc(5), statm)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def engine_figures(engine: Engine) -> dict[str, JsonValue]:
    """Detectors, timings, counts and memory of an engine and its decoders."""
    pipeline = engine.pipeline
    timings = list(pipeline.timings_ms)
    return {
        "detectors": {
            name: {
                "backend": str(getattr(detector, "backend", detector.name)),
                "model": name,
                "sha256": _weights_sha256(name, engine.pipeline.models_dir),
            }
            for name, detector in list(pipeline.detectors.items())
        },
        "problems": dict(pipeline.problems),
        "inference_ms_p50": round(percentile_ms(timings, 50), 2),
        "inference_ms_p95": round(percentile_ms(timings, 95), 2),
        "batches": {str(size): count for size, count in sorted(pipeline.batches.items())},
        "detections": dict(pipeline.labels.copy()),
        "rss_bytes": rss_bytes(),
        "cameras": {name: _camera(engine, name) for name in list(engine.cameras)},
    }


@lru_cache(maxsize=32)
def _weights_sha256(name: str, models_dir: Path) -> str:
    """The hash of the file that a detector was loaded from; empty if the manifest has none."""
    try:
        return cached_sha256(artefact(Manifest.load()[name], models_dir))
    except HazardError:
        return ""


def _camera(engine: Engine, name: str) -> dict[str, JsonValue]:
    camera = engine.cameras[name]
    return {
        "read": camera.slot.frames_read,
        "processed": camera.frames_processed,
        "dropped": camera.frames_dropped,
        "overwritten": camera.overwritten,
        "restarts": camera.restarts,
        "decoder_rss_bytes": rss_bytes(camera.pid) if camera.pid else 0,
    }
