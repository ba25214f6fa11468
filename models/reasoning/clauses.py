"""Clauses of a site's procedures: headings, list items, paragraphs and sentences of a document.

What it reads is text from outside. It is taken as it stands and never put into a prompt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_CLAUSE = 2000
"""Characters of one clause that are looked at."""
MAX_SECTION = 160
_HEADING_WORDS = 12
_ABBREVIATION = 2
"""A full stop after a word this short ends no sentence: `e.g.`, `z.B.`, `Nr.` has three."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ATX = re.compile(r"\s{0,3}(#{1,6})\s(.*)$")
_SETEXT = re.compile(r"\s{0,3}(=+|-+)\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪\u2013]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(.*)$")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULE = re.compile(r"[\s|:*_-]*$")
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,4}\.?\s+[^\W\d_]")
_BORDER = re.compile(r"[.!?][\"”»')]*\s+")
_WEAK_BORDER = re.compile(r"[.!?;:][\"”»')]*\s+")
_LAST_WORD = re.compile(r"[^\W\d_]+$")


@dataclass(frozen=True, slots=True)
class Clause:
    """A list item or a paragraph, white space normalised.

    Attributes:
        section: the heading over it, and the page where there are pages.
        path: all headings over it.
        text: the words as they stand in the document.
    """

    section: str
    path: str
    text: str


def flat(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())


def harmless(text: str) -> bool:
    """Whether it holds no control, direction or invisible character: what is quoted is seen."""
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") for char in text)


def markdown(text: str) -> Iterator[Clause]:
    """The clauses of a Markdown document; code, comments and front matter are none."""
    headings: dict[int, str] = {}
    block: list[str] = []

    def ended() -> Iterator[Clause]:
        if block:
            yield from _clause(headings, block)
            block.clear()

    for line in _prose(text):
        atx, item = _ATX.match(line), _ITEM.match(line)
        if atx:
            yield from ended()
            _under(headings, len(atx.group(1)), atx.group(2).rstrip().rstrip("#"))
        elif len(block) == 1 and _SETEXT.match(line):
            _under(headings, 1 if "=" in line else 2, block.pop())
        elif not line.strip() or _RULE.match(line):
            yield from ended()
        elif item or line.lstrip().startswith("|"):
            yield from ended()
            block.append(item.group(1) if item else line)
        else:
            block.append(line.lstrip(" >\t"))
    yield from ended()


def _prose(text: str) -> Iterator[str]:
    lines = _COMMENT.sub(" ", text).splitlines()
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:40]):
        del lines[: next(i for i, line in enumerate(lines) if i and line.strip() == "---") + 1]
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and fence in ("", mark.group(1)):
            fence = "" if fence else mark.group(1)
            yield ""
        elif not fence:
            yield line


def _under(headings: dict[int, str], level: int, title: str) -> None:
    for deeper in [other for other in headings if other >= level]:
        del headings[deeper]
    headings[level] = _title(title)


def _title(text: str) -> str:
    return flat("".join(c for c in text if c.isprintable()).strip("*_` "))[:MAX_SECTION]


def _clause(headings: dict[int, str], block: Sequence[str]) -> Iterator[Clause]:
    titles = [headings[level] for level in sorted(headings)]
    text = flat(" ".join(block))[:MAX_CLAUSE]
    if text:
        yield Clause(titles[-1] if titles else "", " / ".join(titles), text)


def pages(texts: Sequence[str]) -> Iterator[Clause]:
    """The clauses of a PDF's pages: list items, and lines up to one that ends a sentence.

    A numbered short line without a full stop is a heading.
    """
    heading = ""
    for number, text in enumerate(texts, 1):
        block: list[str] = []
        for line in [*text.splitlines(), ""]:
            item = _ITEM.match(line)
            title = _pdf_heading(line)
            if block and (item or title or not line.strip()):
                yield _on_page(heading, number, block)
                block = []
            if title:
                heading = title
                continue
            if line.strip():
                block.append(item.group(1) if item else line)
            if block and line.rstrip().endswith((".", "!", "?")):
                yield _on_page(heading, number, block)
                block = []


def _pdf_heading(line: str) -> str:
    line = line.strip()
    short = len(line.split()) <= _HEADING_WORDS and not line.endswith((".", "!", "?", ";", ","))
    return _title(line) if short and _NUMBERED.match(line) else ""


def _on_page(heading: str, number: int, block: Sequence[str]) -> Clause:
    page = f"page {number}"
    section = f"{heading[: MAX_SECTION - len(page) - 2]}, {page}" if heading else page
    return Clause(section, heading, flat(" ".join(block))[:MAX_CLAUSE])


def sentences(text: str, longest: int) -> list[tuple[int, int]]:
    """Where each sentence starts and ends; one that is too long is cut at `;` and `:`."""
    found: list[tuple[int, int]] = []
    for start, end in _spans(text, 0, len(text), _BORDER):
        whole = end - start <= longest
        found.extend([(start, end)] if whole else _spans(text, start, end, _WEAK_BORDER))
    return found


def _spans(text: str, start: int, end: int, border: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for match in border.finditer(text, start, end):
        word = _LAST_WORD.search(text, start, match.start())
        short = word is not None and len(word.group()) <= _ABBREVIATION
        if match.end() >= end or text[match.end()].islower() or (short and match[0][0] == "."):
            continue
        yield start, start + len(text[start : match.end()].rstrip())
        start = match.end()
    if start < end:
        yield start, start + len(text[start:end].rstrip())
