"""What is told from a file itself: names, layout, size; all of it hostile until proven sane."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.errors import WeightsError
from models.detection.model_file import (
    ModelFile,
    Options,
    Shape,
    clean_label,
    guess_layout,
    parse_names,
    read_onnx,
)
from models.manifest import DetectorSpec, Layout
from tests.networks import LABELS, make_network


@pytest.mark.parametrize(
    ("shapes", "labels", "layout"),
    [
        ([(1, 84, 8400)], 80, Layout.YOLOV8),
        ([(None, 84, None)], 80, Layout.YOLOV8),
        ([(1, 6, 8400)], 2, Layout.YOLOV8),
        ([(1, 25200, 85)], 80, Layout.YOLOV5),
        ([(1, 25200, 6)], 1, Layout.YOLOV5),
        ([(1, 300, 6)], 80, Layout.END_TO_END),
        ([(1, 300, 6)], 1, Layout.END_TO_END),
        ([(1, 300, 4), (1, 300, 80)], 80, Layout.DETR),
        ([(1, 100, 92), (1, 100, 4)], 91, Layout.DETR),
        ([(1, 84, 8400)], 0, Layout.YOLOV8),
        ([(1, 25200, 85)], 0, Layout.YOLOV5),
    ],
)
def test_the_layout_is_told_by_the_shape(shapes: list[Shape], labels: int, layout: Layout) -> None:
    assert guess_layout(shapes, labels) is layout


@pytest.mark.parametrize("shapes", [[], [(1, 1000)], [(1, 10, 20)], [(None, None, None)]])
def test_a_shape_that_fits_no_layout_asks_for_a_manifest_entry(shapes: list[Shape]) -> None:
    with pytest.raises(WeightsError, match="manifest"):
        guess_layout(shapes, 80)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: 'car'}", ("person", "car")),
        ("['person', 'car']", ("person", "car")),
        ("{1: 'car'}", ()),
        ("__import__('os').system('true')", ()),
        ("[" * 5000, ()),
        ("", ()),
        (None, ()),
        ("{0: '<script>alert(1)</script>'}", ("_script_alert(1)_/script_",)),
    ],
)
def test_names_are_parsed_never_run_and_cleaned(text: str | None, names: tuple[str, ...]) -> None:
    assert parse_names(text) == names


def test_a_label_is_bounded_and_never_empty() -> None:
    assert len(clean_label("x" * 10_000)) == 64
    assert clean_label("") == "_"
    assert clean_label("a\x1b[31m\nb") == "a__31m_b"


def _read(path: Path, spec: DetectorSpec | None = None, **options: float) -> object:
    return read_onnx(ModelFile(name="x", path=path, spec=spec), Options(threads=1, **options))  # type: ignore[arg-type]


def test_a_file_tells_its_labels_size_and_layout(tmp_path: Path) -> None:
    model = ModelFile(name="x", path=make_network(tmp_path / "x.onnx"))
    facts = read_onnx(model, Options(threads=1))
    assert (facts.labels, facts.input_px, facts.stride) == (LABELS, (64, 64), None)
    assert facts.layout is Layout.YOLOV8


def test_an_open_input_takes_its_size_from_the_metadata(tmp_path: Path) -> None:
    model = ModelFile(name="x", path=make_network(tmp_path / "x.onnx", side="side"))
    facts = read_onnx(model, Options(threads=1))
    assert (facts.input_px, facts.stride) == ((64, 64), 32)


def test_a_size_that_the_file_does_not_take_is_refused(tmp_path: Path) -> None:
    spec = DetectorSpec(layout=Layout.YOLOV8, input_px=(416, 416))
    with pytest.raises(WeightsError, match="takes 64x64 pixels, the manifest says 416x416"):
        _read(make_network(tmp_path / "x.onnx"), spec)
