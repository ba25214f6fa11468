"""TensorFlow.js graph model to ONNX nodes, with numpy and onnx alone.

TensorFlow's tensors are NHWC, ONNX's operators want NCHW: each spatial operator stands between two
transposes, which every runtime's optimiser removes. The batch dimension is left open. Subgraphs of
constants are folded here. The same input gives the same bytes in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper, shape_inference

from hazard.errors import WeightsError
from models.detection.tfjs import Array, GraphModel, Node

OPSET = 18
"""Resize takes `axes` from here on, so that no size but the target's need be known."""

_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


class OnnxGraph:
    """ONNX nodes and constants in the making; names are unique and stable."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def constant(self, name: str, value: Array) -> str:
        """Add a constant once and return its name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def add_many(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add a node with several outputs."""
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **attributes))

    def transpose(self, value: str, order: tuple[int, ...], output: str) -> str:
        """Add a transpose and return its output."""
        return self.add("Transpose", [value], output, perm=list(order))


class Converter:
    """Walks a graph model from its outputs back and writes ONNX nodes into `graph`."""

    def __init__(self, model: GraphModel, *, input_name: str = "images") -> None:
        self.graph = OnnxGraph()
        self._model = model
        self._input_name = input_name
        self._input_shape = model.input_shape
        self._folded: dict[str, Array] = {}
        self._values: dict[str, list[str]] = {}

    def convert(self, output: str) -> str:
        """Convert what `output` needs; the ONNX name of that tensor.

        Raises:
            WeightsError: for an operation that this converter does not know.
        """
        return self._value(output)

    def _visit(self, name: str) -> None:
        if name in self._folded or name in self._values:
            return
        node = self._model.nodes.get(name)
        if node is None:
            raise WeightsError(f"tfjs graph: node {name} is referred to but not there")
        if node.op == "Const":
            self._folded[name] = self._model.weights[name]
            return
        if node.op == "Placeholder":
            self._values[name] = [self._input_name]
            return
        sources = [reference.partition(":")[0] for reference in node.inputs]
        for source in sources:
            self._visit(source)
        if all(source in self._folded for source in sources):
            self._folded[name] = _fold(node, [self._folded[source] for source in sources])
        else:
            self._values[name] = self._write(node)

    def _write(self, node: Node) -> list[str]:
        writer = _WRITERS.get(node.op)
        if writer is None:
            raise WeightsError(f"tfjs operation {node.op} ({node.name}) is not supported")
        return writer(self, node, node.name.replace("/", "_"))

    def _value(self, reference: str) -> str:
        name, _, index = reference.partition(":")
        self._visit(name)
        if name in self._folded:
            return self.graph.constant(name.replace("/", "_"), self._folded[name])
        return self._values[name][int(index or 0)]

    def _constant(self, node: Node, index: int) -> Array:
        name = node.inputs[index].partition(":")[0]
        self._visit(name)
        try:
            return self._folded[name]
        except KeyError:
            raise WeightsError(
                f"tfjs node {node.name} ({node.op}): input {index} must be a constant"
            ) from None

    # ------------------------------------------------------------------ one method per operation

    def _identity(self, node: Node, _name: str) -> list[str]:
        return [self._value(node.inputs[0])]

    def _transpose(self, node: Node, name: str) -> list[str]:
        order = tuple(int(axis) for axis in self._constant(node, 1))
        return [self.graph.transpose(self._value(node.inputs[0]), order, name)]

    def _add(self, node: Node, name: str) -> list[str]:
        return [self.graph.add("Add", [self._value(i) for i in node.inputs], name)]

    def _leaky_relu(self, node: Node, name: str) -> list[str]:
        value = self._value(node.inputs[0])
        return [self.graph.add("LeakyRelu", [value], name, alpha=node.number("alpha"))]

    def _sigmoid(self, node: Node, name: str) -> list[str]:
        return [self.graph.add("Sigmoid", [self._value(node.inputs[0])], name)]

    def _pad(self, node: Node, name: str) -> list[str]:
        pads = self._constant(node, 1).astype(np.int64)
        fill = self._constant(node, 2) if node.op == "PadV2" else 0.0
        inputs = [
            self._value(node.inputs[0]),
            self.graph.constant(f"{name}_pads", np.concatenate([pads[:, 0], pads[:, 1]])),
            self.graph.constant(f"{name}_fill", np.asarray(fill, np.float32)),
        ]
        return [self.graph.add("Pad", inputs, name)]

    def _concat(self, node: Node, name: str) -> list[str]:
        axis = int(self._constant(node, len(node.inputs) - 1))
        values = [self._value(i) for i in node.inputs[:-1]]
        return [self.graph.add("Concat", values, name, axis=axis)]

    def _reshape(self, node: Node, name: str) -> list[str]:
        shape = self._constant(node, 1).astype(np.int64).copy()
        shape[0] = 0  # the batch as it is
        inputs = [self._value(node.inputs[0]), self.graph.constant(f"{name}_shape", shape)]
        return [self.graph.add("Reshape", inputs, name)]

    def _split(self, node: Node, name: str) -> list[str]:
        sizes = self._constant(node, 1).astype(np.int64)
        outputs = [f"{name}_{index}" for index in range(len(sizes))]
        inputs = [self._value(node.inputs[0]), self.graph.constant(f"{name}_sizes", sizes)]
        self.graph.add_many("Split", inputs, outputs, axis=int(self._constant(node, 2)))
        return outputs

    def _conv(self, node: Node, name: str) -> list[str]:
        weights = self._constant(node, 1).transpose(3, 2, 0, 1)  # HWIO to OIHW
        weight = self.graph.constant(f"{name}_weight", weights)
        dilations = node.integers("dilations", (1, 1, 1, 1))[1:3]
        return self._spatial(
            node, name, "Conv", [weight], dilations=list(dilations), **_window(node)
        )

    def _max_pool(self, node: Node, name: str) -> list[str]:
        kernel = node.integers("ksize", (1, 1, 1, 1))[1:3]
        return self._spatial(node, name, "MaxPool", [], kernel_shape=list(kernel), **_window(node))

    def _resize(self, node: Node, name: str) -> list[str]:
        """Resize by the ratio that the frozen sizes have, so that other sizes work too."""
        value = self._value(node.inputs[0])
        target = self._constant(node, 1).astype(np.float32)
        ratio = target / np.asarray(self._frozen_shape(value)[1:3], np.float32)
        mode = "half_pixel" if node.flag("half_pixel_centers") else "asymmetric"
        if node.flag("align_corners"):
            mode = "align_corners"
        return self._spatial(
            node, name, "Resize", ["", self.graph.constant(f"{name}_scale", ratio)],
            axes=[2, 3], mode="linear", coordinate_transformation_mode=mode,
        )  # fmt: skip

    def _frozen_shape(self, value: str) -> list[int]:
        """The shape that `value` has at the input size that the graph was frozen at."""
        graph = helper.make_graph(
            self.graph.nodes,
            "so_far",
            [helper.make_tensor_value_info(self._input_name, TensorProto.FLOAT, self._input_shape)],
            [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)],
            list(self.graph.constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        return [dim.dim_value for dim in inferred.graph.output[0].type.tensor_type.shape.dim]

    def _spatial(
        self, node: Node, name: str, op: str, more: list[str], **attributes: Any
    ) -> list[str]:
        """An operator that ONNX has in NCHW only, between two transposes."""
        data_format = node.text("data_format", node.text("dataFormat", "NHWC"))
        if data_format != "NHWC":
            raise WeightsError(f"tfjs node {node.name}: data format {data_format}, want NHWC")
        value = self.graph.transpose(self._value(node.inputs[0]), _TO_NCHW, f"{name}_nchw")
        value = self.graph.add(op, [value, *more], f"{name}_{op.lower()}", **attributes)
        return [self.graph.transpose(value, _TO_NHWC, name)]


_WRITERS: dict[str, Callable[[Converter, Node, str], list[str]]] = {
    "Identity": Converter._identity,  # noqa: SLF001 - the table belongs to the class
    "Transpose": Converter._transpose,  # noqa: SLF001
    "Add": Converter._add,  # noqa: SLF001
    "AddV2": Converter._add,  # noqa: SLF001
    "LeakyRelu": Converter._leaky_relu,  # noqa: SLF001
    "Sigmoid": Converter._sigmoid,  # noqa: SLF001
    "Pad": Converter._pad,  # noqa: SLF001
    "PadV2": Converter._pad,  # noqa: SLF001
    "ConcatV2": Converter._concat,  # noqa: SLF001
    "Reshape": Converter._reshape,  # noqa: SLF001
    "SplitV": Converter._split,  # noqa: SLF001
    "Conv2D": Converter._conv,  # noqa: SLF001
    "MaxPool": Converter._max_pool,  # noqa: SLF001
    "ResizeBilinear": Converter._resize,  # noqa: SLF001
}


def _window(node: Node) -> dict[str, Any]:
    """Strides and padding; TensorFlow's SAME puts the odd pixel after, ONNX's SAME_UPPER too."""
    padding = node.text("padding", "VALID")
    if padding not in {"SAME", "VALID"}:
        raise WeightsError(f"tfjs node {node.name}: padding {padding}, want SAME or VALID")
    strides = node.integers("strides", (1, 1, 1, 1))[1:3]
    return {"strides": list(strides), "auto_pad": "SAME_UPPER" if padding == "SAME" else "VALID"}


def _fold(node: Node, inputs: list[Array]) -> Array:
    """The value of a node whose inputs are all constants."""
    match node.op:
        case "Identity":
            return inputs[0]
        case "Add" | "AddV2":
            return np.asarray(inputs[0] + inputs[1])
        case "Reshape":
            return inputs[0].reshape(inputs[1])
        case "Transpose":
            return inputs[0].transpose(inputs[1])
        case "SparseToDense":
            return _dense(*inputs)
    raise WeightsError(f"tfjs operation {node.op} ({node.name}) on constants is not supported")


def _dense(indices: Array, shape: Array, values: Array, default: Array) -> Array:
    """TensorFlow's SparseToDense: `default` everywhere but `values` at `indices`."""
    dense = np.full(tuple(int(size) for size in shape), default, values.dtype)
    places = np.asarray(indices).reshape(-1, dense.ndim)
    for place, value in zip(places, np.broadcast_to(values, len(places)), strict=True):
        dense[tuple(place)] = value
    return dense
