"""What a site file names outside itself: files and environment variables.

These are no faults of the file: a camera whose recording is missing stops nothing else. So they
are found by `check_site`, before anything runs, and by each part's health afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from hazard.site.checks import Finding
from hazard.site.models import Site
from hazard.site.problems import KeyPath, printable
from hazard.site.sources import FolderSource, Secret, SecretFile, UrlSource, variables

T = TypeVar("T")


def rebase(value: T, folder: Path) -> T:
    """`value` with every relative path in it, at any depth, taken to start in `folder`."""
    return _rebase(value, folder)  # type: ignore[no-any-return]


def _rebase(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return _absolute(value, folder)
    if isinstance(value, BaseModel):
        changed = {}
        for name in type(value).model_fields:
            before = getattr(value, name)
            after = _rebase(before, folder)
            if after is not before:
                changed[name] = after
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, dict):
        return {key: _rebase(item, folder) for key, item in value.items()}
    if isinstance(value, tuple):
        items = tuple(_rebase(item, folder) for item in value)
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def _absolute(path: Path, folder: Path) -> Path:
    try:
        expanded = path.expanduser()
    except RuntimeError:
        expanded = path
    return expanded if expanded.is_absolute() else folder / expanded


def surroundings(site: Site) -> Iterator[Finding]:
    """Every file that is not there or cannot be read, and every variable that is not set."""
    for path, value in _leaves(site, ()):
        if isinstance(value, SecretFile):
            yield from _file((*path, "file"), value.file)
        elif isinstance(value, FolderSource):
            yield from _folder((*path, "path"), value.path, (".jpg", ".jpeg", ".png"), "pictures")
        elif path == ("reasoning", "procedures"):
            yield from _folder(path, value, (".md", ".markdown", ".pdf"), "procedures")
        elif isinstance(value, Path):
            yield from _file(path, value)
        elif isinstance(value, UrlSource):
            yield from _unset((*path, "url"), value.url)
        elif isinstance(value, Secret) and isinstance(value.reference, str):
            yield from _unset(path, value.reference)


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, SecretFile | FolderSource | UrlSource | Path):
        yield path, value
    elif isinstance(value, Secret):
        yield path, value
        if isinstance(value.reference, SecretFile):
            yield path, value.reference
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, at))


def _file(path: KeyPath, file: Path) -> Iterator[Finding]:
    shown = f'"{printable(str(file))}"'
    try:
        if file.is_dir():
            yield path, f"{shown} is a folder", "name the file in it"
        elif not file.exists():
            yield path, f"no file {shown}", "put it there, or correct the path"
        elif not os.access(file, os.R_OK):
            yield path, f"{shown} cannot be read", "let this user read it (chmod, chown)"
        elif file.is_file() and file.stat().st_size == 0:
            yield path, f"{shown} is empty (0 bytes)", "copy it again"
    except (OSError, ValueError) as error:
        yield path, f"{shown} cannot be looked at: {_reason(error)}", "correct the path"


def _folder(path: KeyPath, folder: Path, suffixes: tuple[str, ...], what: str) -> Iterator[Finding]:
    shown = f'"{printable(str(folder))}"'
    try:
        if not folder.is_dir():
            yield path, f"no folder {shown}", "create it, or correct the path"
        elif not any(entry.suffix.lower() in suffixes for entry in folder.iterdir()):
            named = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
            yield path, f"no {named} in {shown}", f"put {what} there"
    except (OSError, ValueError) as error:
        yield path, f"{shown} cannot be looked at: {_reason(error)}", "correct the path"


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def _unset(path: KeyPath, text: str) -> Iterator[Finding]:
    for name in variables(text):
        if not os.environ.get(name):
            state = "is empty" if name in os.environ else "is not set"
            yield (
                path,
                f"environment variable {name} {state}",
                f"export {name}=… before starting",
            )
