"""Dark and frozen pictures are found; night, noise and still scenes are not mistaken for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.vision.faults import FaultInjector, Stage, stage
from edge_agent.vision.health import PictureMonitor, offline_after_s
from hazard.types import CameraState
from tests.vision import a_picture

FPS = 10.0


def states(pictures: Iterable[NDArray[np.uint8]]) -> list[CameraState]:
    monitor = PictureMonitor()
    return [monitor.judge(image, index / FPS) for index, image in enumerate(pictures)]


def still_scene(level: float, noise: float, contrast: float = 40.0) -> Iterable[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    scene = level + contrast * rng.standard_normal((240, 320, 1))
    for _ in range(60):
        noisy = scene + noise * rng.standard_normal((240, 320, 3))
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def test_a_still_scene_with_sensor_noise_is_not_frozen() -> None:
    assert set(states(still_scene(100, noise=0.7))) == {CameraState.OK}


def test_the_same_picture_is_frozen_after_two_seconds_and_fine_once_it_moves() -> None:
    found = states([a_picture(0)] * 40 + [a_picture(1), a_picture(2)])
    assert found[:20] == [CameraState.OK] * 20
    assert found[21:40] == [CameraState.FROZEN] * 19
    assert found[40:] == [CameraState.OK] * 2


def test_a_slow_source_is_not_frozen_by_one_repeated_picture() -> None:
    monitor = PictureMonitor()
    pictures = [a_picture(0), a_picture(0), a_picture(1)]
    assert {monitor.judge(p, 60.0 * i) for i, p in enumerate(pictures)} == {CameraState.OK}


def test_a_covered_lens_is_dark_from_the_third_picture() -> None:
    injector = FaultInjector(FPS)
    covered = [injector.apply(150 + i, a_picture(i)) for i in range(10)]
    found = states(covered)
    assert found == [CameraState.OK] * 2 + [CameraState.DARK] * 8


def test_a_night_scene_with_lamps_is_not_dark() -> None:
    image = np.full((240, 320, 3), 8, np.uint8)
    image[60:100, 50:90] = 255
    assert states([image])[-1] is CameraState.OK
    rng = np.random.default_rng(0)
    night = [np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)] * 5
    assert CameraState.DARK not in states(night)


def test_the_fault_plan_depends_on_the_number_of_the_picture_alone() -> None:
    plan = [stage(i, 10.0) for i in range(795)]
    assert plan.count(Stage.COVERED) == 100
    assert plan.count(Stage.FROZEN) == 120
    assert plan.count(Stage.OFFLINE) == 120
    assert plan[0] is plan[-1] is Stage.NORMAL
    once, again = FaultInjector(10.0), FaultInjector(10.0)
    for index in (0, 160, 400, 401):
        image = a_picture(index)
        assert np.array_equal(once.apply(index, image), again.apply(index, image))
    assert not once.delivers(600)


@pytest.mark.parametrize(("interval_s", "silent_s"), [(0.1, 3.0), (0.0, 3.0), (60.0, 300.0)])
def test_offline_allows_for_slow_sources(interval_s: float, silent_s: float) -> None:
    assert offline_after_s(interval_s) == silent_s
