"""A very small network: it sees one box where the picture is bright, and nothing in the dark."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hazard.types import Frame

LABELS = ("person", "car")
SIDE_PX = 64
_CELLS = 10


def make_network(
    path: Path, *, batch: int | str = "batch", side: int | str = SIDE_PX, half: bool = False
) -> Path:
    """An ONNX file in the layout of YOLOv8: a person of 32x32 px in the middle, with the mean
    brightness as confidence, and a car of 16x16 px in the corner with half of it.
    """
    number, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    boxes = np.zeros((1, 6, _CELLS), number)
    boxes[0, :4, 0], boxes[0, :4, 1] = (32, 32, 32, 32), (8, 8, 16, 16)
    gain = np.zeros((1, 6, _CELLS), number)
    gain[0, 4, 0], gain[0, 5, 1] = 1.0, 0.5
    constants = {"boxes": boxes, "gain": gain, "axes": np.array([2, 3], np.int64)}
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0),
        helper.make_node("ReduceMean", ["colour", "one"], ["mean"], keepdims=1),
        helper.make_node("Unsqueeze", ["mean", "two"], ["level"]),
        helper.make_node("Mul", ["level", "gain"], ["scores"]),
        helper.make_node("Add", ["scores", "boxes"], ["output0"]),
    ]
    constants |= {"one": np.array([1], np.int64), "two": np.array([2], np.int64)}
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("images", kind, [batch, 3, side, side])],
        [helper.make_tensor_value_info("output0", kind, [batch, 6, _CELLS])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    names = str(dict(enumerate(LABELS)))
    metadata = {"names": names, "imgsz": str([SIDE_PX, SIDE_PX]), "task": "detect", "stride": "32"}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    return path


def a_frame(image: NDArray[Any], camera_id: str = "gate") -> Frame:
    """A frame of now."""
    now = datetime.now(UTC)
    return Frame(
        camera_id=camera_id, sequence=0, image=image, captured_at=now, captured_monotonic_s=0.0
    )


def bright(width: int, height: int) -> NDArray[np.uint8]:
    """A picture in which the network sees a person and a car."""
    return np.full((height, width, 3), 255, np.uint8)


def dark(width: int, height: int) -> NDArray[np.uint8]:
    """A picture in which it sees nothing."""
    return np.zeros((height, width, 3), np.uint8)
