"""OpenVINO: the detector backend of choice on x86 CPUs.

On CPUs with bfloat16 it calculates in that precision unless told otherwise: half the time of
float32 for boxes that differ by a pixel at most. Pictures go in as bytes; channel order and scale
are part of the compiled network. A single picture runs with all threads at once, several run side
by side with one thread each, which wastes less.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from hazard.errors import WeightsError
from hazard.types import Detection, Frame
from models.detection.decode import Decoder
from models.detection.letterbox import CanvasPool, picture_of, place
from models.detection.model_file import Facts, ModelFile, Options, read_onnx

MAX_SHAPES = 4
"""Compiled networks kept, one per canvas size; cameras of one plant have few aspects."""

LET_GO_S = 0.05
"""A thread lets go of an answer within microseconds, on a crowded machine within milliseconds."""


class OpenVinoDetector:
    """A `Detector` on OpenVINO's CPU plugin.

    Args:
        model: an ONNX file.
        options: threads, threshold, labels, precision.

    Raises:
        WeightsError: if the file cannot be loaded or its layout is unknown.
    """

    def __init__(self, model: ModelFile, options: Options) -> None:
        self._facts: Facts = read_onnx(model, options)
        self._decoder = Decoder(
            layout=self._facts.layout,
            labels=self._facts.labels,
            confidence=self._facts.confidence,
            iou=self._facts.iou,
        )
        self._options = options
        self._path = model.path
        self._core = ov.Core()
        self._canvases = CanvasPool()
        self._networks: OrderedDict[tuple[int, int, bool], _Network] = OrderedDict()
        self.name = f"openvino:{model.name}"
        self.labels = self._facts.labels
        if self._facts.stride is None:
            self._network(*self._facts.input_px, side_by_side=False)
        else:
            self._read()  # a damaged file must fail here, not at the first picture

    def detect(self, batch: list[Frame]) -> list[list[Detection]]:
        """One list of detections per frame, boxes in pixels of the original picture.

        Raises:
            SourceError: if a frame holds no usable picture.
            WeightsError: if the network's output is not what its layout says.
        """
        pictures = [picture_of(frame) for frame in batch]
        input_px, stride = self._facts.input_px, self._facts.stride
        placements = [place(p.shape[1], p.shape[0], input_px, stride) for p in pictures]
        results: list[list[Detection]] = [[] for _ in batch]
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, placement in enumerate(placements):
            size = (placement.canvas_width, placement.canvas_height)
            by_size.setdefault(size, []).append(index)
        for size, indexes in by_size.items():
            canvases = [
                self._canvases.draw(pictures[index], placements[index], slot)
                for slot, index in enumerate(indexes)
            ]
            side_by_side = len(canvases) > 1 and self._options.threads > 1
            outputs = self._network(*size, side_by_side=side_by_side).run(canvases)
            for index, one in zip(indexes, outputs, strict=True):
                results[index] = self._decoder.decode(one, placements[index])
        return results

    def close(self) -> None:
        """Free the network; the detector cannot be used afterwards.

        Freeing joins OpenVINO's threads while Python's lock is held. One that has not yet let go of
        the last answer needs that lock, and both wait for ever (seen once in some thousand tests,
        on a crowded machine). There is nothing to wait for, so it is given time without the lock.
        """
        time.sleep(LET_GO_S)
        self._networks.clear()
        del self._core

    def _read(self) -> ov.Model:
        try:
            return self._core.read_model(str(self._path))
        except RuntimeError as error:
            raise WeightsError(
                f"{self._path}: openvino cannot load it ({error}); run `hazard models check`"
            ) from error

    def _network(self, width: int, height: int, *, side_by_side: bool) -> _Network:
        key = (width, height, side_by_side)
        if key in self._networks:
            self._networks.move_to_end(key)
            return self._networks[key]
        if len(self._networks) >= MAX_SHAPES:
            self._networks.popitem(last=False)
        model = self._read()
        try:
            model.reshape([1, 3, height, width])
            compiled = self._core.compile_model(
                _fed_with_bytes(model), "CPU", _settings(self._options, side_by_side=side_by_side)
            )
        except RuntimeError as error:
            raise WeightsError(f"{self._path}: openvino cannot compile it ({error})") from error
        self._networks[key] = _Network(compiled, side_by_side=side_by_side)
        return self._networks[key]


class _Network:
    """A compiled network of one input size, with one request or a queue of them."""

    def __init__(self, compiled: ov.CompiledModel, *, side_by_side: bool) -> None:
        self._queue: Any = ov.AsyncInferQueue(compiled) if side_by_side else None
        self._request: Any = None if side_by_side else compiled.create_infer_request()
        self._outputs = len(compiled.outputs)

    def run(self, canvases: list[NDArray[np.uint8]]) -> list[list[NDArray[Any]]]:
        """The outputs per canvas, without the batch dimension.

        Raises:
            WeightsError: if the network fails.
        """
        try:
            if self._queue is None:
                return [self._one(canvas) for canvas in canvases]
            results: list[list[NDArray[Any]]] = [[] for _ in canvases]
            self._queue.set_callback(_keep(results, self._outputs))
            for index, canvas in enumerate(canvases):
                self._queue.start_async([canvas[np.newaxis]], userdata=index, share_inputs=True)
            self._queue.wait_all()
        except RuntimeError as error:
            raise WeightsError(f"openvino: the network failed ({error})") from error
        return results

    def _one(self, canvas: NDArray[np.uint8]) -> list[NDArray[Any]]:
        request = self._request
        request.infer([canvas[np.newaxis]], share_inputs=True, share_outputs=True)
        # copied, for the next picture overwrites it; a tenth of a millisecond
        return [request.get_output_tensor(i).data[0].copy() for i in range(self._outputs)]


def _keep(results: list[list[NDArray[Any]]], outputs: int) -> Any:
    def keep(request: ov.InferRequest, index: int) -> None:
        results[index] = [request.get_output_tensor(i).data[0].copy() for i in range(outputs)]

    return keep


def _fed_with_bytes(model: ov.Model) -> ov.Model:
    """The network with bytes in BGR, height by width by channel, as its input."""
    steps = PrePostProcessor(model)
    image = steps.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    image.tensor().set_color_format(ColorFormat.BGR)
    image.model().set_layout(ov.Layout("NCHW"))
    wanted = model.input().get_element_type()
    image.preprocess().convert_color(ColorFormat.RGB).convert_element_type(ov.Type.f32).scale(255.0)
    if wanted != ov.Type.f32:
        image.preprocess().convert_element_type(wanted)
    for index in range(len(model.outputs)):
        steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _settings(options: Options, *, side_by_side: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": options.threads,
        "PERFORMANCE_HINT": "THROUGHPUT" if side_by_side else "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    if side_by_side:
        settings["NUM_STREAMS"] = options.threads
    if options.precision == "f32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return settings
