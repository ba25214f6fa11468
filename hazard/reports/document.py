"""A report as PDF from its parts: headings, facts, tables, pictures and plots. No words of its own.

Whoever makes a report says everything in the reader's language and gives pictures as they may be
seen. The fonts are in the package, so that the letters of all languages are in the file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

FONTS = Path(__file__).parent / "fonts"
MARGIN_MM = 16.0
WIDTH_MM = 210.0 - 2 * MARGIN_MM
PICTURE_MM = 120.0
PLOT_MM = 55.0
LINE_MM = 2.8
"""Between the names of limits beside a plot."""
LONGEST = 4000
"""Characters of one text."""
INK, SOFT, RULE, ALARM = (20, 24, 28), (90, 96, 102), (190, 194, 198), (200, 16, 46)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what there is to say to each."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Texts, one below the other."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list; each item may be ticked (True), not ticked (False), or of neither kind (None)."""

    items: Sequence[tuple[bool | None, str]]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a head; `widths` are shares."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture as JPEG, with its caption and boxes in its pixels."""

    jpeg: bytes
    caption: str
    width_px: int
    height_px: int
    boxes: Sequence[tuple[float, float, float, float, str]] = ()


@dataclass(frozen=True, slots=True)
class Plot:
    """Values over seconds; `limits` are horizontal lines with a text, `marks` vertical ones."""

    caption: str
    points: Sequence[tuple[float, float | None]]
    limits: Sequence[tuple[str, float]]
    marks: Sequence[tuple[str, float]]
    first: str
    last: str


Part = Facts | Paragraphs | Listed | Grid | Shot | Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        footer: at the foot of each page, before its number.
        sections: heading and parts.
        made_at: the file's own date; the same document gives the same file.
    """

    title: str
    subtitle: str
    footer: str
    language: str
    made_at: datetime
    sections: Sequence[tuple[str, Sequence[Part]]] = field(default=())


class _Pages(FPDF):
    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self._document = document
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=18)
        self.add_font("DejaVu", "", FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", FONTS / "DejaVuSans-Bold.ttf")
        self.set_title(document.title)
        self.set_lang(document.language)
        self.set_creator("Hazard Edge")
        self.set_creation_date(document.made_at)
        self.alias_nb_pages()

    def footer(self) -> None:
        """What stands at the foot of each page."""
        self.set_y(-14)
        self.set_font("DejaVu", size=7.5)
        self.set_text_color(*SOFT)
        self.set_x(MARGIN_MM + WIDTH_MM - 20)
        self.cell(20, 3.4, f"{self.page_no()} / {{nb}}", align="R")
        self.set_xy(MARGIN_MM, -14)
        self.multi_cell(WIDTH_MM - 20, 3.4, _plain(self._document.footer)[:220], align="L")


def render(document: Document) -> bytes:
    """The PDF of a document."""
    pages = _Pages(document)
    pages.add_page()
    _write(pages, document.title, size=17, bold=True, after=1)
    _write(pages, document.subtitle, size=9.5, colour=SOFT, after=3)
    for heading, parts in document.sections:
        if pages.will_page_break(24):
            pages.add_page()
        pages.set_draw_color(*RULE)
        pages.line(MARGIN_MM, pages.get_y() + 1, MARGIN_MM + WIDTH_MM, pages.get_y() + 1)
        pages.ln(3)
        pages.start_section(_plain(heading))
        _write(pages, heading, size=12, bold=True, after=1.5)
        for part in parts:
            _draw(pages, part)
            pages.ln(1.5)
    return bytes(pages.output())


def _draw(pages: FPDF, part: Part) -> None:
    match part:
        case Facts():
            _facts(pages, part)
        case Paragraphs():
            _paragraphs(pages, part)
        case Listed():
            _listed(pages, part)
        case Grid():
            _grid(pages, part)
        case Shot():
            _shot(pages, part)
        case Plot():
            _plot(pages, part)


def _plain(text: str) -> str:
    """Without control characters; other fonts' letters come out as boxes, never as an error."""
    kept = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    return kept[:LONGEST]


def _write(
    pages: FPDF,
    text: str,
    *,
    size: float = 9.5,
    bold: bool = False,
    colour: tuple[int, int, int] = INK,
    after: float = 0.8,
    indent: float = 0.0,
) -> None:
    pages.set_font("DejaVu", "B" if bold else "", size)
    pages.set_text_color(*colour)
    pages.set_x(MARGIN_MM + indent)
    pages.multi_cell(
        WIDTH_MM - indent,
        size * 0.5,
        _plain(text),
        align="L",
        new_x=XPos.LMARGIN,
        new_y=YPos.NEXT,
    )
    pages.ln(after)


