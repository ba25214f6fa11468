"""Package files of our own making, and registry clients that serve them."""

from __future__ import annotations

import hashlib
import io
import lzma
import stat
import tarfile
import zipfile
from pathlib import Path

from models.manifest import Entry

CONTENT = b"weights of a very small network" * 64


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(folder: Path, *, name: str = "tiny_weights", content: bytes = CONTENT) -> Path:
    """A wheel that pip takes: `NAME/model.bin`, and a zip within with `deep/model.bin`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as inner:
        inner.writestr("deep/model.bin", content)
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in (
            (f"{name}/model.bin", content),
            (f"{name}/bundle.nfd", nested.getvalue()),
            (f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()),
            (f"{info}/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            (f"{info}/RECORD", b""),
        ):
            wheel.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), data)
    return path


def make_tarball(path: Path, members: dict[str, bytes]) -> Path:
    """An npm tarball."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def make_deb(path: Path, members: dict[str, bytes]) -> Path:
    """A Debian package: an ar archive of debian-binary, control and data."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w:gz") as archive:
        text = b"Package: footage\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\n"
        info = tarfile.TarInfo("./control")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": control.getvalue(),
        "data.tar.xz": lzma.compress(data.getvalue()),
    }
    with path.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, content in parts.items():
            out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            out.write(content + b"\n" * (len(content) % 2))
    return path


def make_client(folder: Path, name: str, script: str) -> Path:
    """A program called `name` that runs `script` in sh."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def an_entry(
    package: Path,
    *,
    registry: str = "pypi",
    name: str = "tiny",
    member: str = "tiny_weights/model.bin",
    content: bytes = CONTENT,
    package_sha256: str | None = None,
    fallback: str | None = None,
) -> Entry:
    """A manifest entry for one member of `package`."""
    source: dict[str, object] = {
        "registry": registry,
        "package": "tiny_weights",
        "size_bytes": package.stat().st_size,
    }
    if registry != "debian":
        source |= {"version": "1.0", "sha256": package_sha256 or sha256(package.read_bytes())}
    file = {
        "name": "model.bin",
        "member": member,
        "sha256": sha256(content),
        "size_bytes": len(content),
    }
    return Entry.model_validate(
        {
            "name": name,
            "kind": "footage",
            "title": "a test's file",
            "licence": "MIT",
            "source": source,
            "files": (file,),
            "fallback": fallback,
        }
    )
