"""TensorFlow.js graph models as they are stored: a JSON topology and binary weight shards.

Format: the `model.json` of tfjs-converter (`modelTopology.node` is a TensorFlow GraphDef in JSON,
`weightsManifest` lists name, shape and type of each tensor in the shards, in order).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hazard.errors import WeightsError

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `inputs` are `name` or `name:output`; control inputs are left out."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]

    def integers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """A list attribute of integers, e.g. strides."""
        if key not in self.attributes:
            return default
        return tuple(int(i) for i in self.attributes[key].get("list", {}).get("i", []))

    def number(self, key: str) -> float:
        """A float attribute.

        Raises:
            WeightsError: if the node has none.
        """
        try:
            return float(self.attributes[key]["f"])
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"tfjs node {self.name} ({self.op}) has no number {key}") from error

    def flag(self, key: str) -> bool:
        """A boolean attribute; absent means false."""
        return bool(self.attributes.get(key, {}).get("b", False))

    def text(self, key: str, default: str) -> str:
        """A string attribute; GraphDef JSON has them in base64."""
        value = self.attributes.get(key, {}).get("s")
        if value is None:
            return default
        try:
            return base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, TypeError) as error:
            raise WeightsError(f"tfjs node {self.name}: {key} is no base64 text") from error


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A graph: its nodes by name, weights by name, the frozen shapes of input and outputs."""

    nodes: dict[str, Node]
    weights: dict[str, Array]
    input_shape: tuple[int, ...]
    outputs: dict[str, tuple[int, ...]]

    @classmethod
    def load(cls, path: Path) -> GraphModel:
        """Read `path` and the weight shards beside it.

        Raises:
            WeightsError: if a file is missing or is no tfjs graph model.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            weights: dict[str, Array] = {}
            for group in data["weightsManifest"]:
                shards = [path.parent / Path(name).name for name in group["paths"]]
                blob = b"".join(shard.read_bytes() for shard in shards)
                weights |= _weights(blob, group["weights"])
            nodes = [_node(raw) for raw in data["modelTopology"]["node"]]
            (image,) = data["signature"]["inputs"].values()
            outputs = {
                spec["name"].partition(":")[0]: _shape(spec)
                for spec in data["signature"]["outputs"].values()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path}: is no tfjs graph model ({error!r})") from error
        return cls({node.name: node for node in nodes}, weights, _shape(image), outputs)


def _shape(spec: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(dim["size"]) for dim in spec["tensorShape"]["dim"])


def _node(raw: dict[str, Any]) -> Node:
    inputs = tuple(name for name in raw.get("input", []) if not name.startswith("^"))
    return Node(raw["name"], raw["op"], inputs, raw.get("attr", {}))


def _weights(blob: bytes, specs: list[dict[str, Any]]) -> dict[str, Array]:
    """Cut a shard into tensors, widening stored float16 and undoing scale-and-min quantization."""
    arrays: dict[str, Array] = {}
    offset = 0
    for spec in specs:
        quantization = spec.get("quantization", {})
        stored = np.dtype(quantization.get("dtype", spec["dtype"]))
        shape = tuple(spec["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        array: Array = np.frombuffer(blob, stored, count, offset).reshape(shape)
        offset += count * stored.itemsize
        if "scale" in quantization:
            array = array.astype(np.float32) * np.float32(quantization["scale"])
            array = array + np.float32(quantization["min"])
        arrays[spec["name"]] = array.astype(spec["dtype"])
    if offset != len(blob):
        raise ValueError(f"weights need {offset} bytes, the shards have {len(blob)}")
    return arrays
