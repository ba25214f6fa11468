"""The hash-chained audit: each line's hash covers the line and the hash before it.

A line that is changed, removed or put in between later breaks every hash after it. The agent core
and the dashboard each write a chain of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, insert, select

from hazard.store.anchors import ChainHead
from hazard.store.tables import AuditRow, Base

GENESIS = "0" * 64
TELL_EVERY = 1000
_INSERT = insert(Base.metadata.tables[AuditRow.__tablename__])
_ALL = select(AuditRow).order_by(AuditRow.audit_id).execution_options(yield_per=1000)
_NEWEST = (
    select(AuditRow.hash)
    .where(AuditRow.chain == bindparam("chain"))
    .order_by(AuditRow.audit_id.desc())
    .limit(1)
)


def line_hash(
    previous: str,
    *,
    chain: str,
    at: datetime,
    actor: str,
    verb: str,
    subject: str,
    details: dict[str, JsonValue],
) -> str:
    """sha256 over the previous hash and the line as canonical JSON (sorted keys, UTC)."""
    line = {
        "chain": chain,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": actor,
        "verb": verb,
        "subject": subject,
        "details": details,
    }
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


class AuditEntry(NamedTuple):
    """What one line says."""

    at: datetime
    actor: str
    verb: str
    subject: str
    details: dict[str, JsonValue]


def append_audit(connection: Connection, chain: str, entry: AuditEntry) -> None:
    """Write one line at the end of its chain, in the caller's transaction."""
    append_entries(connection, chain, (entry,))


def append_entries(connection: Connection, chain: str, entries: Sequence[AuditEntry]) -> None:
    """Write lines at the end of their chain, in the caller's transaction."""
    if not entries:
        return
    previous = connection.execute(_NEWEST, {"chain": chain}).scalar_one_or_none() or GENESIS
    rows: list[dict[str, Any]] = []
    for entry in entries:
        line = {"chain": chain, **entry._asdict()}
        digest = line_hash(previous, **line)
        rows.append(line | {"previous_hash": previous, "hash": digest})
        previous = digest
    connection.execute(_INSERT, rows)


def verify_audit(
    connection: Connection,
    anchored: Sequence[ChainHead] = (),
    tell: Callable[[int], None] | None = None,
) -> tuple[int, str | None]:
    """Recompute every chain: number of lines checked, and the first fault in words or None.

    Each of the `anchored` heads must occur in its chain: a chain that was cut off at its end, or
    written anew, is whole in itself. On a replica each node has chains of its own. `tell` hears
    after every thousand lines how many were checked.
    """
    heads: dict[tuple[str, str, int], list[ChainHead]] = {}
    for head in anchored:
        heads.setdefault((head.node, head.chain, head.count), []).append(head)
    ends: dict[tuple[str, str], tuple[int, str]] = {}
    checked = 0
    with connection.execute(_ALL) as lines:
        for row in lines.mappings():
            whose = row["node"], row["chain"]
            count, previous = ends.get(whose, (0, GENESIS))
            expected = line_hash(
                previous,
                chain=row["chain"],
                at=row["at"],
                actor=row["actor"],
                verb=row["verb"],
                subject=row["subject"],
                details=row["details"],
            )
            where = f"line {row['audit_id']} of {_named(*whose)}"
            if row["previous_hash"] != previous or row["hash"] != expected:
                return checked, f"{where} was changed, or a line before it was removed"
            for head in heads.pop((*whose, count + 1), ()):
                if head.hash != row["hash"]:
                    return checked, f"{where} is another than it was at {_time(head.at)}"
            ends[whose] = count + 1, row["hash"]
            checked += 1
            if tell is not None and checked % TELL_EVERY == 0:
                tell(checked)
    return checked, _cut_off([head for left in heads.values() for head in left], ends)


def _cut_off(
    missing: Sequence[ChainHead], ends: dict[tuple[str, str], tuple[int, str]]
) -> str | None:
    """What heads say that lie behind the end of their chain."""
    newest = max(missing, key=lambda head: (head.at, head.count), default=None)
    if newest is None:
        return None
    count, _ = ends.get((newest.node, newest.chain), (0, ""))
    return (
        f"{_named(newest.node, newest.chain)} ends after {count} lines: the lines "
        f"{count + 1} to {newest.count} were there at {_time(newest.at)} and were cut off"
    )


def _named(node: str, chain: str) -> str:
    return f"chain {chain!r}" + (f" of node {node!r}" if node else "")


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
