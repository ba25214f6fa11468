"""The newest picture of one camera, in memory that decoder and vision process share.

One writer (the decoder), one reader (the vision process). The file lies on tmpfs and holds three
buffers; the writer goes round them, so that the reader has two picture intervals for its copy.
Every buffer carries the number of its picture; it is set to 0 before the pixels change and to the
new number afterwards. The reader compares the number before and after its copy: a torn picture is
thrown away and the newer one taken instead.

A mapped file is used rather than `multiprocessing.shared_memory`, whose resource tracker (in
Python 3.11) unlinks segments that another process still uses.
"""

from __future__ import annotations

import mmap
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hazard.errors import SourceError

BUFFERS: Final = 3
MAX_PIXELS: Final = 3840 * 2160
"""Largest picture of a slot (UHD-1, 8.3 megapixels); larger ones are made smaller."""

_BYTES_PER_PIXEL: Final = 3
_CAPACITY: Final = MAX_PIXELS * _BYTES_PER_PIXEL
_HEADER: Final = 4096
_SIZE: Final = _HEADER + BUFFERS * _CAPACITY

# words (8 bytes each) of the header
_WRITTEN, _HEARTBEAT, _READ, _SKIPPED, _TAKEN, _DELIVERED_AT = range(6)
_BUFFER_WORDS: Final = 64
_NUMBER, _WIDTH, _HEIGHT, _SEQUENCE, _UTC_US, _MONOTONIC = range(6)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it was taken from a slot.

    Attributes:
        image: BGR, uint8, a copy that belongs to the caller.
        sequence: number of the picture since the decoder's first start.
        captured_at: aware UTC time of capture.
        captured_monotonic_s: CLOCK_MONOTONIC at capture.
        overwritten: newer pictures that replaced one nobody had taken, since the last take.
    """

    image: NDArray[np.uint8]
    sequence: int
    captured_at: datetime
    captured_monotonic_s: float
    overwritten: int


class _Mapped:
    """The shared memory and its counters, the same on both sides."""

    def __init__(self, path: Path, *, create: bool) -> None:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        self._fd = os.open(path, flags, 0o600)
        os.ftruncate(self._fd, _SIZE)
        self._map = mmap.mmap(self._fd, _SIZE)
        self._words: NDArray[np.uint64] = np.frombuffer(self._map, np.uint64, _HEADER // 8)
        self._floats: NDArray[np.float64] = np.frombuffer(self._map, np.float64, _HEADER // 8)

    def _word(self, index: int) -> int:
        return int(self._words[index])

    def _buffer(self, number: int) -> tuple[int, int]:
        """First header word and first byte of the buffer that holds picture `number`."""
        slot = number % BUFFERS
        return _BUFFER_WORDS * (slot + 1), _HEADER + slot * _CAPACITY

    def _pixels(self, start: int, height: int, width: int) -> NDArray[np.uint8]:
        flat: NDArray[np.uint8] = np.frombuffer(
            self._map, np.uint8, height * width * _BYTES_PER_PIXEL, start
        )
        return flat.reshape(height, width, _BYTES_PER_PIXEL)

    @property
    def written(self) -> int:
        """Pictures written since the slot was made."""
        return self._word(_WRITTEN)

    @property
    def taken(self) -> int:
        """Number of the newest picture that the reader has taken."""
        return self._word(_TAKEN)

    @property
    def heartbeat_s(self) -> float:
        """CLOCK_MONOTONIC of the decoder's last sign of life."""
        return float(self._floats[_HEARTBEAT])

    @property
    def frames_read(self) -> int:
        """Pictures that the decoder got from its source since the slot was made."""
        return self._word(_READ)

    @property
    def frames_skipped(self) -> int:
        """Pictures that the decoder passed over for the fps budget or because it was late."""
        return self._word(_SKIPPED)

    def close(self) -> None:
        """Unmap. The file stays until its owner removes it."""
        del self._words, self._floats
        with suppress(BufferError):  # another thread copies right now: unmapped with its copy
            self._map.close()
        os.close(self._fd)


