"""One way to open a detector: by the manifest's entry or by a path, with the best backend."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import platform
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import structlog

from hazard.errors import ConfigError, WeightsError
from hazard.ports import Detector
from models.detection.model_file import ModelFile, Options
from models.fetch import artefact
from models.manifest import Entry

GROUP = "hazard.detectors"
"""Entry-point group: each names a class that takes a `ModelFile` and `Options`."""

BUILT_IN = {
    "onnx": "models.detection.onnx_backend:OnnxDetector",
    "openvino": "models.detection.openvino_backend:OpenVinoDetector",
    "ultralytics": "models.detection.ultralytics_backend:UltralyticsDetector",
}
"""The backends that ship with the product, as in pyproject.toml."""

_X86 = frozenset({"x86_64", "AMD64", "i686"})
_log = structlog.get_logger(__name__)


def open_detector(
    model: Entry | Path,
    *,
    models_dir: Path,
    backend: str = "auto",
    threads: int | None = None,
    confidence: float | None = None,
    labels: tuple[str, ...] | None = None,
    precision: Literal["auto", "f32"] = "auto",
    allow_unverified_pickle: bool = False,
) -> Detector:
    """Open a detector.

    Args:
        model: an entry of the manifest (fetched before), or a file.
        models_dir: where fetched entries lie.
        backend: `auto`, or a name of the entry-point group `hazard.detectors`.
        threads: CPU threads; None takes all cores that this process may use.
        confidence: threshold 0..1; None takes the manifest's, or 0.4.
        labels: class names, where neither manifest nor file has them.
        precision: `f32` forbids the bfloat16 that OpenVINO takes on CPUs that have it.
        allow_unverified_pickle: load a `.pt` whose sha256 is not in the manifest.

    Raises:
        WeightsError: if the file is missing, wrong, or cannot be loaded.
        ConfigError: if there is no such backend or an option is out of range.
    """
    if confidence is not None and not 0.0 <= confidence <= 1.0:
        raise ConfigError(f"detector confidence is {confidence}: want 0..1")
    if threads is not None and threads < 1:
        raise ConfigError(f"detector threads is {threads}: want 1 or more")
    file = _model_file(model, models_dir)
    options = Options(
        threads=threads or len(os.sched_getaffinity(0)),
        confidence=confidence,
        labels=labels,
        precision=precision,
        allow_unverified_pickle=allow_unverified_pickle,
    )
    names = [backend] if backend != "auto" else choose(file.path)
    return _open_first(names, file, options)


def choose(path: Path) -> list[str]:
    """Backends to try for a file, the fastest here first.

    ONNX Runtime on a GPU; else OpenVINO on x86 (measured: half the CPU time where the CPU has
    bfloat16, see docs/models.md), with ONNX Runtime behind it. Files other than ONNX: ultralytics.
    """
    if path.suffix.lower() != ".onnx":
        return ["ultralytics"]
    from models.detection.onnx_backend import gpu_providers  # noqa: PLC0415 - loads the runtime

    if gpu_providers():
        return ["onnx", "openvino"]
    if platform.machine() in _X86 and importlib.util.find_spec("openvino") is not None:
        return ["openvino", "onnx"]
    return ["onnx"]


def backends() -> dict[str, str]:
    """All backends by name and where their classes are; nobody can take a built-in name."""
    found = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**found, **BUILT_IN}


def _model_file(model: Entry | Path, models_dir: Path) -> ModelFile:
    if isinstance(model, Entry):
        return ModelFile(name=model.name, path=artefact(model, models_dir), spec=model.detector)
    if not model.is_file():
        raise WeightsError(f"{model}: no such file; give a path to a .onnx, .pt or .engine file")
    return ModelFile(name=model.stem[:64], path=model)


def _open_first(names: list[str], file: ModelFile, options: Options) -> Detector:
    known = backends()
    failures: list[str] = []
    for name in names:
        if name not in known:
            raise ConfigError(f"no detector backend {name[:64]!r}: known are {sorted(known)}")
        try:
            factory: Any = pkgutil.resolve_name(known[name])
            detector: Detector = factory(file, options)
        except ImportError as error:
            failures.append(f"{name}: cannot be imported ({error})")
        except WeightsError as error:
            failures.append(f"{name}: {error}")
        else:
            _log.info("detector.opened", detector=detector.name, threads=options.threads)
            return detector
        if name != names[-1]:
            _log.warning("detector.backend_failed", backend=name, reason=failures[-1])
    raise WeightsError(f"{file.name}: no backend can open it. " + "; ".join(failures))
