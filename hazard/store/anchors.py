"""Heads of the audit's chains, kept outside of the database: what cuts a chain off at its end.

A chain that loses its last lines is whole in itself. So the core notes now and then how far each
chain is (number of lines, hash of the newest) in a file beside the database, one JSON object a
line, synced; a check finds each of them in its chain, or says what is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError
from sqlalchemy import Connection, func, select

from hazard.store.tables import AuditRow
from hazard.types import Model, UtcTime

FILE_NAME = "audit.heads"
"""Beside the database."""
MAX_BYTES = 1_000_000
"""Some 5,000 heads. Beyond it every second of the older half goes, so that old times stay known,
the older the more coarsely."""
PRIVATE = 0o600


class ChainHead(Model):
    """How far a chain of the audit was: its number of lines, and the hash of the newest."""

    node: str = Field(default="", max_length=64, description="of a replica: whose chain")
    chain: str = Field(max_length=16)
    count: int = Field(ge=1)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: UtcTime = Field(description="when it was seen")

    def __str__(self) -> str:
        """As `hazard audit verify` prints it, and takes it with --expect."""
        return f"{self.chain}:{self.count}:{self.hash}"


class ChainEnds:
    """How far each chain is now; counts only what is new since it was asked before."""

    def __init__(self) -> None:
        self._seen = 0
        self._counts: dict[tuple[str, str], tuple[int, str]] = {}

    def read(self, connection: Connection, now: datetime) -> list[ChainHead]:
        """The head of each chain."""
        newest = (
            select(
                AuditRow.node,
                AuditRow.chain,
                func.count().label("lines"),
                func.max(AuditRow.audit_id).label("last"),
            )
            .where(AuditRow.audit_id > self._seen)
            .group_by(AuditRow.node, AuditRow.chain)
        )
        for row in connection.execute(newest).all():
            of_last = select(AuditRow.hash).where(AuditRow.audit_id == row.last)
            before, _ = self._counts.get((row.node, row.chain), (0, ""))
            digest = str(connection.execute(of_last).scalar_one())
            self._counts[row.node, row.chain] = before + row.lines, digest
            self._seen = max(self._seen, row.last)
        return [
            ChainHead(node=node, chain=chain, count=count, hash=digest, at=now)
            for (node, chain), (count, digest) in sorted(self._counts.items())
        ]


class Anchors:
    """The file of heads; written by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: dict[tuple[str, str], int] = {}

    def note(self, heads: Sequence[ChainHead]) -> list[ChainHead]:
        """Append the heads of chains that have grown, synced; gives those that were written.

        Raises:
            OSError: if the disk does not take them.
        """
        grown = [head for head in heads if self._noted.get((head.node, head.chain), 0) < head.count]
        if not grown:
            return []
        text = "".join(head.model_dump_json() + "\n" for head in grown)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, PRIVATE)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                text = "\n" + text  # the power went in the middle of a line
            data = text.encode()
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{self._path} was written in part")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._noted |= {(head.node, head.chain): head.count for head in grown}
        if size + len(data) > MAX_BYTES:
            self._thin_out()
        return grown

    def _thin_out(self) -> None:
        lines = self._path.read_bytes().splitlines(keepends=True)
        older, newer = lines[: len(lines) // 2], lines[len(lines) // 2 :]
        temporary = self._path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([*older[::2], *newer])
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def read_anchors(path: Path) -> tuple[list[ChainHead], int]:
    """The heads of the file, and how many of its lines cannot be read; none if it is not there.

    Raises:
        OSError: if the file cannot be read.
    """
    if not path.exists():
        return [], 0
    heads: list[ChainHead] = []
    unreadable = 0
    for line in path.read_bytes().splitlines():
        try:
            heads.append(ChainHead.model_validate(json.loads(line)))
        except (ValueError, ValidationError):
            unreadable += bool(line)
    return heads, unreadable


def expected_head(text: str, now: datetime) -> ChainHead:
    """A head that was kept elsewhere, as `CHAIN:LINES:HASH`.

    Raises:
        ValueError: if it is not of that form.
    """
    try:
        chain, count, digest = text.strip().split(":")
        return ChainHead(chain=chain, count=int(count), hash=digest, at=now)
    except ValueError as error:
        raise ValueError(
            f"{text[:100]!r} is no head of a chain: want CHAIN:LINES:HASH, as verify prints it"
        ) from error
