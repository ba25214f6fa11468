"""YAML 1.2 read into plain data with the place of every node, within bounds.

The events of the parser are put together here and not by its composer, so that depth, number of
nodes and alias expansion are bounded before anything is built, every duplicate key is reported,
and scalars follow the core schema of YAML 1.2.2 (section 10.3.2): `yes` and `on` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from hazard.site.problems import MAX_PROBLEMS, KeyPath, Problem, Reporter, printable, show
from hazard.site.scalars import Unreadable, plain_value

MAX_DEPTH = 24
MAX_NODES = 50_000

_STR_TAG = "tag:yaml.org,2002:str"
Place = tuple[int, int]


@dataclass(slots=True)
class Node:
    """A scalar, a list or a mapping, where it stands (1-based), and its depth below itself."""

    place: Place
    value: Any = None
    items: list[Node] | None = None
    pairs: list[tuple[str, Place, Node]] | None = None
    height: int = 0
    size: int = 1


@dataclass(slots=True)
class Document:
    """Plain data of a file, with the place of each key and each value."""

    data: Any
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    refused: set[KeyPath] = field(default_factory=set)
    """Paths of values that were refused while reading, so that they are not reported twice."""

    def key_place(self, path: KeyPath) -> Place:
        """Where the key of `path` stands, else that of the nearest parent."""
        return self._nearest(self.keys, path)

    def value_place(self, path: KeyPath) -> Place:
        """Where the value of `path` starts (its key, if it is empty), else the nearest parent's."""
        if path in self.keys and self.at(path) is None:
            return self.keys[path]
        return self._nearest(self.values, path)

    def _nearest(self, places: dict[KeyPath, Place], path: KeyPath) -> Place:
        for length in range(len(path), -1, -1):
            head = path[:length]
            found = places.get(head) or self.values.get(head)
            if found is not None:
                return found
        return (1, 1)

    def at(self, path: KeyPath) -> Any:
        """The value at `path`, or None."""
        value = self.data
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """The text cannot be read further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def parse(text: str, reporter: Reporter) -> tuple[Document | None, list[Problem]]:
    """Data of `text`, and what is wrong with it; no data where it cannot be read at all."""
    builder = _Builder(reporter)
    try:
        events = YAML(typ="safe", pure=True).parse(text)
        root = builder.build(events)
    except _Refused as refused:
        return None, [*builder.problems, refused.problem]
    except ReaderError as error:
        return None, [*builder.problems, _reader_problem(error, text, reporter)]
    except MarkedYAMLError as error:
        return None, [*builder.problems, _syntax_problem(error, reporter)]
    except (YAMLError, ValueError, RecursionError, IndexError, AttributeError) as error:
        what = f"cannot be read as YAML: {type(error).__name__}"
        return None, [*builder.problems, reporter.whole(what, "mend its syntax")]
    if root is None:
        what = "the file is empty"
        return None, [reporter.problem((1, 1), (), what, "write one with: hazard init")]
    document = Document(data=None, refused=builder.refused)
    document.data = _flatten(root, (), document)
    return document, builder.problems


def _reader_problem(error: ReaderError, text: str, reporter: Reporter) -> Problem:
    position = int(getattr(error, "position", 0) or 0)
    before = text[:position]
    place = (before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
    return reporter.problem(
        place, (), "a control character that YAML does not allow", "remove the character"
    )


def _syntax_problem(error: MarkedYAMLError, reporter: Reporter) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    # Names between quotes come from the file and may be an unquoted secret: they are left out.
    plain = [
        re.sub(r"'([^']*)'", _short_only, printable(str(part)))
        for part in (error.problem, error.context)
        if part
    ]
    what = f"YAML syntax: {', '.join(plain) or 'cannot be read'}"
    mend = "check indentation, colons and quotes here and in the line above"
    if "\\t" in str(error.problem) or "tab" in str(error.problem):
        what, mend = "a tab stands where YAML wants spaces", "indent with spaces only"
    elif "alias" in str(error.problem):
        what = "an alias (*name) whose anchor (&name) does not stand before it"
        mend = "define the anchor first, or put the text in quotes"
    elif "expected a single document" in str(error.problem):
        what, mend = "a second document (---)", "keep one document in the file"
    return reporter.problem(place, (), what, mend)


def _short_only(quoted: re.Match[str]) -> str:
    """Keep what the parser itself says, such as `']'` and `'<block end>'`."""
    own = re.fullmatch(r".|<[a-z ]+>", quoted.group(1)) is not None
    return quoted.group(0) if own else "…"


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read."""

    node: Node
    anchor: str | None
    key: tuple[str, Place] | None = None
    merges: list[Node] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


