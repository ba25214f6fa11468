"""What lies in a model's files, whether it fits into this box, and what its certificate says.

Nothing is loaded: headers are read, and memory is asked for what is free.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hazard.errors import WeightsError
from hazard.triage.authority import Certificate
from models.integrity import cached_sha256

CERTIFICATE_FILE = "certificate.json"
MAX_HEADER_BYTES = 100_000_000
"""What safetensors itself allows."""
_ROOM = 1.15
"""Of the weights, for what a runtime keeps beside them, where nothing better is known."""
_KV_BYTES = 1 << 28
"""KV caches and buffers of a language model on a CPU."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A model's files, without loading them.

    Attributes:
        bytes_by_dtype: of its tensors; of its files where their tensors cannot be told.
        need_bytes: memory that it takes when it is loaded.
        free_bytes: memory that is free for it now.
        where: which memory.
    """

    bytes_by_dtype: Mapping[str, int]
    need_bytes: int
    free_bytes: int
    where: str

    @property
    def fits(self) -> bool:
        """Whether it can be loaded here, now."""
        return self.need_bytes <= self.free_bytes

    def lines(self) -> list[str]:
        """In words: bytes by dtype, fits or not."""
        sizes = ", ".join(f"{name} {size:,}" for name, size in sorted(self.bytes_by_dtype.items()))
        verdict = "fits" if self.fits else "DOES NOT FIT"
        need, free = (f"{size / 1e9:.2f} GB" for size in (self.need_bytes, self.free_bytes))
        return [
            f"bytes by dtype: {sizes}",
            f"{verdict}: needs {need}, {free} are free in {self.where}",
        ]


def look(path: Path) -> Looked:
    """What lies in a model file, or in a folder with a Mixtral.

    Raises:
        WeightsError: if it cannot be read, or is damaged.
    """
    if path.is_dir() or path.suffix == ".safetensors":
        return _mixtral(path if path.is_dir() else path.parent)
    if path.suffix == ".gguf":
        return _gguf(path)
    sizes = _onnx(path) if path.suffix == ".onnx" else {f"{path.suffix[1:]} file": _size(path)}
    return Looked(sizes, int(sum(sizes.values()) * _ROOM), main_memory_bytes(), "main memory")


def certificate_line(folder: Path, backend: str) -> str:
    """What the certificate beside the weights says, and whether it is of these files."""
    path = folder / CERTIFICATE_FILE
    try:
        found = Certificate.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return f"certificate: none; run `hazard exam --backend {backend}`"
    except (OSError, ValidationError) as error:
        return f"certificate: {path} cannot be read ({str(error)[:100]}): run the exam anew"
    changed = sorted(
        name
        for name, digest in found.subject.files.items()
        if not (folder / name).is_file() or cached_sha256(folder / name) != digest
    )
    if changed:
        return f"certificate: VOID, it is of another {', '.join(changed)}: run the exam anew"
    verdict = "passed" if found.passed else "not passed"
    kappa = found.figures.get("kappa")
    figures = "" if kappa is None else f", kappa {kappa:.2f}"
    test = ", FOR TESTS ONLY" if found.test_only else ""
    kinds = sum(1 for result in found.kinds.values() if result.passed)
    return (
        f"certificate: exam {verdict} on {found.issued_at:%Y-%m-%d}{figures}, "
        f"{kinds} of {len(found.kinds)} hazard kinds by themselves{test}"
    )


def main_memory_bytes() -> int:
    """Main memory that is free for use, in bytes.

    Raises:
        WeightsError: if the system does not say.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration, ValueError) as error:
        raise WeightsError(f"/proc/meminfo does not say how much memory is free: {error}") from None


def safetensors_bytes(path: Path) -> dict[str, int]:
    """Bytes of a safetensors file by dtype, from its header.

    Raises:
        WeightsError: if it is none, or breaks off.
    """
    found: dict[str, int] = {}
    try:
        with path.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            if size > MAX_HEADER_BYTES:
                raise WeightsError(f"{path}: its header claims {size} bytes; it is damaged")
            header = json.loads(stream.read(size))
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                dtype = _dtype(name, str(entry["dtype"]))
                found[dtype] = found.get(dtype, 0) + int(end) - int(begin)
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: its header cannot be read ({error}); get it anew") from error
    return found


def _dtype(name: str, dtype: str) -> str:
    """`nf4` for the packed weights of bitsandbytes, `nf4 scales` for what lies beside them."""
    if ".weight." in name:
        return "nf4 scales"
    return "nf4" if dtype == "U8" else dtype.lower()


def _mixtral(folder: Path) -> Looked:
    """On disk by dtype; what it needs is that of the backend's own rule, where torch is there."""
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise WeightsError(f"{folder}: no *.safetensors in it")
    sizes: dict[str, int] = {}
    for shard in shards:
        for dtype, size in safetensors_bytes(shard).items():
            sizes[dtype] = sizes.get(dtype, 0) + size
    if importlib.util.find_spec("torch") is None:
        need = int(sum(sizes.values()) * _ROOM) + _KV_BYTES
        return Looked(sizes, need, main_memory_bytes(), "main memory (no torch: install reasoning)")
    from models.reasoning.mixtral.memory import need_here  # noqa: PLC0415 - torch

    wanted, free, where = need_here(folder)
    return Looked(sizes, wanted, free, where)


def _gguf(path: Path) -> Looked:
    from models.reasoning.facts import gguf_facts  # noqa: PLC0415 - numpy only when it is asked

    sizes = dict(gguf_facts(path).bytes_by_dtype)
    need = sum(sizes.values()) + _KV_BYTES
    return Looked(sizes, need, main_memory_bytes(), "main memory")


def _onnx(path: Path) -> dict[str, int]:
    import onnx  # noqa: PLC0415 - slow to import

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:
        raise WeightsError(f"{path}: it is no ONNX file that can be read ({error})") from error
    found: dict[str, int] = {}
    for tensor in graph.initializer:
        dtype = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
        item = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        count = 1
        for length in tensor.dims:
            count *= length
        found[dtype] = found.get(dtype, 0) + count * item
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
