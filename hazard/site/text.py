"""The text of a site file, read within bounds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hazard.site.problems import Problem, Reporter, SiteFileError

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a site file says, and the hash of its bytes by which that content is named."""

    text: str
    sha256: str


def read_content(path: Path) -> Content:
    """The content of a site file, as it is now.

    Raises:
        SiteFileError: if it cannot be read, with why and the mend.
    """
    reporter = Reporter.of(path)
    raw, said = _read_bytes(path)
    if raw is None:
        raise SiteFileError([reporter.whole(*said)])
    text, problems = _text(raw, reporter)
    if text is None:
        raise SiteFileError(problems)
    return Content(text, hashlib.sha256(raw).hexdigest())


def read_text(path: Path, reporter: Reporter) -> tuple[str | None, list[Problem]]:
    """The file's text; else None and why it cannot be read."""
    raw, said = _read_bytes(path)
    if raw is None:
        return None, [reporter.whole(*said)]
    return _text(raw, reporter)


def _text(raw: bytes, reporter: Reporter) -> tuple[str | None, list[Problem]]:
    if len(raw) > MAX_BYTES:
        said = ("is larger than 1 MiB", "is it a site file? keep data in files of their own")
    elif raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        said = ("is UTF-16", "save it as UTF-8")
    elif b"\0" in raw:
        said = ("is binary", "give a text file: hazard init writes one")
    else:
        return _decode(raw, reporter)
    return None, [reporter.whole(*said)]


def _read_bytes(path: Path) -> tuple[bytes | None, tuple[str, str]]:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return None, ("is no ordinary file", "give a text file: hazard init writes one")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), ("", "")
    except FileNotFoundError:
        return None, ("does not exist", "write one with: hazard init")
    except IsADirectoryError:
        return None, ("is a folder", "name the file in it")
    except PermissionError:
        return None, ("may not be read", "let this user read it (chmod, chown)")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        return None, (f"cannot be read: {reason}", "correct the path")


def _decode(raw: bytes, reporter: Reporter) -> tuple[str | None, list[Problem]]:
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = (before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return None, [reporter.problem(place, (), what, "save the file as UTF-8")]
