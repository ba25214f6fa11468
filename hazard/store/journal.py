"""The journal: where an alert is made durable when the database cannot take it in time.

One preallocated file, so that a full disk still has room for it. Records follow each other:
length, CRC-32, number (12 + 4 bytes, big endian), then the unit of work as JSON. A torn tail (the
power went in the middle of an append) ends the file; nothing before it is lost. Numbers only grow:
a record with a smaller number than the one before it is a left-over of an earlier use.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from hazard.errors import StoreError
from hazard.store.operations import Operation
from hazard.types import Model

PREALLOCATED_BYTES = 4 * 1024 * 1024
"""Room for some five hundred revisions; beyond it the file grows if the disk lets it."""

_HEADER = struct.Struct(">IIQ")


class JournalRecord(Model):
    """One unit of work that waits for the database."""

    number: int
    operations: tuple[Operation, ...]


class Journal:
    """The journal's file. Not thread-safe: the store calls it under its lock.

    Raises:
        StoreError: if the file cannot be made or opened.
    """

    def __init__(self, path: Path, *, size: int = PREALLOCATED_BYTES) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._preallocate(size)
        except OSError as error:
            raise StoreError(
                f"the journal {path} cannot be prepared ({error.strerror}): "
                f"it needs {size} bytes in a writable folder"
            ) from error
        self._end = 0
        self._last = 0
        self.records: list[JournalRecord] = []
        for record, end in self._read():
            self.records.append(record)
            self._last, self._end = record.number, end

    def _preallocate(self, size: int) -> None:
        if os.fstat(self._file).st_size < size:
            os.posix_fallocate(self._file, 0, size)
            os.fsync(self._file)

    def _read(self) -> Iterator[tuple[JournalRecord, int]]:
        position, previous = 0, 0
        while True:
            header = os.pread(self._file, _HEADER.size, position)
            if len(header) < _HEADER.size:
                return
            length, checksum, number = _HEADER.unpack(header)
            body = os.pread(self._file, length, position + _HEADER.size)
            if not length or len(body) < length or zlib.crc32(body) != checksum:
                return
            if number <= previous:
                return
            try:
                record = JournalRecord.model_validate_json(body)
            except ValidationError as error:
                raise StoreError(
                    f"the journal {self.path} was written by another release: "
                    "start that release once, so that it loads it into the database"
                ) from error
            position += _HEADER.size + length
            previous = number
            yield record, position

    def append(self, record: JournalRecord) -> None:
        """Write a record and fsync it.

        Raises:
            OSError: if the disk does not take it.
            ValueError: if its number is not above the last one's.
        """
        if record.number <= self._last:
            raise ValueError(f"journal number {record.number} is not above {self._last}")
        body = record.model_dump_json().encode()
        data = _HEADER.pack(len(body), zlib.crc32(body), record.number) + body
        written = os.pwrite(self._file, data, self._end)
        if written != len(data):
            raise OSError(f"{written} of {len(data)} bytes written")
        os.fdatasync(self._file)
        self._end += len(data)
        self._last = record.number
        self.records.append(record)

    def clear(self) -> None:
        """Forget all records: they are in the database now.

        Raises:
            OSError: if the disk does not take it; the database knows which were loaded.
        """
        self.records.clear()
        self._end = 0
        os.pwrite(self._file, bytes(_HEADER.size), 0)
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
