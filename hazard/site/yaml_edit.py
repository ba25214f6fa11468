"""A merge patch applied to the text of a YAML file: what is not touched stays as it was written.

The places of all nodes are known, so that only the lines of what changes are written anew;
comments, order, quotes and blank lines elsewhere stay. Of a list that changes, the items that
stay keep their lines and the comments above them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeGuard

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hazard.errors import ConfigError
from hazard.site.yaml_write import STEP, block, entry, flow, in_line, item, json_text

_COLON = re.compile(r"[ \t]*:")
_ALIAS = re.compile(r"[ \t]*\*[^\s,\[\]{}]+")


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """RFC 7396: `target` with `patch` merged into it; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


@dataclass(frozen=True, slots=True)
class _Edit:
    """Characters `start` to `end` (exclusive) become `text`."""

    start: int
    end: int
    text: str


def edit(text: str, data: dict[str, JsonValue], patch: Mapping[str, JsonValue]) -> str:
    """The text with the patch applied; `data` is what the text says now.

    Raises:
        ConfigError: if a part that changes is written in a way that cannot be edited in place.
    """
    root = YAML(typ="safe", pure=True).compose(text)
    if not isinstance(root, MappingNode):
        raise ConfigError("the file is no mapping of sections: write one with: hazard init")
    if root.flow_style:
        return _anew(text, merge_patch(data, dict(patch)))
    # Where several begin at one place, what is inserted goes first, the deepest before the others.
    edits = sorted(_Editor(text).mapping(root, data, patch), key=lambda one: (one.start, one.end))
    pieces, at = list[str](), 0
    for each in edits:
        pieces += [text[at : each.start], each.text]
        at = each.end
    return "".join([*pieces, text[at:]])


def _anew(text: str, data: JsonValue) -> str:
    """A file in braces: JSON stays JSON."""
    try:
        json.loads(text)
    except ValueError:
        return "\n".join(block(data, 0)) + "\n"
    return json_text(data) + "\n"


