"""What is known of one camera while it delivers and nobody looks at its pictures."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_agent.vision.camera import CameraRuntime
from hazard.site.models import Camera

GATE = Camera.model_validate({"area": "yard", "source": {"kind": "usb", "device": 0}})


def test_pictures_that_come_and_are_not_processed_are_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = CameraRuntime("gate", GATE, tmp_path / "gate.slot", tmp_path / "gate.position")
    born_s = time.monotonic()
    monkeypatch.setattr(camera, "slot", SimpleNamespace(delivered_at_s=born_s))
    assert camera.watched(born_s + 9)
    assert not camera.watched(born_s + 11), "no model has looked at any"
    camera.processed(born_s + 11)
    assert camera.watched(born_s + 13)
    assert not camera.watched(born_s + 15)


def test_a_slow_source_has_a_rate_while_its_pictures_are_processed(tmp_path: Path) -> None:
    camera = CameraRuntime("gate", GATE, tmp_path / "gate.slot", tmp_path / "gate.position")
    camera._heed(b'{"kind": "opened", "interval_s": 20}')
    now_s = time.monotonic()
    for picture in range(4):
        camera.processed(now_s + 20 * picture)
    assert camera.measured_fps(now_s + 79) == pytest.approx(0.05, rel=0.1)
