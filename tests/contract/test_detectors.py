"""What every detector backend does alike; the network is made here, in a few kilobytes."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from hazard.errors import ConfigError, SourceError, WeightsError
from hazard.ports import Detector
from models.detection.factory import BUILT_IN, open_detector
from models.detection.ultralytics_backend import verify_pickle
from models.manifest import Manifest
from tests.networks import LABELS, a_frame, bright, dark, make_network
from tests.programs import require_installed
from tests.unit.models.packages import CONTENT, an_entry, make_wheel

BACKENDS = [
    "onnx",
    "openvino",
    pytest.param("ultralytics", marks=pytest.mark.heavy),
]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "ultralytics":
        require_installed("ultralytics")  # imported as the product does
    return name


@pytest.fixture
def detector(backend: str, tmp_path: Path) -> Iterator[Detector]:
    path = make_network(tmp_path / "bright.onnx", batch=1 if backend == "ultralytics" else "batch")
    opened = open_detector(path, models_dir=tmp_path, backend=backend, threads=2, confidence=0.4)
    yield opened
    opened.close()


@pytest.mark.filterwarnings("ignore")  # ultralytics and torch warn about themselves
class TestEveryDetector:
    def test_it_is_a_detector_with_the_names_of_the_files_metadata(
        self, detector: Detector
    ) -> None:
        assert isinstance(detector, Detector)
        assert detector.labels == LABELS

    def test_pillow_opens_pictures_as_without_it(self, detector: Detector) -> None:
        assert detector.labels
        with pytest.raises(UnidentifiedImageError):
            Image.open(fp=io.BytesIO(b"no picture"))

    def test_boxes_are_in_pixels_of_the_original_picture(self, detector: Detector) -> None:
        ((person, car),) = detector.detect([a_frame(bright(640, 640))])
        assert person.label == "person"
        assert person.xyxy == pytest.approx((160, 160, 480, 480), abs=1.0)
        assert car.label == "car"
        assert car.xyxy == pytest.approx((0, 0, 160, 160), abs=1.0)

    def test_the_grey_border_of_a_wide_picture_is_taken_off_again(self, detector: Detector) -> None:
        (found,) = detector.detect([a_frame(bright(640, 320))])
        assert found[0].xyxy == pytest.approx((160, 0, 480, 320), abs=1.0)

    def test_a_batch_of_pictures_of_different_sizes_keeps_its_order(
        self, detector: Detector
    ) -> None:
        sizes = [(64, 64), (320, 240), (64, 64), (240, 320), (64, 64), (640, 480)]
        frames = [a_frame(dark(*s) if k == 2 else bright(*s)) for k, s in enumerate(sizes)]
        found = detector.detect(frames)
        assert [bool(f) for f in found] == [True, True, False, True, True, True]
        for (width, height), boxes in zip(sizes, found, strict=True):
            assert all(b.xyxy[2] <= width and b.xyxy[3] <= height for b in boxes)

    def test_a_batch_gives_what_single_pictures_give(self, detector: Detector) -> None:
        frames = [a_frame(bright(64 + 8 * k, 64)) for k in range(11)]
        assert detector.detect(frames) == [detector.detect([frame])[0] for frame in frames]

    def test_an_empty_batch_is_an_empty_list(self, detector: Detector) -> None:
        assert detector.detect([]) == []

    def test_a_picture_with_nothing_in_it_is_an_empty_list(self, detector: Detector) -> None:
        assert detector.detect([a_frame(dark(64, 64))]) == [[]]

    @pytest.mark.parametrize("size", [(1, 1), (8700, 5800)])
    def test_pictures_of_one_pixel_and_of_fifty_megapixels_are_seen(
        self, detector: Detector, size: tuple[int, int]
    ) -> None:
        (found,) = detector.detect([a_frame(bright(*size))])
        assert found[0].label == "person"

    def test_a_grey_picture_is_seen(self, detector: Detector) -> None:
        (found,) = detector.detect([a_frame(np.full((64, 64), 255, np.uint8))])
        assert found[0].label == "person"

    def test_an_empty_picture_is_refused_with_the_cameras_name(self, detector: Detector) -> None:
        with pytest.raises(SourceError, match="camera gate"):
            detector.detect([a_frame(np.zeros((0, 0, 3), np.uint8))])

    def test_a_damaged_file_is_an_error_that_names_it(self, backend: str, tmp_path: Path) -> None:
        path = tmp_path / "damaged.onnx"
        path.write_bytes(b"\x08\x07not onnx at all")
        with pytest.raises(WeightsError, match="damaged"):
            open_detector(path, models_dir=tmp_path, backend=backend, threads=1).detect(
                [a_frame(bright(64, 64))]
            )


def test_a_network_with_a_fixed_batch_takes_any_number_of_pictures(tmp_path: Path) -> None:
    path = make_network(tmp_path / "three.onnx", batch=3)
    detector = open_detector(path, models_dir=tmp_path, backend="onnx", threads=1)
    assert [len(f) for f in detector.detect([a_frame(bright(64, 64))] * 4)] == [2, 2, 2, 2]


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_half_precision_network_is_fed_and_read(tmp_path: Path, backend: str) -> None:
    path = make_network(tmp_path / "half.onnx", half=True)
    detector = open_detector(path, models_dir=tmp_path, backend=backend, threads=1)
    ((person, _),) = detector.detect([a_frame(bright(640, 640))])
    assert person.xyxy == pytest.approx((160, 160, 480, 480), abs=1.0)


def test_auto_opens_an_onnx_file_with_what_this_machine_has(tmp_path: Path) -> None:
    path = make_network(tmp_path / "bright.onnx")
    detector = open_detector(path, models_dir=tmp_path)
    assert detector.name.split(":")[0] in {"onnxruntime", "openvino"}


def test_where_openvino_cannot_be_imported_onnx_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUILT_IN, "openvino", "models.detection.absent:OpenVinoDetector")
    monkeypatch.setattr("models.detection.factory.choose", lambda _path: ["openvino", "onnx"])
    detector = open_detector(make_network(tmp_path / "bright.onnx"), models_dir=tmp_path)
    assert detector.name == "onnxruntime:bright"


def test_the_built_in_backends_are_those_of_the_project_file(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["hazard.detectors"] == BUILT_IN


def test_wrong_options_are_refused_with_their_value(tmp_path: Path) -> None:
    path = make_network(tmp_path / "bright.onnx")
    with pytest.raises(ConfigError, match=r"confidence is 1\.5"):
        open_detector(path, models_dir=tmp_path, confidence=1.5)
    with pytest.raises(ConfigError, match="threads is 0"):
        open_detector(path, models_dir=tmp_path, threads=0)
    with pytest.raises(ConfigError, match="no detector backend 'tensorflow'"):
        open_detector(path, models_dir=tmp_path, backend="tensorflow")
    with pytest.raises(WeightsError, match="no such file"):
        open_detector(tmp_path / "absent.onnx", models_dir=tmp_path)


@pytest.mark.parametrize("name", ["evil.pt", "evil.PT", "evil.Pt"])
def test_a_pickle_that_is_not_in_the_manifest_is_never_loaded(tmp_path: Path, name: str) -> None:
    trap = tmp_path / "fired"
    path = tmp_path / name
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    with pytest.raises(WeightsError, match=r"is a pickle.*allow_unverified_pickle=True"):
        open_detector(path, models_dir=tmp_path)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["evil.pth", "evil.ckpt", "evil.torchscript", "evil.yaml", "evil"])
def test_a_file_of_another_kind_is_not_handed_to_ultralytics(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=r"ends in \.pt, \.engine or \.onnx"):
        open_detector(path, models_dir=tmp_path)


def test_a_pickle_passes_by_its_hash_in_the_manifest_or_by_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(CONTENT)
    listed = Manifest(entries={"tiny": an_entry(make_wheel(tmp_path))})
    verify_pickle(path, manifest=listed)
    verify_pickle(path, allow_unverified=True)
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match=r"sha256 [0-9a-f]{64} is not in the manifest"):
        verify_pickle(path, manifest=listed)


def test_an_onnx_file_is_no_pickle(tmp_path: Path) -> None:
    verify_pickle(make_network(tmp_path / "bright.onnx"))
