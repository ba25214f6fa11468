"""NanoDet-g from its tfjs graph: one ONNX file in the layout of YOLOv8.

The packaged graph gives, per stride 8, 16 and 32, class scores [1, n, 80] and box distributions
[1, n, 44]: eleven bins for each distance to left, top, right and bottom (generalised focal loss,
X. Li et al., 2020, arXiv:2006.04388). The head added here decodes them to [B, 84, N]: centre,
size in input pixels, then 80 scores. The input becomes RGB 0..1; NanoDet's mean and deviation
(of RangiLyu/nanodet's configuration, BGR 0..255) are folded into the first convolution.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hazard.errors import WeightsError
from models.detection.convert_tfjs import OPSET, Converter, OnnxGraph
from models.detection.tfjs import GraphModel
from models.manifest import Entry

STRIDES = (8, 16, 32)
BINS = 11
_CLASSES = 80
_MAX_CELLS = 512  # sides up to 4096 px at stride 8
_SOURCE_PX = 416  # the packaged graph was frozen at this size
_IR_VERSION = 10
_MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
_STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)


def build(entry: Entry, folder: Path, target: Path) -> None:
    """Write the ONNX file of the manifest's NanoDet entry, bit-identically each time.

    Raises:
        WeightsError: if the fetched files are not the graph that this was written for.
    """
    if entry.detector is None:
        raise WeightsError(f"{entry.name}: the manifest has no [detector] table")
    metadata = {
        "names": str(dict(enumerate(entry.detector.labels))),
        "task": "detect",
        "stride": str(STRIDES[-1]),
        "imgsz": str(list(entry.detector.input_px)),
        "dynamic": "True",
        "license": entry.licence,
        "source": str(entry.source),
    }
    model = convert(GraphModel.load(folder / entry.files[0].name), metadata=metadata)
    target.write_bytes(model.SerializeToString(deterministic=True))


def convert(source: GraphModel, *, metadata: dict[str, str]) -> onnx.ModelProto:
    """The ONNX model of NanoDet, for pictures whose sides are multiples of 32.

    Raises:
        WeightsError: if the graph's outputs are not NanoDet's, or a part cannot be converted.
    """
    converter = Converter(source, input_name="centred")
    graph = converter.graph
    trunk = [(converter.convert(s), converter.convert(b)) for s, b in _outputs(source)]
    parts = []
    for stride, (scores, distribution) in zip(STRIDES, trunk, strict=True):
        columns = [*_boxes(graph, distribution, stride), scores]
        parts.append(graph.add("Concat", columns, f"head{stride}_all", axis=2))
    joined = graph.add("Concat", parts, "head_all", axis=1)
    graph.transpose(joined, (0, 2, 1), "output0")
    _fold_normalisation(graph)
    centre = graph.constant("mean_rgb", (_MEAN_BGR[::-1] / 255.0).reshape(1, 3, 1, 1))
    graph.nodes.insert(0, helper.make_node("Sub", ["images", centre], ["centred"], name="centred"))
    graph.nodes.insert(0, helper.make_node("Shape", ["images"], ["images_shape"], name="shape"))
    return _model(graph, metadata)


def _outputs(source: GraphModel) -> list[tuple[str, str]]:
    """Names of scores and boxes per stride, told by their shapes."""
    found = []
    for stride in STRIDES:
        cells = (_SOURCE_PX // stride) ** 2
        scores = [name for name, s in source.outputs.items() if s == (1, cells, _CLASSES)]
        boxes = [name for name, s in source.outputs.items() if s == (1, cells, 4 * BINS)]
        if len(scores) != 1 or len(boxes) != 1:
            raise WeightsError(
                f"tfjs graph: want one output of shape [1, {cells}, {_CLASSES}] and one of "
                f"[1, {cells}, {4 * BINS}] at stride {stride}; got {source.outputs}"
            )
        found.append((scores[0], boxes[0]))
    return found


def _boxes(graph: OnnxGraph, distribution: str, stride: int) -> list[str]:
    """Box distributions [B, n, 44] to centres and sizes, each [B, n, 2] in input pixels.

    Without MatMul: runtimes that calculate heavy operators in bfloat16 (OpenVINO on recent CPUs)
    then keep this part in float32, where half a pixel matters.
    """
    name = f"head{stride}"
    split = graph.constant("bins_shape", np.array([0, -1, 4, BINS], np.int64))
    value = graph.add("Reshape", [distribution, split], f"{name}_bins")
    value = graph.add("Softmax", [value], f"{name}_softmax", axis=3)
    bins = graph.constant(f"{name}_pixels", np.arange(BINS, dtype=np.float32) * stride)
    value = graph.add("Mul", [value, bins], f"{name}_weighted")
    last = graph.constant("last_axis", np.array([3], np.int64))
    value = graph.add("ReduceSum", [value, last], f"{name}_ltrb", keepdims=0)
    halves = graph.constant("halves", np.array([2, 2], np.int64))
    near, far = f"{name}_left_top", f"{name}_right_bottom"
    graph.add_many("Split", [value, halves], [near, far], axis=2)
    size = graph.add("Add", [near, far], f"{name}_size")
    shift = graph.add("Sub", [far, near], f"{name}_double_shift")
    half = graph.constant("half", np.array([0.5], np.float32))
    shift = graph.add("Mul", [shift, half], f"{name}_shift")
    centre = graph.add("Add", [shift, _centres(graph, stride)], f"{name}_centre")
    return [centre, size]


def _centres(graph: OnnxGraph, stride: int) -> str:
    """The cells' centres [1, n, 2], row by row, from the picture's actual size."""
    every = graph.constant("cell_centres", np.arange(_MAX_CELLS, dtype=np.float32) + 0.5)
    zero = graph.constant("zero", np.array([0], np.int64))
    lines = []
    for axis, index, shape in (("x", 3, (1, -1, 1)), ("y", 2, (-1, 1, 1))):
        name = f"grid{stride}_{axis}"
        which = graph.constant(f"dimension_{axis}", np.array([index], np.int64))
        side = graph.add("Gather", ["images_shape", which], f"{name}_px", axis=0)
        step = graph.constant(f"grid{stride}_step", np.array([stride], np.int64))
        cells = graph.add("Div", [side, step], f"{name}_cells")
        line = graph.add("Slice", [every, zero, cells], f"{name}_centres")
        along = graph.constant(f"along_{axis}", np.array(shape, np.int64))
        line = graph.add("Reshape", [line, along], f"{name}_line")
        place = np.array([axis == "x", axis == "y"], np.float32) * stride
        lines.append(graph.add("Mul", [line, graph.constant(f"{name}_place", place)], name))
    grid = graph.add("Add", lines, f"grid{stride}_plane")
    flat = graph.constant("grid_shape", np.array([1, -1, 2], np.int64))
    return graph.add("Reshape", [grid, flat], f"grid{stride}")


def _fold_normalisation(graph: OnnxGraph) -> None:
    """Put the channel order and the division by the deviation into the first convolution.

    The mean stays a subtraction in front: the padding that follows it must be zero.
    """
    first = next(node for node in graph.nodes if node.op_type == "Conv")
    weight = numpy_helper.to_array(graph.constants[first.input[1]])
    if weight.shape[1] != len(_MEAN_BGR):
        raise WeightsError(f"tfjs graph: first convolution takes {weight.shape[1]} channels, not 3")
    scaled = weight * (255.0 / _STD_BGR).reshape(1, 3, 1, 1)
    rgb = np.ascontiguousarray(scaled[:, ::-1].astype(np.float32))
    graph.constants[first.input[1]] = numpy_helper.from_array(rgb, first.input[1])


def _model(graph: OnnxGraph, metadata: dict[str, str]) -> onnx.ModelProto:
    image = helper.make_tensor_value_info(
        "images", TensorProto.FLOAT, ["batch", 3, "height", "width"]
    )
    output = helper.make_tensor_value_info(
        "output0", TensorProto.FLOAT, ["batch", 4 + _CLASSES, "cells"]
    )
    onnx_graph = helper.make_graph(
        graph.nodes, "nanodet", [image], [output], list(graph.constants.values())
    )
    model = helper.make_model(
        onnx_graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="hazard-edge",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model
