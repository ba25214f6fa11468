"""The documents in a site's folder of procedures: Markdown and PDF, read within limits.

The folder comes from outside. What is broken, too large, encrypted or a link out of the folder is
left out, and the reason is kept: no file stops the reading of the others.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hazard.triage.render import clean
from models.reasoning.clauses import Clause, flat, markdown, pages

MAX_FILES = 200
MAX_ENTRIES = 5000
"""Entries of the folder and those in it that are looked at."""
MAX_DEPTH = 4
MAX_MARKDOWN_BYTES = 2_000_000
MAX_PDF_BYTES = 30_000_000
MAX_CLAUSES = 20_000
PDF_S = 30.0
"""Longest reading of one PDF, in seconds."""
ALL_S = 120.0
"""Longest reading of a folder, in seconds."""
MAX_NAME = 120

_MARKDOWN = (".md", ".markdown")
Signature = tuple[int, int]
"""Time of change in nanoseconds and size in bytes."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document that was read.

    Attributes:
        name: its path from the folder on, cleaned.
        path: where it lies.
        signature: what it was when it was read.
        text: all of its text, white space normalised: what a quote must stand in.
        clauses: what may be cited.
    """

    name: str
    path: Path
    signature: Signature
    text: str
    clauses: tuple[Clause, ...]


class Unreadable(Exception):  # noqa: N818 - named for what it says
    """A file that is left out; the message says why, with the mend."""


def listing(folder: Path) -> tuple[dict[Path, Signature], list[tuple[str, str]]]:
    """Every Markdown and PDF file with its signature; and what is left out, with the reason."""
    found: dict[Path, Signature] = {}
    skipped: list[tuple[str, str]] = []
    try:
        root = folder.resolve(strict=True)
        left = [MAX_ENTRIES]
        entries = sorted(_entries(root, 1, left))
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return {}, [(str(folder)[:MAX_NAME], f"no such folder to read ({reason})")]
    for path in entries:
        name = _name(path, root)
        try:
            signature = _signature(path, root)
        except (Unreadable, OSError) as error:
            skipped.append((name, str(error)[:200]))
            continue
        if len(found) >= MAX_FILES:
            skipped.append((name, f"more than {MAX_FILES} files: put them together"))
        else:
            found[path] = signature
    if left[0] < 0:
        skipped.append((root.name, f"more than {MAX_ENTRIES} entries: keep only procedures in it"))
    return found, skipped


def _entries(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    """Candidates below `folder`, with the folders that are not gone into."""
    with os.scandir(folder) as scan:
        for entry in scan:
            left[0] -= 1
            if left[0] < 0:
                return
            suffix = Path(entry.name).suffix.lower()
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
                try:
                    yield from _entries(Path(entry.path), depth + 1, left)
                except OSError:
                    yield Path(entry.path)
            elif entry.is_dir() or suffix in (*_MARKDOWN, ".pdf"):
                yield Path(entry.path)


def _name(path: Path, root: Path) -> str:
    return clean(str(path.relative_to(root)), MAX_NAME, latin=False)


def _signature(path: Path, root: Path) -> Signature:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise Unreadable("it is a link out of the folder: put the file itself there")
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("it is not gone into: a link, no access, or too deep; move its files up")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("it is no file that can be read")
    limit = MAX_PDF_BYTES if path.suffix.lower() == ".pdf" else MAX_MARKDOWN_BYTES
    if status.st_size > limit:
        raise Unreadable(f"it has {status.st_size} bytes, allowed are {limit}: split it")
    return status.st_mtime_ns, status.st_size


def read_all(folder: Path) -> tuple[list[Document], list[tuple[str, str]], dict[Path, Signature]]:
    """Every document that can be read, what is left out with the reason, and what was listed."""
    listed, skipped = listing(folder)
    documents: list[Document] = []
    root = folder.resolve()
    left, ends_s = MAX_CLAUSES, time.monotonic() + ALL_S
    for path, signature in listed.items():
        name = _name(path, root)
        if left <= 0:
            reason = f"more than {MAX_CLAUSES} clauses: keep what matters in an alarm"
            skipped.append((name, reason))
            continue
        try:
            document = _read(path, name, signature, ends_s)
        except (Unreadable, OSError) as error:
            skipped.append((name, str(error)[:200]))
            continue
        kept = document.clauses[:left]
        left -= len(kept)
        documents.append(Document(name, path, signature, document.text, kept))
    return documents, skipped, listed


def _read(path: Path, name: str, signature: Signature, ends_s: float) -> Document:
    data = _bytes(path)
    if path.suffix.lower() == ".pdf":
        texts = _pdf(data, min(PDF_S, ends_s - time.monotonic()))
        return Document(name, path, signature, flat(" ".join(texts)), tuple(pages(texts)))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("it is no UTF-8 text: save it as UTF-8") from error
    if "\0" in text:
        raise Unreadable("it is no text")
    return Document(name, path, signature, flat(text), tuple(markdown(text)))


def _bytes(path: Path) -> bytes:
    """The file's bytes; a pipe or device that took its place meanwhile blocks nothing."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("it is no file that can be read")
        return file.read(MAX_PDF_BYTES + 1)


def _pdf(data: bytes, limit_s: float) -> list[str]:
    """The pages' text, read in a process that can be ended."""
    if limit_s <= 0:
        raise Unreadable(f"reading the folder takes more than {ALL_S:.0f} s: keep fewer files")
    command = [sys.executable, "-m", "models.reasoning.pdf_text"]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=limit_s, check=False
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"reading it takes more than {limit_s:.0f} s: save it anew") from error
    except ValueError as error:
        raise Unreadable("reading it takes too much memory or time: save it anew") from error
    if "error" in answer:
        raise Unreadable(str(answer["error"]))
    return [str(page) for page in answer["pages"]]
