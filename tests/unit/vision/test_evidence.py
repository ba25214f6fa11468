"""Evidence: the nearest frame, whole files only, and a full disk that stops nothing else."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.vision.evidence import MAX_FRAMES, FrameRing, write_evidence
from hazard.errors import StoreError
from tests.vision import a_frame, a_picture


def test_the_frame_nearest_to_the_time_is_found_among_the_last_ones() -> None:
    ring = FrameRing()
    for index in range(30):
        ring.add(a_frame(a_picture(), sequence=index, at_s=index / 10), ())
    at = datetime.fromtimestamp(1_700_000_000 + 2.56, UTC)
    found = ring.nearest(at)
    assert found is not None
    assert found[0].sequence == 26
    oldest = ring.nearest(datetime.fromtimestamp(0, UTC))
    assert oldest is not None
    assert oldest[0].sequence == 30 - MAX_FRAMES
    assert FrameRing().nearest(at) is None


def test_large_frames_are_kept_in_fewer_copies() -> None:
    ring = FrameRing()
    for index in range(10):
        image = np.zeros((2160, 3840, 3), np.uint8)
        ring.add(a_frame(image, sequence=index, at_s=float(index)), ())
    oldest = ring.nearest(datetime.fromtimestamp(0, UTC))
    assert oldest is not None
    assert oldest[0].sequence == 8


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    first = write_evidence(tmp_path, a_frame(a_picture()), ())
    again = write_evidence(tmp_path, a_frame(a_picture(), sequence=7), ())
    assert first.evidence_id == again.evidence_id
    (file,) = tmp_path.rglob("*.jpg")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first.evidence_id
    assert file.stat().st_size == first.size_bytes


def test_a_full_disk_is_told_with_the_mend_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*free space"):
        write_evidence(tmp_path, a_frame(a_picture()), ())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