def _paragraphs(pages: FPDF, part: Paragraphs) -> None:
    for text in part.texts:
        _write(pages, text)


def _facts(pages: FPDF, part: Facts) -> None:
    for name, text in part.lines:
        _write(pages, name, size=8, colour=SOFT, after=0.2)
        _write(pages, text, indent=4, after=1.2)


def _listed(pages: FPDF, part: Listed) -> None:
    for ticked, text in part.items:
        sign = {True: "\u2611", False: "\u2610", None: "\u2022"}[ticked]
        _write(pages, f"{sign}  {text}", indent=2)


def _grid(pages: FPDF, part: Grid) -> None:
    pages.set_font("DejaVu", size=8)
    pages.set_text_color(*INK)
    pages.set_draw_color(*RULE)
    head = FontFace(emphasis="BOLD", color=INK, fill_color=(238, 239, 241))
    with pages.table(
        width=WIDTH_MM,
        col_widths=tuple(part.widths),
        text_align="LEFT",
        headings_style=head,
        line_height=4.4,
        padding=0.8,
    ) as table:
        for row in (part.head, *part.rows):
            table.row([_plain(cell) for cell in row])


def _shot(pages: FPDF, part: Shot) -> None:
    width = min(PICTURE_MM, WIDTH_MM)
    height = width * part.height_px / max(1, part.width_px)
    if pages.will_page_break(height + 8):
        pages.add_page()
    left, top = MARGIN_MM, pages.get_y()
    pages.image(io.BytesIO(part.jpeg), left, top, w=width, h=height, alt_text=_plain(part.caption))
    scale = width / max(1, part.width_px)
    pages.set_draw_color(255, 212, 0)
    pages.set_font("DejaVu", "B", 6.5)
    pages.set_text_color(255, 212, 0)
    for x1, y1, x2, y2, name in part.boxes:
        x, y = left + x1 * scale, top + y1 * scale
        pages.rect(x, y, (x2 - x1) * scale, (y2 - y1) * scale)
        pages.text(x, max(top + 3, y - 0.8), _plain(name)[:60])
    pages.set_y(top + height + 1)
    _write(pages, part.caption, size=8, colour=SOFT)


def _plot(pages: FPDF, part: Plot) -> None:
    values = [value for _, value in part.points if value is not None]
    if not values:
        return
    if pages.will_page_break(PLOT_MM + 12):
        pages.add_page()
    _write(pages, part.caption, size=8, colour=SOFT)
    left, top = MARGIN_MM + 4, pages.get_y()
    width, height = WIDTH_MM - 34, PLOT_MM - 8
    low = min(0.0, *values)
    high = max(*values, *(at for _, at in part.limits)) if part.limits else max(values)
    span = (high - low) * 1.06 or 1.0
    start, end = part.points[0][0], part.points[-1][0]

    def place(at: float, value: float) -> tuple[float, float]:
        share = (at - start) / ((end - start) or 1.0)
        return left + share * width, top + height - (value - low) / span * height

    pages.set_draw_color(*RULE)
    pages.rect(left, top, width, height)
    pages.set_font("DejaVu", size=7)
    pages.set_draw_color(*ALARM)
    pages.set_text_color(*INK)
    named = top - LINE_MM
    for name, at in sorted(part.limits, key=lambda limit: -limit[1]):
        _, y = place(start, at)
        _dashed(pages, (left, y), (left + width, y))
        named = max(y + 1, named + LINE_MM)
        pages.text(left + width + 1.5, named, _plain(name)[:24])
    pages.set_draw_color(*INK)
    for word, at in part.marks:
        if start <= at <= end:
            x, _ = place(at, low)
            _dashed(pages, (x, top), (x, top + height))
            pages.text(x + 1, top + 3, _plain(word)[:24])
    line: list[tuple[float, float]] = []
    for at, value in (*part.points, (end, None)):
        if value is not None:
            line.append(place(at, value))
        elif line:
            pages.polyline(line)
            line = []
    pages.set_text_color(*SOFT)
    pages.text(left, top + height + 3.6, part.first)
    pages.text(left + width - 14, top + height + 3.6, part.last)
    pages.set_y(top + height + 6)


def _dashed(pages: FPDF, start: tuple[float, float], end: tuple[float, float]) -> None:
    pages.set_dash_pattern(dash=1.4, gap=1.0)
    pages.line(*start, *end)
    pages.set_dash_pattern()
