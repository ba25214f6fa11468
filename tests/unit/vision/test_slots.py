"""The slot: newest picture wins, no picture is torn, memory that is short is an error."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.vision.slots import MAX_PIXELS, SlotReader, SlotWriter
from hazard.errors import SourceError
from tests.vision import a_picture, wait_for

WRITES = 1500


def _write_many(path: Path) -> None:
    writer = SlotWriter(path)
    for index in range(WRITES):
        height, width = 100 + index % 7 * 40, 200 + index % 5 * 30
        image = np.full((height, width, 3), index % 251, np.uint8)
        writer.write(image, index, time.time_ns(), float(index))


def test_a_picture_is_never_torn_while_another_process_writes(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path / "slot")
    process = multiprocessing.get_context("spawn").Process(
        target=_write_many, args=(tmp_path / "slot",)
    )
    process.start()
    taken, dropped, last = 0, 0, -1
    while last < WRITES - 1:
        assert process.is_alive() or reader.pending
        picture = reader.take()
        if picture is None:
            continue
        assert picture.image.min() == picture.image.max() == picture.sequence % 251
        assert picture.captured_monotonic_s == float(picture.sequence)
        assert picture.image.shape[0] == 100 + picture.sequence % 7 * 40
        assert picture.sequence > last
        taken, dropped, last = taken + 1, dropped + picture.overwritten, picture.sequence
    process.join()
    assert taken + dropped == WRITES
    reader.remove()


def test_the_newest_picture_wins_and_the_ones_before_are_counted(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path / "slot")
    writer = SlotWriter(tmp_path / "slot")
    for index in range(5):
        writer.write(a_picture(index), index, 0, 0.0)
    picture = reader.take()
    assert picture is not None
    assert (picture.sequence, picture.overwritten) == (4, 4)
    assert np.array_equal(picture.image, a_picture(4))
    assert reader.take() is None
    assert not reader.pending


def test_a_taken_picture_belongs_to_the_reader(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path / "slot")
    writer = SlotWriter(tmp_path / "slot")
    writer.write(a_picture(0), 0, 0, 0.0)
    picture = reader.take()
    assert picture is not None
    for index in range(1, 7):
        writer.write(a_picture(index), index, 0, 0.0)
    assert np.array_equal(picture.image, a_picture(0))


def test_a_decoder_started_again_goes_on_with_the_numbers(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path / "slot")
    first = SlotWriter(tmp_path / "slot")
    assert first.write(a_picture(), 0, 0, 0.0) == 1
    first.close()
    assert SlotWriter(tmp_path / "slot").write(a_picture(), 1, 0, 0.0) == 2
    assert reader.written == 2


def test_a_full_shared_memory_is_an_error_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SlotReader(tmp_path / "slot")
    writer = SlotWriter(tmp_path / "slot")

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SourceError, match="enlarge /dev/shm"):
        writer.write(a_picture(), 0, 0, 0.0)


def test_a_picture_larger_than_the_slot_is_refused(tmp_path: Path) -> None:
    SlotReader(tmp_path / "slot")
    writer = SlotWriter(tmp_path / "slot")
    with pytest.raises(SourceError, match="does not fit"):
        writer.write(np.zeros((1, MAX_PIXELS + 1, 3), np.uint8), 0, 0, 0.0)


def test_the_decoders_sign_of_life_is_seen(tmp_path: Path) -> None:
    reader = SlotReader(tmp_path / "slot")
    writer = SlotWriter(tmp_path / "slot")
    before = reader.heartbeat_s
    wait_for(lambda: time.monotonic() > before)
    writer.beat()
    assert reader.heartbeat_s > before
