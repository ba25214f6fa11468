"""Reports that were made: rows in the database, files in a folder beside it.

A file is named by its sha256 and written before its row; what has no row is removed in the end.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Engine, Select, delete, select

from hazard.errors import StoreError
from hazard.store.notices import notice_row
from hazard.store.side_tables import ReportRow
from hazard.store.statements import insert_new
from hazard.store.tables import NoticeRow
from hazard.store.writer import Writer
from hazard.types import Model, Notice, NoticeReason, NoticeState, UtcTime

FOLDER = "reports"
"""Name of the folder in the data folder."""

WAIT_MS = 5000
"""How long a report waits for the database's lock: it has time, alarms have not."""


class Sending(Model):
    """How far a report is on one channel; `error` says why it was not taken yet, or at all."""

    channel: str
    state: NoticeState
    attempts: int
    error: str
    sent_at: UtcTime | None


class Report(Model):
    """One report of a week, named by its Monday."""

    report_id: str
    monday: date
    language: str
    sha256: str
    size_bytes: int
    alarms: int
    critical: int
    actor: str
    scheduled: bool = Field(description="made by itself, as the site file says")
    made_at: UtcTime
    sendings: tuple[Sending, ...] = Field(default=(), description="one for each channel")


class Reports:
    """Reads and writes of reports. Safe to call from any thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer

    def recent(self, *, limit: int = 60) -> list[Report]:
        """The newest reports, newest first, each with how far it is on its channels."""
        query = select(ReportRow).order_by(ReportRow.made_at.desc(), ReportRow.report_id)
        return self._read(query.limit(limit))

    def get(self, report_id: str) -> Report | None:
        """One report, or None if there is none of that id."""
        query = select(ReportRow).where(ReportRow.report_id == report_id)
        return next(iter(self._read(query)), None)

    def was_scheduled(self, monday: date) -> bool:
        """Whether the report of this week was made by itself."""
        query = select(ReportRow.report_id).where(ReportRow.monday == monday, ReportRow.scheduled)
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _read(self, query: Select[Any]) -> list[Report]:
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(_columns(query)).mappings()]
            return [
                Report.model_validate(row | {"sendings": _sendings(connection, row["report_id"])})
                for row in rows
            ]

    def add(self, report: Report, notices: Sequence[Notice]) -> None:
        """Write the report and what is to be sent of it; one that is there stays as it is.

        Raises:
            StoreError: if the store cannot be written.
        """
        row = report.model_dump(exclude={"sendings"})
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            insert_new(connection, ReportRow, [row])
            insert_new(connection, NoticeRow, [notice_row(each) for each in notices])

    def prune(self, before: datetime, folder: Path) -> int:
        """Forget reports of before then, with their files; gives their number.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction(wait_ms=WAIT_MS) as connection:
            gone = connection.execute(delete(ReportRow).where(ReportRow.made_at < before)).rowcount
        with self._engine.connect() as connection:
            kept = set(connection.execute(select(ReportRow.sha256)).scalars())
        for file in folder.glob("*.pdf"):
            if file.stem not in kept:
                file.unlink(missing_ok=True)
        return gone


def write_file(folder: Path, content: bytes) -> str:
    """Write a report's file, whole or not at all; gives the sha256 that it is named by.

    Raises:
        StoreError: if the disk does not take it.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    temporary = folder / f"{sha256}.tmp"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / f"{sha256}.pdf")
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(
            f"the report cannot be written to {folder} ({error.strerror}): make room on the disk "
            "of the data folder"
        ) from error
    return sha256


def read_file(folder: Path, sha256: str) -> bytes:
    """A report's file, as it was written.

    Raises:
        StoreError: if it is gone, or is not what was written.
    """
    try:
        content = (folder / f"{sha256}.pdf").read_bytes()
    except OSError as error:
        raise StoreError("the report's file is not on this box's disk: make it again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError("the report's file was changed on disk: make it again")
    return content


def notice_id(report_id: str, channel: str) -> str:
    """The id of the notice that sends this report by this channel."""
    return f"{NoticeReason.REPORT.value}-{report_id}-{channel}"


def _columns(query: Select[Any]) -> Select[Any]:
    return query.with_only_columns(*ReportRow.__table__.columns)


def _sendings(connection: Connection, report_id: str) -> list[dict[str, Any]]:
    query = (
        select(
            NoticeRow.channel,
            NoticeRow.state,
            NoticeRow.attempts,
            NoticeRow.error,
            NoticeRow.sent_at,
        )
        .where(
            # A range of the key: "." comes right after the "-" at the end of what they begin with.
            NoticeRow.notice_id >= notice_id(report_id, ""),
            NoticeRow.notice_id < notice_id(report_id, "").removesuffix("-") + ".",
        )
        .order_by(NoticeRow.channel)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
