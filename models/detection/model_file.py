"""What a detector's file is: its layout, labels and input, from the manifest or its metadata."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from hazard.errors import WeightsError
from models.manifest import DetectorSpec, Layout

MAX_LABELS = 10_000
MAX_LABEL_LENGTH = 64
_DEFAULT_INPUT_PX = 640
_DEFAULT_STRIDE = 32
_DETR_OUTPUTS = 2
_RANK = 3
_END_TO_END_COLUMNS = 6
_END_TO_END_ROWS = 1000
_CONTROL = re.compile(r"[^\w .,+()/&'-]")

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a detector is to run.

    Attributes:
        threads: CPU threads of the network.
        confidence: threshold; None takes the manifest's.
        labels: class names; None takes the manifest's or the file's.
        precision: `f32` forbids reduced precision where the runtime would choose it.
        allow_unverified_pickle: load a `.pt` whose sha256 is not in the manifest. It runs code.
    """

    threads: int
    confidence: float | None = None
    labels: tuple[str, ...] | None = None
    precision: Literal["auto", "f32"] = "auto"
    allow_unverified_pickle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file to open, under the name that it goes by, with what the manifest says of it."""

    name: str
    path: Path
    spec: DetectorSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is needed to feed a network and to read it.

    `stride` is None where the network takes exactly `input_px` (width, height).
    """

    layout: Layout
    labels: tuple[str, ...]
    input_px: tuple[int, int]
    stride: int | None
    confidence: float
    iou: float
    batch: int | None


def read_onnx(model: ModelFile, options: Options) -> Facts:
    """The facts of an ONNX file: the manifest's where it has them, else the file's own.

    Raises:
        WeightsError: if it is no ONNX file, or what it is cannot be told.
    """
    try:
        proto = onnx.load(str(model.path), load_external_data=False)
    except Exception as error:  # protobuf's decode error has no base of Python's
        raise WeightsError(
            f"{model.path}: cannot be read as ONNX ({type(error).__name__}); fetch it again"
        ) from error
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [_shape(value) for value in proto.graph.input if value.name not in constants]
    outputs = [_shape(value) for value in proto.graph.output]
    if len(inputs) != 1 or len(inputs[0]) != _RANK + 1:
        raise WeightsError(f"{model.path}: inputs {inputs}, want one picture [B, 3, H, W]")
    metadata = {prop.key: prop.value for prop in proto.metadata_props}
    spec = model.spec
    labels = options.labels or (spec.labels if spec else ()) or parse_names(metadata.get("names"))
    layout = spec.layout if spec else guess_layout(outputs, len(labels))
    batch, _, height, width = inputs[0]
    size = spec.input_px if spec else _input_px(metadata, width, height)
    if (height or size[1], width or size[0]) != (size[1], size[0]):
        raise WeightsError(
            f"{model.path}: takes {width}x{height} pixels, the manifest says {size[0]}x{size[1]}"
        )
    flexible = height is None and width is None
    confidence = options.confidence
    if confidence is None:
        confidence = spec.confidence if spec else 0.4
    return Facts(
        layout=layout,
        labels=labels or _numbered(outputs, layout),
        input_px=size,
        stride=_stride(metadata) if flexible else None,
        confidence=confidence,
        iou=spec.iou if spec else 0.6,
        batch=batch,
    )


def parse_names(text: str | None) -> tuple[str, ...]:
    """Class names as ultralytics writes them, `{0: 'person', 1: 'car'}` or a list.

    The text comes from the file: it is parsed as a literal, never run, and names are cleaned and
    bounded. Anything else gives no names.
    """
    if not text or len(text) > MAX_LABELS * (MAX_LABEL_LENGTH + 12):
        return ()
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, (list, tuple)) or len(names) > MAX_LABELS:
        return ()
    return tuple(clean_label(str(name)) for name in names)


def clean_label(text: str) -> str:
    """A label that is safe to show: letters, digits and a few marks, at most 64 characters."""
    return _CONTROL.sub("_", text)[:MAX_LABEL_LENGTH] or "_"


def guess_layout(outputs: list[Shape], labels: int) -> Layout:
    """The layout that the output shapes have; `labels` is the number of classes, 0 if unknown.

    Raises:
        WeightsError: if none fits; then the manifest must say it.
    """
    first = outputs[0] if outputs else ()
    if len(outputs) == _DETR_OUTPUTS and any(len(o) == _RANK and o[2] == 4 for o in outputs):  # noqa: PLR2004
        return Layout.DETR
    if len(first) == _RANK:
        _, rows, columns = first
        few = rows is not None and rows <= _END_TO_END_ROWS
        if columns == _END_TO_END_COLUMNS and (few or labels != 1):
            return Layout.END_TO_END
        if labels and rows == 4 + labels:
            return Layout.YOLOV8
        if labels and columns == 5 + labels:
            return Layout.YOLOV5
        if not labels and rows is not None and columns is not None:
            return Layout.YOLOV8 if rows < columns else Layout.YOLOV5
    raise WeightsError(
        f"outputs have shapes {outputs} with {labels} labels: no known layout. Give the file an "
        "entry in the manifest with its layout and labels"
    )


def _shape(value: onnx.ValueInfoProto) -> Shape:
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims)


def _input_px(metadata: dict[str, str], width: int | None, height: int | None) -> tuple[int, int]:
    """Width and height: as fixed in the graph, else as the metadata's `imgsz` (height, width)."""
    try:
        named = ast.literal_eval(metadata.get("imgsz", ""))
        default_height, default_width = (int(named[0]), int(named[1]))
    except (ValueError, SyntaxError, TypeError, IndexError, MemoryError, RecursionError):
        default_height = default_width = _DEFAULT_INPUT_PX
    size = width or default_width, height or default_height
    if not all(0 < side <= 1 << 14 for side in size):
        raise WeightsError(f"input of {size[0]}x{size[1]} pixels: want 1 to 16384 each")
    return size


def _stride(metadata: dict[str, str]) -> int:
    text = metadata.get("stride", "")
    return int(text) if text.isdecimal() and 0 < int(text) <= 256 else _DEFAULT_STRIDE  # noqa: PLR2004


def _numbered(outputs: list[Shape], layout: Layout) -> tuple[str, ...]:
    """Names for a file that has none: `class_0` and so on."""
    sizes = {
        Layout.YOLOV8: (outputs[0][1], 4),
        Layout.YOLOV5: (outputs[0][-1], 5),
        Layout.DETR: (max((o[-1] or 0) for o in outputs), 0),
        Layout.END_TO_END: (MAX_LABELS, 0),
    }
    total, fixed = sizes[layout]
    if total is None or total <= fixed:
        raise WeightsError("the file names no classes and its output is open: give labels")
    return tuple(f"class_{index}" for index in range(min(total - fixed, MAX_LABELS)))
