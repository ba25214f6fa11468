"""What is wrong with a site file, where, and how to mend it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hazard.errors import ConfigError

KeyPath = tuple[str | int, ...]

MAX_PROBLEMS = 200
"""A file with more is reported up to there."""

HIDDEN = "hidden"
SECRET_FIELDS = frozenset({"password", "replica_url", "api_key"})
"""Fields that hold a secret; what stands under them is never shown."""

_SECRET_WORDS = re.compile(r"pass|pwd|secret|token|credential|api_?key|auth", re.IGNORECASE)
_HARMLESS = frozenset({"authority", "secret_file", "key_file"})
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
_QUERY_SECRET = re.compile(
    r"(?<=[?&;])([^=&;#\s]*(?:pass|pwd|secret|token|key|auth)[^=&;#\s]*=)[^&;#\s]*", re.IGNORECASE
)
_SHOWN = 60
_KEY_SHOWN = 40


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Problem:
    """One thing that is wrong with a site file.

    Attributes:
        file: name of the file as it was given.
        line: 1-based; 0 where the file as a whole is meant.
        column: 1-based; 0 where the file as a whole is meant.
        path: keys that lead to the place, e.g. `cameras.gate.zones.press.polygon[1]`.
        what: what is wrong.
        value: the value seen, shortened; secrets are never shown.
        mend: what to do.
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    value: str = ""
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f" {self.path}" if self.path else ""
        value = f" ({self.value})" if self.value else ""
        return f"{place}{path}: {self.what}{value} — {self.mend}"

    def as_dict(self) -> dict[str, str | int]:
        """The fields, for JSON."""
        return asdict(self)


class SiteFileError(ConfigError):
    """A site file that cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes problems of one file."""

    file: str

    @classmethod
    def of(cls, path: Path) -> Reporter:
        """A reporter that names the file by its last part."""
        return cls(printable(path.name or str(path)))

    def problem(
        self, place: tuple[int, int], path: KeyPath, what: str, mend: str, value: str = ""
    ) -> Problem:
        """A problem at `place` (line and column, 1-based)."""
        return Problem(
            file=self.file,
            line=place[0],
            column=place[1],
            path=render_path(path),
            what=what,
            value=value,
            mend=mend,
        )

    def whole(self, what: str, mend: str) -> Problem:
        """A problem of the file as a whole."""
        return self.problem((0, 0), (), what, mend)


def printable(text: str, limit: int = 200) -> str:
    """`text` on one line, control characters escaped, shortened to `limit`."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def is_secret_key(key: str | int) -> bool:
    """Whether a value under this key may be a secret."""
    if not isinstance(key, str) or key in _HARMLESS:
        return False
    return key in SECRET_FIELDS or _SECRET_WORDS.search(key) is not None


def render_path(path: KeyPath) -> str:
    """`path` as an integrator reads it; what stands under a secret field is left out."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
            continue
        plain = re.fullmatch(r"[\w-]{1,64}", key) is not None
        shown = key if plain else _quoted(printable(key, _KEY_SHOWN))
        text += f".{shown}" if text else shown
        if key in SECRET_FIELDS:
            break
    return text


def redact(text: str) -> str:
    """`text` without user information and secret query values of the addresses in it."""
    without_user = _USERINFO.sub("***@", text)
    return _QUERY_SECRET.sub(r"\1***", without_user)


def show(value: object, path: KeyPath = ()) -> str:
    """`value` as it may be shown: short, on one line, without secrets; empty for a collection."""
    if any(is_secret_key(key) for key in path):
        return HIDDEN
    if value is None:
        return "empty"
    if isinstance(value, dict | list | tuple):
        return ""
    if isinstance(value, str):
        return _quoted(printable(redact(value), _SHOWN))
    return json.dumps(value) if isinstance(value, bool | int | float) else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if any is near enough."""
    matches = difflib.get_close_matches(word.lower()[:64], list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def choose(word: object, known: Iterable[str]) -> str:
    """A mend that names the nearest known word, or all of them."""
    names = sorted(known)
    guess = nearest(word, names) if isinstance(word, str) else None
    listed = ", ".join(names) or "none"
    return f"did you mean {guess}? Known are {listed}" if guess else f"choose one of {listed}"
