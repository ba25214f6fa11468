"""The hash-chained audit: each line's hash covers the line and the hash before it.

A line that is changed, removed or put in between later breaks every hash after it. The agent core
and the dashboard each write a chain of their own.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import Connection, insert, select

from hazard.store.tables import AuditRow, Base

GENESIS = "0" * 64
_INSERT = insert(Base.metadata.tables[AuditRow.__tablename__])


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


def append_audit(
    connection: Connection,
    *,
    chain: str,
    at: datetime,
    actor: str,
    verb: str,
    subject: str,
    details: dict[str, JsonValue],
) -> str:
    """Write one line at the end of its chain, in the caller's transaction; gives its hash."""
    newest = (
        select(AuditRow.hash)
        .where(AuditRow.chain == chain)
        .order_by(AuditRow.audit_id.desc())
        .limit(1)
    )
    previous = connection.execute(newest).scalar_one_or_none() or GENESIS
    digest = line_hash(
        previous, chain=chain, at=at, actor=actor, verb=verb, subject=subject, details=details
    )
    connection.execute(
        _INSERT,
        {
            "chain": chain,
            "at": at,
            "actor": actor,
            "verb": verb,
            "subject": subject,
            "details": details,
            "previous_hash": previous,
            "hash": digest,
        },
    )
    return digest


def verify_audit(connection: Connection) -> tuple[int, str | None]:
    """Recompute every chain: number of lines checked, and the first fault in words or None."""
    newest: dict[str, str] = {}
    checked = 0
    for row in connection.execute(select(AuditRow).order_by(AuditRow.audit_id)).mappings():
        previous = newest.get(row["chain"], GENESIS)
        expected = line_hash(
            previous,
            chain=row["chain"],
            at=row["at"],
            actor=row["actor"],
            verb=row["verb"],
            subject=row["subject"],
            details=row["details"],
        )
        if row["previous_hash"] != previous or row["hash"] != expected:
            where = f"line {row['audit_id']} of chain {row['chain']!r}"
            return checked, f"{where} was changed, or a line before it was removed"
        newest[row["chain"]] = row["hash"]
        checked += 1
    return checked, None