class _Builder:
    """Puts a tree together from the parser's events, without recursion."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.problems: list[Problem] = []
        self.refused: set[KeyPath] = set()
        self._anchors: dict[str, Node] = {}
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0

    def build(self, events: Iterable[Event]) -> Node | None:
        """The root, or None for an empty text."""
        documents = 0
        for event in events:
            place = _place(event)
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(place, "a second document (---)", "keep one document in the file")
            elif isinstance(event, ScalarEvent):
                self._scalar(event, place)
            elif isinstance(event, AliasEvent):
                self._alias(event, place)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._start(event, place)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._end()
        if self._root is not None and self._root.value is None and _is_scalar(self._root):
            return None
        return self._root

    def _refuse(self, place: Place, what: str, mend: str) -> None:
        raise _Refused(self.reporter.problem(place, self._path(), what, mend))

    def _report(self, place: Place, what: str, mend: str, value: str = "") -> None:
        path = self._path()
        self.refused.add(path)
        self.problems.append(self.reporter.problem(place, path, what, mend, value))
        if len(self.problems) >= MAX_PROBLEMS:
            self._refuse(place, "too many problems to go on", "mend those above first")

    def _path(self) -> KeyPath:
        path: list[str | int] = []
        for level in self._stack:
            if level.node.items is not None:
                path.append(len(level.node.items))
            elif level.key is not None:
                path.append(level.key[0])
        return tuple(path)

    def _count(self, size: int, place: Place) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            what = f"more than {MAX_NODES} values, aliases counted as often as they are used"
            self._refuse(place, what, "make the file smaller, or use fewer aliases")

    def _start(self, event: MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        self._count(1, place)
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(place, f"nested deeper than {MAX_DEPTH} levels", "flatten the structure")
        self._refuse_tag(event, place)
        is_map = isinstance(event, MappingStartEvent)
        if self._awaits_key():
            what = "a key that is not plain text"
            self._refuse(place, what, "write a name, a colon and a space")
        node = Node(place, pairs=[] if is_map else None, items=None if is_map else [])
        self._stack.append(_Open(node, event.anchor))

    def _end(self) -> None:
        level = self._stack.pop()
        node = level.node
        if node.pairs is not None:
            own = {name for name, _, _ in node.pairs}
            for merged in level.merges:
                node.height = max(node.height, merged.height)
                for pair in merged.pairs or ():
                    if pair[0] not in own:
                        own.add(pair[0])
                        node.pairs.append(pair)
                        node.size += pair[2].size
        if level.anchor:
            self._anchors[level.anchor] = node
        self._add(node)

    def _alias(self, event: AliasEvent, place: Place) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            what = "an alias (*name) whose anchor (&name) does not stand before it"
            self._refuse(place, what, "define the anchor first, or put the text in quotes")
            return
        self._count(node.size, place)
        if len(self._stack) + node.height > MAX_DEPTH:
            self._refuse(place, f"nested deeper than {MAX_DEPTH} levels", "flatten the structure")
        if self._awaits_key():
            self._refuse(place, "an alias as a key", "write the name itself")
        self._add(node)

    def _scalar(self, event: ScalarEvent, place: Place) -> None:
        self._count(1, place)
        if self._awaits_key():
            self._key(event, place)
            return
        self._refuse_tag(event, place)
        text = str(event.value)
        plain = bool(event.implicit[0]) and event.style is None
        value = self._resolve(text, place) if plain else self._text(text, place)
        node = Node(place, value=value)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _key(self, event: ScalarEvent, place: Place) -> None:
        level = self._stack[-1]
        name = self._text(str(event.value), place)
        level.key = (name, place)
        first = level.lines.get(name)
        if first is not None and name != "<<":
            what = f"the key stands twice, first in line {first}"
            self._report(place, what, "remove or rename one")
        level.lines.setdefault(name, place[0])

    def _awaits_key(self) -> bool:
        if not self._stack:
            return False
        level = self._stack[-1]
        return level.node.pairs is not None and level.key is None

    def _add(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        level = self._stack[-1]
        level.node.height = max(level.node.height, node.height + 1)
        level.node.size += node.size
        if level.node.items is not None:
            level.node.items.append(node)
            return
        key = level.key
        if key is None or level.node.pairs is None:
            return
        if key[0] == "<<":
            self._merge(level, node)
        else:
            level.node.pairs.append((key[0], key[1], node))
        level.key = None

    def _merge(self, level: _Open, node: Node) -> None:
        sources = node.items if node.items is not None else [node]
        for source in sources:
            if source.pairs is None:
                self._report(node.place, "<< does not name a mapping", "write <<: *anchor")
                return
        level.merges.extend(sources)

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None and event.tag != _STR_TAG:
            self._report(place, "a tag (!…), which a site file does not use", "remove the tag")

    def _text(self, text: str, place: Place) -> str:
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._report(place, "half a surrogate pair is no character", "remove the \\u escape")
            return "?"
        return text

    def _resolve(self, text: str, place: Place) -> Any:
        """The value of a plain scalar; 0 stands for a number that was refused."""
        try:
            value = plain_value(text)
        except Unreadable as refused:
            self._report(place, refused.what, refused.mend, show(text, self._path()))
            return 0
        return self._text(value, place) if isinstance(value, str) else value


def _place(event: Event) -> Place:
    mark = event.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def _is_scalar(node: Node) -> bool:
    return node.items is None and node.pairs is None


def _flatten(node: Node, path: KeyPath, document: Document) -> Any:
    """Plain data of `node`; its places are noted in `document`. Depth is bounded by MAX_DEPTH."""
    document.values[path] = node.place
    if node.items is not None:
        return [_flatten(item, (*path, at), document) for at, item in enumerate(node.items)]
    if node.pairs is not None:
        data: dict[str, Any] = {}
        for name, place, value in node.pairs:
            if name not in data:  # the first of two equal keys stands
                document.keys[(*path, name)] = place
                data[name] = _flatten(value, (*path, name), document)
        return data
    return node.value
