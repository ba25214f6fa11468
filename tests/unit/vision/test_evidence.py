"""Evidence: the nearest frame, whole files only, and a full disk that stops nothing else."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.vision.evidence import MAX_FRAMES, FrameRing, Kept, write_evidence
from edge_agent.vision.people import MOST, Sighting, places
from hazard.errors import StoreError
from tests.vision import a_frame, a_picture


def test_the_frame_nearest_to_the_time_is_found_among_the_last_ones() -> None:
    ring = FrameRing()
    for index in range(30):
        ring.add(a_frame(a_picture(), sequence=index, at_s=index / 10), (), ())
    at = datetime.fromtimestamp(1_700_000_000 + 2.56, UTC)
    found = ring.nearest(at)
    assert found is not None
    assert found.frame.sequence == 26
    oldest = ring.nearest(datetime.fromtimestamp(0, UTC))
    assert oldest is not None
    assert oldest.frame.sequence == 30 - MAX_FRAMES
    assert FrameRing().nearest(at) is None


def test_large_frames_are_kept_in_fewer_copies() -> None:
    ring = FrameRing()
    for index in range(10):
        image = np.zeros((2160, 3840, 3), np.uint8)
        ring.add(a_frame(image, sequence=index, at_s=float(index)), (), ())
    oldest = ring.nearest(datetime.fromtimestamp(0, UTC))
    assert oldest is not None
    assert oldest.frame.sequence == 8


def test_whom_the_detector_misses_in_one_frame_is_covered_where_they_were_before() -> None:
    here, walked, faint, long_ago = (
        Sighting((left, 0, left + 20, 60), confidence)
        for left, confidence in ((0, 0.05), (40, 0.3), (80, 0.1), (120, 0.9))
    )
    ring = FrameRing()
    image = np.zeros((2160, 3840, 3), np.uint8)  # large: two pictures are kept, people of more
    for index, people in enumerate(((long_ago,), (), (walked, faint), (), (), (here,))):
        ring.add(a_frame(image, sequence=index, at_s=index / 8), (), people)
    found = ring.nearest(datetime.fromtimestamp(1_700_000_010, UTC))
    assert found is not None
    assert found.people is not None
    assert set(found.people) == {here.box, walked.box}


def test_where_no_detector_looked_for_people_nobody_can_say_where_they_are() -> None:
    ring = FrameRing()
    ring.add(a_frame(a_picture()), (), (Sighting((0, 0, 9, 9), 0.9),))
    ring.add(a_frame(a_picture(), sequence=1, at_s=0.1), (), None)
    found = ring.nearest(datetime.fromtimestamp(1_700_000_010, UTC))
    assert found is not None
    assert found.people is None


def test_boxes_on_each_other_become_one_and_too_many_are_no_answer() -> None:
    walk = [Sighting((left, 0, left + 20, 60), 0.9) for left in (0, 4, 8)]
    assert places(walk[:1], [walk[1:]]) == ((0, 0, 28, 60),)
    crowd = [Sighting((left * 30, 0, left * 30 + 20, 60), 0.9) for left in range(MOST + 1)]
    assert len(places(crowd[:MOST], []) or ()) == MOST
    assert places(crowd, []) is None


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    first = write_evidence(tmp_path, Kept(a_frame(a_picture()), (), None))
    again = write_evidence(tmp_path, Kept(a_frame(a_picture(), sequence=7), (), None))
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
        write_evidence(tmp_path, Kept(a_frame(a_picture()), (), None))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
