"""A validation error of pydantic as a problem that an integrator can mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic_core import ErrorDetails

from hazard.site.problems import (
    SECRET_FIELDS,
    KeyPath,
    Problem,
    Reporter,
    choose,
    printable,
    show,
)
from hazard.site.shape import description_at, field_at, kinds_at, model_at
from hazard.site.yaml_tree import Document

_NAME_RULE = "use lower-case letters, digits, - and _, starting with a letter or digit, at most 64"

_WANTED: Mapping[str, tuple[str, str]] = {
    "bool_type": ("want true or false", "write true or false without quotes"),
    "int_type": ("want a whole number", "write digits only, without quotes"),
    "int_parsing_size": ("is far too large", "write a smaller number"),
    "int_from_float": ("want a whole number", "remove the fraction"),
    "float_type": ("want a number", "write a number without quotes or unit"),
    "string_type": ("want text", "put it in quotes"),
    "path_type": ("want a path", "write a path as text"),
    "dict_type": ("want a mapping", "indent `key: value` lines below it"),
    "model_type": ("want a mapping", "indent `key: value` lines below it"),
    "model_attributes_type": ("want a mapping", "indent `key: value` lines below it"),
    "tuple_type": ("want a list", "write [a, b] or lines that start with -"),
    "finite_number": ("not a finite number", "write a number"),
}

_COMPARED: Mapping[str, tuple[str, str]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}

_NOUNS = {
    "polygon": "points",
    "points": "points",
    "picture": "points",
    "languages": "languages",
    "levels": "levels",
    "detectors": "detectors",
    "areas": "areas",
}


def explain(
    errors: Iterable[ErrorDetails], document: Document, reporter: Reporter
) -> list[Problem]:
    """One problem per error; a container's length is left out where its items are wrong."""
    located = [(locate(error, document.data), error) for error in errors]
    paths = [path for path, _ in located]
    problems = []
    for path, error in located:
        if path in document.refused:
            continue
        length_only = error["type"] in ("too_short", "too_long")
        if length_only and any(
            other[: len(path)] == path and other != path for other in paths if other
        ):
            continue
        if _under_bad_key(path, error, located):
            continue
        problems.append(_problem(path, error, document, reporter))
    return problems


def _under_bad_key(
    path: KeyPath, error: ErrorDetails, located: list[tuple[KeyPath, ErrorDetails]]
) -> bool:
    """Whether the error repeats, at the same place, what is said of the key itself."""
    return error["loc"][-1:] != ("[key]",) and any(
        other["loc"][-1:] == ("[key]",) and path == where for where, other in located
    )


def locate(error: ErrorDetails, data: Any) -> KeyPath:
    """The error's path in the file: without union tags, with the missing key at the end."""
    path: list[str | int] = []
    loc = error["loc"]
    tagged: object = None
    for at, key in enumerate(loc):
        if _is_tag(data, key) and data is not tagged and at < len(loc) - 1:
            tagged = data  # a field may have the name of the tag: source.url of the kind url
            continue
        is_item = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if is_item or (isinstance(data, dict) and isinstance(key, str) and key in data):
            data = data[key]
        elif not (at == len(loc) - 1 and error["type"] == "missing"):
            continue
        path.append(key)
    return tuple(path)


def _is_tag(data: Any, key: str | int) -> bool:
    """Whether the key only says which kind of entry pydantic took it for."""
    return isinstance(data, dict) and isinstance(key, str) and data.get("kind") == key


def _problem(path: KeyPath, error: ErrorDetails, document: Document, reporter: Reporter) -> Problem:
    kind = error["type"]
    value = document.at(path)
    if error["loc"][-1:] == ("[key]",):
        shown = show(path[-1], path) if path else ""
        return reporter.problem(
            document.key_place(path), path, "this name cannot be used", _NAME_RULE, shown
        )
    if kind == "missing":
        return _missing(path, document, reporter)
    if kind == "extra_forbidden":
        model = model_at(path[:-1], document.data)
        known = [] if model is None else list(model.model_fields)
        mend = choose(path[-1], known)
        return reporter.problem(document.key_place(path), path, "unknown key", mend)
    what, mend = _what_and_mend(path, error, document)
    return reporter.problem(document.value_place(path), path, what, mend, show(value, path))


