"""Budget, back-off, positions, headers of pictures and what is redacted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.vision.decoder import BACKOFF_CAP_S, Budget, backoff_s
from edge_agent.vision.pictures import bounded, picture_size
from edge_agent.vision.position import Position
from edge_agent.vision.slots import MAX_PIXELS
from edge_agent.vision.sources import find
from edge_agent.vision.sources.url import redact
from hazard.errors import ConfigError


@pytest.mark.parametrize(
    ("source_fps", "budget_fps", "admitted"),
    [(10, 10, 100), (25, 10, 100), (30, 10, 100), (5, 10, 50), (60, 2, 20)],
)
def test_the_budget_lets_through_its_rate(
    source_fps: int, budget_fps: float, admitted: int
) -> None:
    budget = Budget(budget_fps)
    count = sum(budget.admits(index / source_fps) for index in range(source_fps * 10))
    assert count == pytest.approx(admitted, abs=2)


@given(st.lists(st.floats(0.001, 0.5), min_size=20, max_size=300))
def test_the_budget_is_never_exceeded_over_time(gaps: list[float]) -> None:
    budget, at_s, admitted = Budget(10), 0.0, 0
    for gap in gaps:
        at_s += gap
        admitted += budget.admits(at_s)
    assert admitted <= at_s * 10 + 2


@given(st.integers(1, 10_000))
def test_back_off_grows_to_its_cap(attempt: int) -> None:
    assert 0.25 <= backoff_s(attempt) <= BACKOFF_CAP_S
    assert backoff_s(20) >= BACKOFF_CAP_S / 2


def test_a_position_is_kept_for_its_source_alone(tmp_path: Path) -> None:
    position = Position(tmp_path / "cam.position")
    assert position.load("a") == (0, 0)
    position.own("a")
    position.store(41, 97)
    assert Position(tmp_path / "cam.position").load("a") == (41, 97)
    assert Position(tmp_path / "cam.position").load("other") == (0, 97)


def test_a_damaged_position_starts_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "cam.position").write_bytes(b"\xff\xfe no position")
    assert Position(tmp_path / "cam.position").load("a") == (0, 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("shape", [(7, 9, 3), (480, 640, 3), (33, 1)])
def test_the_size_is_read_from_the_header(suffix: str, shape: tuple[int, ...]) -> None:
    data = cv2.imencode(suffix, np.zeros(shape, np.uint8))[1].tobytes()
    assert picture_size(data) == (shape[1], shape[0])


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_a_header(data: bytes) -> None:
    picture_size(b"\xff\xd8" + data)
    picture_size(b"\x89PNG\r\n\x1a\n" + data)
    picture_size(data)


def test_a_picture_is_bounded_in_proportion() -> None:
    small = np.zeros((10, 20, 3), np.uint8)
    assert bounded(small) is small
    height, width = bounded(np.zeros((3000, 6000, 3), np.uint8)).shape[:2]
    assert height * width <= MAX_PIXELS
    assert width / height == pytest.approx(2.0, rel=0.01)


def test_addresses_lose_names_passwords_and_queries() -> None:
    text = redact("no rtsp://user:pa:ss@10.0.0.7:554/live?token=abc here")
    assert text == "no rtsp://…@10.0.0.7:554/live?… here"


def test_a_kind_of_source_that_nobody_offers_is_refused_with_the_mend() -> None:
    with pytest.raises(ConfigError, match="install the package"):
        find("telepathy")
