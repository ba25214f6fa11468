"""Files that are what they should be: hashes, and writes that leave nothing half-valid."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO

from hazard.errors import WeightsError

_CHUNK_BYTES = 1 << 20
_CACHE_NAME = ".verified.json"


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, read now.

    Raises:
        WeightsError: if it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error


def cached_sha256(path: Path) -> str:
    """The sha256 of a file; the last answer is kept beside it and holds while size and mtime do.

    For start-up speed only: what decides whether code runs (a pickle) uses `sha256_of`.

    Raises:
        WeightsError: if the file cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
    stamp = [found.st_size, found.st_mtime_ns]
    cache = _read_cache(path.parent)
    known = cache.get(path.name)
    if isinstance(known, list) and len(known) == len(stamp) + 1 and known[:-1] == stamp:
        return str(known[-1])
    digest = sha256_of(path)
    cache[path.name] = [*stamp, digest]
    with contextlib.suppress(OSError):  # a read-only folder only costs the next start some time
        write_atomically(path.parent / _CACHE_NAME, json.dumps(cache).encode())
    return digest


def write_atomically(target: Path, content: bytes) -> None:
    """Replace `target` by `content`: a reader sees the old file or the new one, whole."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            flush(stream)
        commit(part, target)
    finally:
        part.unlink(missing_ok=True)


def copy_verified(stream: BinaryIO, target: Path, *, sha256: str, size_bytes: int) -> None:
    """Write `stream` to `target` if, and only if, it has the expected size and sha256.

    Raises:
        WeightsError: naming the file, the expected and the found hash.
        OSError: if the disk refuses.
    """
    digest, size = hashlib.sha256(), 0
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as out:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > size_bytes:
                    raise WeightsError(
                        f"{target.name}: longer than the {size_bytes} bytes that the manifest "
                        "names: it is not the file that was measured; refused"
                    )
                digest.update(chunk)
                out.write(chunk)
            flush(out)
        if digest.hexdigest() != sha256:
            raise WeightsError(hash_fault(target.name, expected=sha256, found=digest.hexdigest()))
        commit(part, target)
    finally:
        part.unlink(missing_ok=True)


def hash_fault(name: str, *, expected: str, found: str) -> str:
    """The words for a wrong hash, with the mend."""
    return (
        f"{name}: sha256 is {found}, the manifest expects {expected}. The file is damaged or is "
        "another version; delete it and run `hazard models fetch`"
    )


def flush(stream: BinaryIO) -> None:
    """Push what was written to the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def commit(part: Path, target: Path) -> None:
    """Rename a complete file into place, durably."""
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_cache(folder: Path) -> dict[str, object]:
    try:
        data = json.loads((folder / _CACHE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