def _missing(path: KeyPath, document: Document, reporter: Reporter) -> Problem:
    place = document.key_place(path)
    parent = document.at(path[:-1])
    if path and isinstance(path[-1], int):
        length = len(parent) if isinstance(parent, list) else 0
        what = f"needs {path[-1] + 1} numbers, got {length}"
        return reporter.problem(place, path[:-1], what, "write [x, y]")
    said = description_at(path, document.data)
    described = f" ({said})" if said else ""
    return reporter.problem(place, path, "is missing", f"add `{path[-1]}: …`{described}")


def _what_and_mend(path: KeyPath, error: ErrorDetails, document: Document) -> tuple[str, str]:
    kind = error["type"]
    value = document.at(path)
    if kind in _WANTED:
        what, mend = _WANTED[kind]
        wrong_shape = kind == "string_type" and isinstance(value, dict | list)
        return what, "write one text in its place" if wrong_shape else mend
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _kind(path, value, document)
    if kind in ("literal_error", "enum"):
        return "not one of the values that can stand here", _choice(path, value, error, document)
    return _bounds(path, error, document)


def _kind(path: KeyPath, value: Any, document: Document) -> tuple[str, str]:
    kinds = kinds_at(path, document.data)
    wanted = value.get("kind") if isinstance(value, dict) else None
    if wanted is None:
        return "has no kind", f"add `kind:` with one of {', '.join(kinds)}"
    return f"unknown kind {show(wanted)}", choose(wanted, kinds)


def _bounds(path: KeyPath, error: ErrorDetails, document: Document) -> tuple[str, str]:
    kind = error["type"]
    context = error.get("ctx", {})
    if kind in _COMPARED:
        word, key = _COMPARED[kind]
        limit = context.get(key)
        wanted = f"{word} {limit:g}" if isinstance(limit, int | float) else f"{word} {limit}"
        return f"want {wanted}", _described(f"write {wanted}", path, document)
    if kind in ("too_short", "too_long"):
        return _length(path, context, kind)
    return _text_problem(path, error, document)


def _text_problem(path: KeyPath, error: ErrorDetails, document: Document) -> tuple[str, str]:
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "string_too_short":
        return "is too short", f"write at least {context.get('min_length')} character(s)"
    if kind == "string_too_long":
        return "is too long", f"write at most {context.get('max_length')} characters"
    if kind == "string_pattern_mismatch":
        return "this name cannot be used", _NAME_RULE
    if kind == "value_error":
        said = printable(str(context.get("error", error["msg"])), 300)
        what, found, mend = said.partition(": ")
        return (what, mend) if found else (said, _change(path, document))
    return printable(error["msg"]), _change(path, document)


def _change(path: KeyPath, document: Document) -> str:
    return _described("change the value", path, document)


def _described(mend: str, path: KeyPath, document: Document) -> str:
    said = description_at(path, document.data)
    return f"{mend}: {said}" if said else mend


def _choice(path: KeyPath, value: Any, error: ErrorDetails, document: Document) -> str:
    expected = _expected(path, error, document)
    if not isinstance(value, str) and str(value) in expected:
        return f'put it in quotes: "{value}"'
    if any(key in SECRET_FIELDS for key in path):
        return f"choose one of {', '.join(expected)}"
    return choose(value, expected)


def _expected(path: KeyPath, error: ErrorDetails, document: Document) -> list[str]:
    info = field_at(path, document.data)
    if error["type"] == "literal_error" and info is not None:
        names = [str(name) for name in get_args(info.annotation)]
        if names and all(name and " " not in name for name in names):
            return names
    said = str(error.get("ctx", {}).get("expected", ""))
    return [part.strip(" '") for part in said.replace(" or ", ", ").split(",")]


def _length(path: KeyPath, context: Mapping[str, Any], kind: str) -> tuple[str, str]:
    name = next((key for key in reversed(path) if isinstance(key, str)), "")
    got = context.get("actual_length")
    if path and isinstance(path[-1], int):
        return f"needs 2 numbers, got {got}", "write [x, y]"
    noun = _NOUNS.get(name, "entries")
    if kind == "too_long":
        most = context.get("max_length")
        return f"takes at most {most} {noun}, got {got}", "remove some"
    least = int(context.get("min_length", 1))
    count = least - int(got or 0)
    return f"needs {least} {noun}, got {got}", f"add at least {count} more"