class SlotWriter(_Mapped):
    """The decoder's side."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=False)
        self._reserved = 0
        self.beat()

    def beat(self) -> None:
        """Say that the decoder is alive."""
        self._floats[_HEARTBEAT] = time.monotonic()

    def count_read(self) -> None:
        """Count a picture that came from the source."""
        self._words[_READ] += np.uint64(1)

    def count_skipped(self) -> None:
        """Count a picture that was passed over on purpose."""
        self._words[_SKIPPED] += np.uint64(1)

    def write(
        self, image: NDArray[np.uint8], sequence: int, captured_ns: int, captured_monotonic_s: float
    ) -> int:
        """Put a picture into the slot and return its number (from 1).

        Raises:
            SourceError: if the picture does not fit, or memory for it is short.
        """
        height, width = image.shape[:2]
        if height * width > MAX_PIXELS:
            raise SourceError(
                f"picture of {width}x{height} does not fit a slot of {MAX_PIXELS} pixels: "
                "make it smaller first"
            )
        self._reserve(height * width * _BYTES_PER_PIXEL)
        number = self.written + 1
        header, start = self._buffer(number)
        words = self._words
        words[header + _NUMBER] = 0
        np.copyto(self._pixels(start, height, width), image)
        words[header + _WIDTH] = width
        words[header + _HEIGHT] = height
        words[header + _SEQUENCE] = sequence
        words[header + _UTC_US] = captured_ns // 1000
        self._floats[header + _MONOTONIC] = captured_monotonic_s
        words[header + _NUMBER] = number
        words[_WRITTEN] = number
        self._floats[_DELIVERED_AT] = captured_monotonic_s
        return number

    def _reserve(self, size: int) -> None:
        """Take memory for `size` bytes a buffer now: a full tmpfs is an error here, not SIGBUS."""
        if size <= self._reserved:
            return
        try:
            for index in range(BUFFERS):
                os.posix_fallocate(self._fd, _HEADER + index * _CAPACITY, size)
            os.posix_fallocate(self._fd, 0, _HEADER)
        except OSError as error:
            raise SourceError(
                f"no room for {BUFFERS} pictures of {size / 1e6:.0f} MB in shared memory "
                f"({error.strerror}): enlarge /dev/shm (Docker: shm_size) or lower the resolution"
            ) from error
        self._reserved = size


class SlotReader(_Mapped):
    """The vision process's side; it makes the file and removes it."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        super().__init__(path, create=True)
        self._path = path
        self._taken = 0

    @property
    def pending(self) -> bool:
        """Whether there is a picture that has not been taken."""
        return self.written > self._taken

    @property
    def delivered_at_s(self) -> float:
        """CLOCK_MONOTONIC of the newest picture's capture; 0 before the first."""
        return float(self._floats[_DELIVERED_AT])

    def take(self) -> Picture | None:
        """A copy of the newest picture, or None if there is no new one."""
        while True:
            number = self.written
            if number == self._taken:
                return None
            picture = self._copy(number)
            if picture is not None:
                self._taken = number
                self._words[_TAKEN] = number
                return picture

    def _copy(self, number: int) -> Picture | None:
        header, start = self._buffer(number)
        words = self._words
        if self._word(header + _NUMBER) != number:
            return None
        height, width = self._word(header + _HEIGHT), self._word(header + _WIDTH)
        if height * width > MAX_PIXELS:
            return None
        image = self._pixels(start, height, width).copy()
        micros, sequence = int(words[header + _UTC_US]), int(words[header + _SEQUENCE])
        monotonic_s = float(self._floats[header + _MONOTONIC])
        if self._word(header + _NUMBER) != number:
            return None
        return Picture(
            image=image,
            sequence=sequence,
            captured_at=_EPOCH + timedelta(microseconds=micros),
            captured_monotonic_s=monotonic_s,
            overwritten=number - self._taken - 1,
        )

    def remove(self) -> None:
        """Unmap and delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)
