"""Pages of a PDF: a letterhead, sections with charts and tables, page numbers; European text."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.resources import as_file, files
from itertools import accumulate

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from hazard.reports.parts import Chart, Section, Series, Table, number, show
from hazard.reports.words import say

FONT = "DejaVu"
MARGIN_MM, LINE_MM = 16.0, 5.0
CHART_MM, BAR_MM = 38.0, 5.5
HEAD_MM = 32.0
"""Title and sentences of a section, and the beginning of its table."""
ROWS = 60
"""Rows of a table that are printed; the page and the CSV file have all."""
LABELS = 7

INK, SOFT, LINE = (21, 24, 27), (71, 77, 84), (179, 183, 188)
TONES = {
    "critical": (200, 16, 46),
    "high": (232, 115, 10),
    "medium": (242, 197, 0),
    "low": (21, 151, 184),
    "plain": (110, 117, 125),
}


class Paper(FPDF):
    """A4 pages in one language; what stands at the foot of each is told once."""

    def __init__(self, language: str, *, title: str, foot: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table
        self._language, self._foot = language, foot
        folder = files("hazard.reports").joinpath("fonts")
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            with as_file(folder.joinpath(name)) as path:
                self.add_font(FONT, style, path)
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 4)
        self.set_title(title)
        self.set_creator("Hazard Edge")
        self.set_lang(language)
        self.set_creation_date(made_at)
        self.alias_nb_pages()
        self.add_page()

    def footer(self) -> None:
        """The page's number, and what the report is not."""
        self.set_y(-MARGIN_MM)
        self._write(self._foot, size=7, color=SOFT, height=3.5)
        pages = say("page", self._language, page=self.page_no(), pages="{nb}")
        self.set_font(FONT, size=8)
        self.cell(0, 4, pages, align="R")

    # ------------------------------------------------------------ text

    def head(self, title: str, lines: Iterable[str]) -> None:
        """The title and what stands under it."""
        self._write(title, size=18, style="B", height=9)
        for line in lines:
            self._write(line, size=10, color=SOFT)
        self.ln(2)

    def section(self, section: Section) -> None:
        """Title, sentences, chart and table."""
        if self.will_page_break(_together_mm(section)):
            self.add_page()
        self.ln(4)
        self.start_section(plain(section.title))
        self._write(section.title, size=12, style="B", height=7)
        for sentence in section.sentences:
            self._write(sentence, size=9.5)
        if section.chart is not None and section.chart.labels:
            self.ln(1)
            self._chart(section.chart)
        if section.table.rows:
            self.ln(1)
            self._table(section.table)
        if section.source:
            self._write(section.source, size=7.5, color=SOFT, height=4)

    def _write(
        self,
        text: str,
        *,
        size: float,
        style: str = "",
        color: tuple[int, int, int] = INK,
        height: float = LINE_MM,
    ) -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*color)
        self.multi_cell(0, height, plain(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(*INK)

    # ------------------------------------------------------------ tables

    def _table(self, table: Table) -> None:
        self.set_font(FONT, size=7.5)
        self.set_draw_color(*LINE)
        self.set_fill_color(255)
        right = [column.kind in ("number", "seconds", "rate") for column in table.columns]
        shown = [
            [
                plain(show(value, column, self._language))
                for value, column in zip(row, table.columns, strict=True)
            ]
            for row in table.rows[:ROWS]
        ]
        with self.table(
            col_widths=self._widths(table, shown),
            text_align=["RIGHT" if each else "LEFT" for each in right],
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=INK),
            line_height=4.2,
            padding=0.6,
        ) as grid:
            heads = grid.row()
            for column in table.columns:
                heads.cell(plain(column.title))
            for cells in shown:
                row = grid.row()
                for cell in cells:
                    row.cell(cell)
        if len(table.rows) > ROWS:
            self._write(f"… +{len(table.rows) - ROWS}", size=7.5, color=SOFT, height=4)

    def _widths(self, table: Table, shown: Sequence[Sequence[str]]) -> tuple[float, ...]:
        """By what stands in each column, words of the head kept whole where they fit."""
        widths = []
        for at, column in enumerate(table.columns):
            cells = [cells[at] for cells in shown]
            words = plain(column.title).split() or [""]
            longest = max((self.get_string_width(text) for text in (*words, *cells)), default=0.0)
            widths.append(min(longest, 60.0) + 3.0)
        return tuple(widths)

    # ------------------------------------------------------------ charts

    def _chart(self, chart: Chart) -> None:
        if chart.kind == "columns":
            self._columns(chart)
        else:
            self._bars(chart)
        if len(chart.series) > 1:
            self._legend(chart.series)

    def _columns(self, chart: Chart) -> None:
        if self.will_page_break(CHART_MM + 12):
            self.add_page()
        left, top, width = self.l_margin, self.get_y() + 2, self.epw
        place = width / len(chart.labels)
        for at, values in enumerate(chart.values):
            base = top + CHART_MM
            for series, value in zip(chart.series, values, strict=True):
                height = CHART_MM * value / chart.most
                base -= height
                self._block(left + place * (at + 0.1), base, place * 0.8, height, series.tone)
        self.set_draw_color(*SOFT)
        self.line(left, top + CHART_MM, left + width, top + CHART_MM)
        self.set_font(FONT, size=7)
        self.set_text_color(*SOFT)
        self.text(left, top - 0.6, number(chart.most, self._language))
        every = -(-len(chart.labels) // LABELS)
        for at in range(0, len(chart.labels), every):
            self.text(left + place * (at + 0.1), top + CHART_MM + 3.6, plain(chart.labels[at]))
        self.set_text_color(*INK)
        self.set_y(top + CHART_MM + 6)

    def _bars(self, chart: Chart) -> None:
        self.set_font(FONT, size=8)
        label_mm, value_mm = 58.0, 18.0
        width = self.epw - label_mm - value_mm
        for label, values in zip(chart.labels, chart.values, strict=True):
            if self.will_page_break(BAR_MM):
                self.add_page()
                self.set_font(FONT, size=8)
            top = self.get_y()
            self.set_text_color(*INK)
            self.cell(label_mm, BAR_MM, self._fitted(plain(label), label_mm - 2))
            ends = list(accumulate(width * value / chart.most for value in values))
            for series, begin, end in zip(chart.series, [0.0, *ends], ends, strict=False):
                self._block(
                    self.l_margin + label_mm + begin, top + 1, end - begin, BAR_MM - 2, series.tone
                )
            self.set_x(self.l_margin + label_mm + width)
            told = number(sum(values), self._language)
            self.cell(value_mm, BAR_MM, told, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)

    def _block(self, x: float, y: float, width: float, height: float, tone: str) -> None:
        if width > 0 and height > 0:
            self.set_fill_color(*TONES[tone])
            self.rect(x, y, width, height, style="F")

    def _legend(self, series: Sequence[Series]) -> None:
        self.set_font(FONT, size=7.5)
        for each in reversed(series):
            self._block(self.get_x(), self.get_y() + 0.8, 2.6, 2.6, each.tone)
            self.set_x(self.get_x() + 3.6)
            self.cell(self.get_string_width(each.name) + 5, 4.2, each.name)
        self.ln(5)

    def _fitted(self, text: str, width: float) -> str:
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text + "…"


def _together_mm(section: Section) -> float:
    """What of a section should not be torn apart: title, sentences and chart."""
    if section.chart is None:
        return HEAD_MM
    columns = section.chart.kind == "columns"
    return HEAD_MM + (CHART_MM + 12 if columns else BAR_MM * len(section.chart.labels) + 8)


def plain(text: str) -> str:
    """Text without control characters: names from outside must not move anything on the page."""
    return "".join(" " if unicodedata.category(each)[0] == "C" else each for each in text)
