"""Plain data as YAML text that `hazard.site.yaml_tree` reads back as the same data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from hazard.site.scalars import Unreadable, plain_value

STEP = 2
"""Spaces by which a level is indented."""
WIDTH = 96
"""Columns that a collection may take on one line."""

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def scalar(value: JsonValue) -> str:
    """A text, number, truth value or nothing; text is quoted wherever it needs it."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _reads_back(value) else _quoted(value)


def flow(value: JsonValue) -> str:
    """The value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return scalar(value)


def block(value: JsonValue, indent: int) -> list[str]:
    """The lines of a collection that has entries, each indented by `indent` spaces."""
    space = " " * indent
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, one in value.items():
            lines += entry(key, one, indent)
        return lines
    if not isinstance(value, list):
        return [space + flow(value)]
    lines = []
    for one in value:
        lines += item(one, indent)
    return lines


def entry(key: str, value: JsonValue, indent: int) -> list[str]:
    """The lines of `key: value` in a mapping that is indented by `indent` spaces."""
    start = f"{' ' * indent}{scalar(key)}:"
    if in_line(value, len(start)):
        return [f"{start} {flow(value)}"]
    return [start, *block(value, indent + STEP)]


def item(value: JsonValue, indent: int) -> list[str]:
    """The lines of `- value` in a list that is indented by `indent` spaces."""
    start = " " * indent + "- "
    if isinstance(value, list | dict) and value and not _fits(value, len(start)):
        first, *others = block(value, indent + STEP)
        return [start + first[indent + STEP :], *others]
    return [start + flow(value)]


def in_line(value: JsonValue, column: int) -> bool:
    """Whether a value behind its key stands on the same line: all but mappings and long lists."""
    if isinstance(value, Mapping) and value:
        return False
    return not isinstance(value, list) or not value or _fits(value, column + 1)


def _fits(value: JsonValue, column: int) -> bool:
    return column + len(flow(value)) <= WIDTH


def _reads_back(text: str) -> bool:
    if not _PLAIN.fullmatch(text):
        return False
    try:
        return plain_value(text) == text
    except Unreadable:
        return False


def json_text(value: JsonValue) -> str:
    """The value as JSON that is YAML as well."""
    return _escaped(json.dumps(value, ensure_ascii=False, indent=2))


def _quoted(text: str) -> str:
    """In double quotes, as JSON writes it."""
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """What YAML does not allow in a text, escaped."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
