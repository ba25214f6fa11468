"""Reading a GGUF file with numpy alone: metadata, and tensors as float32.

Only what the packaged model needs: little-endian version 3; tensors in F32, F16, Q4_1 and Q8_0.
The layouts are those of ggml's `block_q4_1` and `block_q8_0`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hazard.errors import WeightsError

Value = int | float | bool | str | list["Value"]
Floats = NDArray[np.float32]

_MAGIC = b"GGUF"
_VERSION = 3
_MAX_ITEMS = 1 << 22
"""More entries, tensors, items or bytes of one text than any model has: the file is damaged."""
_ALIGNMENT = 32
_BLOCK = 32
"""Weights per block of Q4_1 and Q8_0."""
_STRING, _ARRAY = 8, 9
_SCALARS = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)


def _f32(raw: bytes) -> Floats:
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _f16(raw: bytes) -> Floats:
    return np.frombuffer(raw, "<f2").astype(np.float32)


def _q4_1(raw: bytes) -> Floats:
    blocks = np.frombuffer(raw, [("d", "<f2"), ("m", "<f2"), ("q", "u1", _BLOCK // 2)])
    nibbles = np.concatenate((blocks["q"] & 15, blocks["q"] >> 4), axis=1).astype(np.float32)
    scaled = nibbles * blocks["d"].astype(np.float32)[:, None]
    return (scaled + blocks["m"].astype(np.float32)[:, None]).reshape(-1)


def _q8_0(raw: bytes) -> Floats:
    blocks = np.frombuffer(raw, [("d", "<f2"), ("q", "i1", _BLOCK)])
    scaled = blocks["q"].astype(np.float32) * blocks["d"].astype(np.float32)[:, None]
    return scaled.reshape(-1)


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    weights: int
    size_bytes: int
    read: Callable[[bytes], Floats]


_TYPES = MappingProxyType(
    {
        0: _Type("F32", 1, 4, _f32),
        1: _Type("F16", 1, 2, _f16),
        3: _Type("Q4_1", _BLOCK, 20, _q4_1),
        8: _Type("Q8_0", _BLOCK, 34, _q8_0),
    }
)


@dataclass(frozen=True, slots=True)
class _Tensor:
    shape: tuple[int, ...]
    type_id: int
    offset: int


class Gguf:
    """An open GGUF file.

    Raises:
        WeightsError: if it cannot be read, is no GGUF of version 3, or breaks off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as stream:
                self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path}: cannot be read ({error})") from error
        self._at = 0
        try:
            self.metadata, self._tensors = self._header()
        except struct.error as error:
            raise WeightsError(f"{path}: it breaks off within its header") from error
        self._data = -(-self._at // _ALIGNMENT) * _ALIGNMENT

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors, as they lie in the file."""
        return tuple(self._tensors)

    def layout(self, name: str) -> tuple[tuple[int, ...], int]:
        """Shape (ggml's order) and ggml type of a tensor that the file has."""
        found = self._tensors[name]
        return found.shape, found.type_id

    def tensor(self, name: str) -> Floats:
        """A tensor as float32, in rows of outputs: ggml's dimensions, the last one first.

        Raises:
            WeightsError: if there is none of the name, its type is unknown, or it breaks off.
        """
        tensor = self._tensors.get(name)
        if tensor is None:
            raise WeightsError(f"{self._path}: it has no tensor {name!r}")
        kind = _TYPES.get(tensor.type_id)
        if kind is None:
            known = ", ".join(kind.name for kind in _TYPES.values())
            raise WeightsError(f"{self._path}: {name} has ggml type {tensor.type_id}, not {known}")
        count = int(np.prod(tensor.shape))
        begin = self._data + tensor.offset
        end = begin + count // kind.weights * kind.size_bytes
        if end > len(self._bytes):
            raise WeightsError(f"{self._path}: {name} breaks off")
        return kind.read(self._bytes[begin:end]).reshape(tensor.shape[::-1])

    def _header(self) -> tuple[Mapping[str, Value], Mapping[str, _Tensor]]:
        magic = self._bytes[:4]
        self._at = 4
        if magic != _MAGIC or self._scalar("I") != _VERSION:
            raise WeightsError(f"{self._path}: it is no GGUF file of version {_VERSION}")
        tensors, entries = self._count(), self._count()
        metadata = {self._text(): self._value(int(self._scalar("I"))) for _ in range(entries)}
        found = {}
        for _ in range(tensors):
            name = self._text()
            shape = tuple(int(self._scalar("Q")) for _ in range(int(self._scalar("I"))))
            found[name] = _Tensor(shape, int(self._scalar("I")), int(self._scalar("Q")))
        return MappingProxyType(metadata), MappingProxyType(found)

    def _scalar(self, code: str) -> int | float | bool:
        (value,) = struct.unpack_from(f"<{code}", self._bytes, self._at)
        self._at += struct.calcsize(f"<{code}")
        found: int | float | bool = value
        return found

    def _count(self) -> int:
        count = int(self._scalar("Q"))
        if count > _MAX_ITEMS:
            raise WeightsError(f"{self._path}: it claims {count} items; it is damaged")
        return count

    def _text(self) -> str:
        size = self._count()
        self._at += size
        return self._bytes[self._at - size : self._at].decode("utf-8", "replace")

    def _value(self, type_id: int) -> Value:
        if type_id == _STRING:
            return self._text()
        if type_id == _ARRAY:
            item = int(self._scalar("I"))
            return [self._value(item) for _ in range(self._count())]
        if type_id not in _SCALARS:
            raise WeightsError(f"{self._path}: metadata of unknown type {type_id}; it is damaged")
        return self._scalar(_SCALARS[type_id])
