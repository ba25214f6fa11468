"""Tables as CSV, JSON lines and Parquet, written row by row: a million rows need no memory.

CSV follows RFC 4180 in UTF-8. A text that a spreadsheet would take for a formula gets an
apostrophe before it (OWASP, CSV injection): comments and names are written by anybody.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from hazard.errors import StoreError

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of a formula, also in full width (OWASP, CSV injection)."""
ROW_GROUP = 10_000
"""Rows of a row group in Parquet: what is held in memory."""


class Format(StrEnum):
    """How a list is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a list.

    Attributes:
        name: with the unit, where it is a quantity; `_utc` for times.
        type: `json` is a nested value: text in CSV and Parquet.
    """

    name: str
    type: Literal["text", "integer", "number", "boolean", "time", "json"] = "text"


Line = Mapping[str, Any]


class Writer(Protocol):
    """Writes rows to a file that is new."""

    def write(self, rows: Sequence[Line]) -> None:
        """Append rows."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: object, error: object, trace: object, /) -> None: ...


def open_writer(form: Format, path: Path, columns: Sequence[Column]) -> Writer:
    """The writer of a format.

    Raises:
        StoreError: if Parquet is wanted and pyarrow is not installed.
    """
    if form is Format.PARQUET:
        return _Parquet(path, columns)
    return _Csv(path, columns) if form is Format.CSV else _JsonLines(path, columns)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond: `2026-03-01T12:00:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Text:
    """A text file with one row after the other."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, _error: object, _trace: object, /) -> None:
        self.file.close()


class _Csv(_Text):
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        super().__init__(path, columns)
        self._writer = csv.writer(self.file)
        self._writer.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Line]) -> None:
        self._writer.writerows([cell(row[c.name], c) for c in self.columns] for row in rows)


class _JsonLines(_Text):
    def write(self, rows: Sequence[Line]) -> None:
        for row in rows:
            line = {column.name: _plain(row[column.name]) for column in self.columns}
            self.file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


class _Parquet:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - large, and an extra
            from pyarrow import parquet  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise StoreError(
                "Parquet needs pyarrow, which is not installed: install the extra `parquet` "
                "(pip install 'hazard-edge[parquet]'), or export csv or jsonl"
            ) from error
        types = {
            "text": pa.string(),
            "json": pa.string(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "time": pa.timestamp("us", tz="UTC"),
        }
        self._columns = columns
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._table = pa.Table.from_pylist
        self._waiting: list[dict[str, Any]] = []
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(parquet.ParquetWriter(path, self._schema))

    def write(self, rows: Sequence[Line]) -> None:
        self._waiting += [{c.name: _typed(row[c.name], c) for c in self._columns} for row in rows]
        if len(self._waiting) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._table(self._waiting, schema=self._schema))
            self._waiting = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, _error: object, _trace: object, /) -> None:
        with self._stack:
            if kind is None:
                self._flush()


def cell(value: Any, column: Column) -> Any:
    """A value as a cell of a CSV file that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if column.type == "boolean":
        return "true" if value else "false"
    if column.type in ("integer", "number"):
        return value
    text = _plain(value) if column.type == "time" else _typed(value, column)
    text = str(text).replace("\x00", "\u2400")
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA_STARTS) else text


def _typed(value: Any, column: Column) -> Any:
    if column.type == "json" and value is not None:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
