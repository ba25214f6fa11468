"""ultralytics: the detector backend for `.pt` and `.engine` files, behind the `vision` extra.

A `.pt` is a pickle, and to load it is to run what it holds: only a file whose sha256 stands in the
manifest is loaded, or any with an explicit flag. Suffixes are compared in lower case, as by
ultralytics, and one that is not listed here is refused: what becomes of it is not known.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PIL import Image

from hazard.errors import WeightsError
from hazard.types import Detection, Frame
from models.detection.letterbox import picture_of
from models.detection.model_file import ModelFile, Options, clean_label
from models.integrity import sha256_of
from models.manifest import Manifest

PICKLES = frozenset({".pt"})
SUFFIXES = PICKLES | {".engine", ".onnx"}

_OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}


class UltralyticsDetector:
    """A `Detector` on ultralytics' own predictor.

    Args:
        model: a `.pt`, `.engine` or `.onnx` file.
        options: threads, threshold, labels; `allow_unverified_pickle` lifts the rule above.

    Raises:
        WeightsError: if the extra is absent, the pickle is not in the manifest, or the file cannot
            be loaded.
    """

    def __init__(self, model: ModelFile, options: Options) -> None:
        if model.path.suffix.lower() not in SUFFIXES:
            raise WeightsError(f"{model.path}: want a file that ends in .pt, .engine or .onnx")
        verify_pickle(model.path, allow_unverified=options.allow_unverified_pickle)
        torch, yolo = import_ultralytics()
        torch.set_num_threads(options.threads)
        try:
            self._model: Any = yolo(str(model.path), task="detect", verbose=False)
            names = self._model.names
        except Exception as error:  # ultralytics raises whatever its loaders raise
            raise WeightsError(f"{model.path}: ultralytics cannot load it ({error})") from error
        spec = model.spec
        given = options.labels or (spec.labels if spec else ())
        self.labels = given or tuple(clean_label(str(names[i])) for i in range(len(names)))
        self.name = f"ultralytics:{model.name}"
        confidence = options.confidence
        if confidence is None:
            confidence = spec.confidence if spec else 0.4
        self._arguments: dict[str, Any] = {
            "conf": confidence,
            "iou": spec.iou if spec else 0.6,
            "verbose": False,
        }
        if spec:
            self._arguments["imgsz"] = (spec.input_px[1], spec.input_px[0])

    def detect(self, batch: list[Frame]) -> list[list[Detection]]:
        """One list of detections per frame, boxes in pixels of the original picture.

        Raises:
            SourceError: if a frame holds no usable picture.
            WeightsError: if the network fails.
        """
        return [self._one(picture_of(frame)) for frame in batch]

    def close(self) -> None:
        """Free the network; the detector cannot be used afterwards."""
        del self._model

    def _one(self, picture: Any) -> list[Detection]:
        try:
            (result,) = self._model.predict(picture, **self._arguments)
        except Exception as error:  # ultralytics raises whatever its backends raise
            raise WeightsError(f"{self.name}: the network failed ({error})") from error
        rows = result.boxes.data.tolist()
        found = []
        for left, top, right, bottom, confidence, kind in rows:
            index = int(kind)
            if not 0 <= index < len(self.labels):
                raise WeightsError(f"{self.name}: class {index} has no label")
            if right > left and bottom > top:
                found.append(
                    Detection(
                        xyxy=(left, top, right, bottom),
                        confidence=min(confidence, 1.0),
                        class_id=index,
                        label=self.labels[index],
                    )
                )
        return found


def verify_pickle(
    path: Path, *, allow_unverified: bool = False, manifest: Manifest | None = None
) -> None:
    """Refuse a pickle whose sha256 is not in the manifest; other files pass.

    Raises:
        WeightsError: if it is refused, with its sha256 and the flag that lifts the rule.
    """
    if path.suffix.lower() not in PICKLES or allow_unverified:
        return
    found = sha256_of(path)
    entries = (manifest or Manifest.load()).entries.values()
    if found not in {file.sha256 for entry in entries for file in entry.files}:
        raise WeightsError(
            f"{path}: is a pickle, which runs code when it is loaded, and its sha256 {found} is "
            "not in the manifest. Add an entry, convert it to ONNX, or open it from Python with "
            "allow_unverified_pickle=True if you made it yourself"
        )


def import_ultralytics() -> tuple[Any, Any]:
    """Torch and ultralytics' YOLO class, told to install and to fetch nothing.

    Ultralytics replaces `PIL.Image.open` for the whole process by one that takes other arguments
    and asks for a HEIF package where a file is no picture: Pillow's own is put back.

    Raises:
        WeightsError: if the `vision` extra is not installed.
    """
    for key, value in _OFFLINE.items():
        os.environ.setdefault(key, value)
    opens = Image.open
    try:
        import torch  # noqa: PLC0415 - an extra, and slow to import
        from ultralytics import YOLO  # type: ignore[attr-defined]  # noqa: PLC0415
    except ImportError as error:
        raise WeightsError(
            "this needs the vision extra: pip install 'hazard-edge[vision]', or `make setup-all`"
        ) from error
    finally:
        Image.open = opens
    return torch, YOLO
