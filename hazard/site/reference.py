"""The tables of docs/site-file.md, written from the models: `python -m hazard.site.reference`.

    python -m hazard.site.reference docs/site-file.md

rewrites the tables between the markers and leaves the prose as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hazard.site.glossary import describe
from hazard.site.shape import models
from hazard.site.sources import Secret

_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_TABLE = re.compile(r"<!-- table (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def table(model: type[BaseModel]) -> str:
    """One row per field: name, type, default, meaning."""
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, info in model.model_fields.items():
        meaning = describe(model, name, info).replace("|", "\\|")
        kind = _type(info.annotation) + _limits(info.metadata)
        rows.append(f"| `{name}` | {kind} | {_default(info)} | {meaning} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    """`text` with every table between its markers written anew."""
    known = {model.__name__: model for model in models()}

    def written(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- table {name} -->\n{table(known[name])}\n<!-- end -->"

    return _TABLE.sub(written, text)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(str(item) for item in value)}]`"
    return f"`{value}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0]) + _limits(arguments[1:])
    if origin in (Union, UnionType):
        named = [_type(part) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(named))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is dict:
        return f"name: {_type(arguments[1])}"
    if origin is tuple:
        return f"list of {_type(arguments[0])}" if arguments[-1] is ... else "[x, y]"
    return _plain(annotation)


def _limits(metadata: Iterable[Any]) -> str:
    """Between which numbers it lies, as `, > 0, ≤ 60`; empty where none is named."""
    told = ""
    for each in metadata:
        if isinstance(each, FieldInfo):
            told += _limits(each.metadata)
            continue
        limits = ((sign, getattr(each, name, None)) for name, sign in _SIGNS.items())
        told += "".join(f", {sign} {limit:g}" for sign, limit in limits if limit is not None)
    return told


def _plain(annotation: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true, false", Path: "path"}
    if annotation in names:
        return names[annotation]
    if annotation is Secret:
        return "`${VARIABLE}`, or `file: PATH`"
    if issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return f"[{annotation.__name__}](#{annotation.__name__.lower()})"


def main() -> None:
    """Rewrite the tables of the file that is named on the command line."""
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