class _Editor:
    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    # ------------------------------------------------------------ mappings

    def mapping(
        self, node: MappingNode, data: dict[str, JsonValue], patch: Mapping[str, JsonValue]
    ) -> Iterator[_Edit]:
        """The edits that bring one mapping, written in lines of its own, up to date."""
        pairs = {str(key.value): (key, value) for key, value in node.value}
        if "<<" in pairs:
            raise ConfigError(
                "the file merges its sections from another mapping (<<): write them out, and "
                "change it again"
            )
        new: dict[str, JsonValue] = {}
        for key, value in patch.items():
            if key not in pairs:
                if value is not None:
                    new[key] = merge_patch(None, value)
            elif value is None:
                yield self._without(*pairs[key])
            else:
                yield from self._entry(*pairs[key], data[key], value)
        if new:
            yield self._added(node, new)

    def _entry(
        self, key: Node, value: Node, before: JsonValue, patch: JsonValue
    ) -> Iterator[_Edit]:
        wanted = merge_patch(before, patch)
        if _same(wanted, before):
            return
        aliased = self._is_alias(key, value)
        if _is_mapping(value) and not aliased and isinstance(before, dict):
            if isinstance(patch, dict) and wanted:
                yield from self.mapping(value, before, patch)
                return
        elif _is_list(value) and not aliased and isinstance(before, list):  # noqa: SIM102
            if isinstance(wanted, list) and wanted:
                yield from self._items(value, before, wanted)
                return
        yield self._replaced(key, value, wanted)

    def _replaced(self, key: Node, value: Node, wanted: JsonValue) -> _Edit:
        start = self._behind_colon(key)
        end = max(start, self._end(key, value))
        indent = key.start_mark.column
        if in_line(wanted, start - self._line_start(start)):
            # An empty value may have a comment behind it.
            return _Edit(start, end, " " + flow(wanted))
        lines = block(wanted, indent + STEP)
        return _Edit(start, end, self._newline + self._newline.join(lines))

    def _without(self, key: Node, value: Node) -> _Edit:
        start = self._line_start(key.start_mark.index)
        return _Edit(start, self._next_line(self._end(key, value)), "")

    def _added(self, node: MappingNode, new: Mapping[str, JsonValue]) -> _Edit:
        last_key, last_value = node.value[-1]
        indent = node.value[0][0].start_mark.column
        lines: list[str] = []
        for key, value in new.items():
            lines += entry(key, value, indent)
        return self._insert(self._next_line(self._end(last_key, last_value)), lines)

    def _insert(self, at: int, lines: list[str]) -> _Edit:
        before = "" if at == 0 or self._text[at - 1] == "\n" else self._newline
        return _Edit(at, at, before + "".join(line + self._newline for line in lines))

    # ------------------------------------------------------------ lists

    def _items(
        self, node: SequenceNode, before: list[JsonValue], wanted: list[JsonValue]
    ) -> Iterator[_Edit]:
        """Of a list with an item a line: what stays keeps its lines and the comments above."""
        lines = [self._item_lines(node, at) for at in range(len(node.value))]
        indent = self._dash(node.value[0]) - self._line_start(self._dash(node.value[0]))
        old, new = [_canon(one) for one in before], [_canon(one) for one in wanted]
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        for how, first, last, new_first, new_last in matcher.get_opcodes():
            if how == "equal":
                continue
            fresh: list[str] = []
            for one in wanted[new_first:new_last]:
                fresh += item(one, indent)
            if how == "insert":
                at = lines[first][0] if first < len(lines) else lines[-1][1]
                yield self._insert(at, fresh)
            else:
                start, end = lines[first][0], lines[last - 1][1]
                yield _Edit(start, end, "".join(line + self._newline for line in fresh))

    def _item_lines(self, node: SequenceNode, at: int) -> tuple[int, int]:
        """The characters of an item with the comments above it, but for those above the first."""
        if at == 0:
            start = self._line_start(self._dash(node.value[0]))
        else:
            start = self._next_line(self._end(None, node.value[at - 1]))
        return start, self._next_line(self._end(None, node.value[at]))

    def _dash(self, value: Node) -> int:
        return self._text.rindex("-", 0, value.start_mark.index)

    # ------------------------------------------------------------ places

    def _behind_colon(self, key: Node) -> int:
        found = _COLON.match(self._text, key.end_mark.index)
        if found is None:
            raise ConfigError(
                f"the key in line {key.start_mark.line + 1} is not written as `name: value`: "
                "write it so, and change it again"
            )
        return found.end()

    def _is_alias(self, key: Node | None, value: Node) -> bool:
        """Whether `*name` stands there: the node's own place is then where `&name` is."""
        return key is not None and value.start_mark.index < key.end_mark.index

    def _end(self, key: Node | None, value: Node) -> int:
        """Where the text of a value ends."""
        if self._is_alias(key, value) and key is not None:
            found = _ALIAS.match(self._text, self._behind_colon(key))
            return found.end() if found is not None else self._behind_colon(key)
        if isinstance(value, ScalarNode) or getattr(value, "flow_style", False):
            end = int(value.end_mark.index)
            # A text of several lines (|) ends where the next line begins.
            while end > value.start_mark.index and self._text[end - 1 : end] in ("\n", "\r"):
                end -= 1
            return end
        if isinstance(value, MappingNode):
            return self._end(*value.value[-1])
        return self._end(None, value.value[-1])

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _next_line(self, index: int) -> int:
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1


def _is_list(node: Node) -> TypeGuard[SequenceNode]:
    """Whether it is a list with an item a line."""
    return isinstance(node, SequenceNode) and not node.flow_style


def _is_mapping(node: Node) -> TypeGuard[MappingNode]:
    """Whether it is a mapping that can be edited key by key."""
    return (
        isinstance(node, MappingNode)
        and not node.flow_style
        and all(str(name.value) != "<<" for name, _ in node.value)
    )


def _canon(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True)


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON: 1 is neither true nor 1.0."""
    return _canon(one) == _canon(other)
