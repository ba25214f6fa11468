"""The fire-and-smoke checkpoint as ONNX: needs the `vision` extra once, and never again.

The checkpoint is a pickle that names three module classes under `__main__`; the wheel's own
`modules.py` defines them. Both files are used only after their sha256 matched the manifest, and
only in a process of their own: `python -m models.detection.export_flame FOLDER TARGET SIDE`.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hazard.errors import WeightsError
from models.integrity import hash_fault, sha256_of
from models.manifest import Entry, Manifest

_LIMIT_S = 600.0
_OPSET = 17


def build(entry: Entry, folder: Path, target: Path) -> None:
    """Export the entry's checkpoint to `target`.

    Raises:
        WeightsError: if a file is not the manifest's, the extra is absent, or the export fails.
    """
    if entry.detector is None:
        raise WeightsError(f"{entry.name}: the manifest has no [detector] table")
    for file in entry.files:
        found = sha256_of(folder / file.name)
        if found != file.sha256:
            raise WeightsError(hash_fault(file.name, expected=file.sha256, found=found))
    side = str(entry.detector.input_px[0])
    names = [entry.name, str(folder), str(target), side]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "models.detection.export_flame", *names],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{entry.name}: the export took over {_LIMIT_S:.0f} s") from error
    if done.returncode != 0 or not target.is_file():
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise WeightsError(f"{entry.name}: the export failed: {' / '.join(last)[-500:]}")


def export(name: str, folder: Path, target: Path, side_px: int) -> None:
    """Load the checkpoint in this process and write its ONNX file.

    Raises:
        WeightsError: if the checkpoint is not in the manifest, or the extra is absent.
    """
    from models.detection.ultralytics_backend import (  # noqa: PLC0415 - only in the child
        import_ultralytics,
        verify_pickle,
    )

    checkpoint, definitions = (folder / file.name for file in Manifest.load()[name].files)
    verify_pickle(checkpoint)
    _, yolo = import_ultralytics()
    main: Any = sys.modules["__main__"]
    for key, value in runpy.run_path(str(definitions), run_name="flame_modules").items():
        if isinstance(value, type):
            setattr(main, key, value)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        copy = shutil.copy(checkpoint, work)  # the exporter writes beside the checkpoint
        written = yolo(copy, task="detect").export(
            format="onnx", imgsz=side_px, dynamic=True, simplify=False, opset=_OPSET
        )
        Path(written).replace(target)


if __name__ == "__main__":
    try:
        export(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    except WeightsError as fault:
        sys.exit(str(fault))
