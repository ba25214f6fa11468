"""What goes to the replica at once: rows that belong together, and the cursors that they move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    AuditRow,
    Base,
    CaseFileRow,
    EvidenceRow,
    IncidentRow,
    RevisionRow,
    SuppressionOrderRow,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """How the rows of one table are copied.

    Attributes:
        key: the columns that name a row on the replica.
        newer: a column that only grows: a row that is newer there stays. None: the row that comes
            is as new as any.
        fixed: a row that is there never changes.
    """

    key: tuple[str, ...]
    newer: str | None = None
    fixed: bool = False


COPIED: dict[type[Base], Copied] = {
    IncidentRow: Copied(key=("incident_id",), newer="updated_at"),
    AlertRow: Copied(key=("alert_id",), newer="revision"),
    RevisionRow: Copied(key=("alert_id", "revision"), fixed=True),
    AssessmentRow: Copied(key=("assessment_id",)),
    EvidenceRow: Copied(key=("evidence_id", "incident_id")),
    CaseFileRow: Copied(key=("alert_id",), newer="updated_at"),
    SuppressionOrderRow: Copied(key=("order_id", "node")),
    ActionRequestRow: Copied(key=("request_id", "node")),
    AuditRow: Copied(key=("node", "chain", "previous_hash"), fixed=True),
}
"""What is copied, in the order of the references. The outbox, delivery marks, notices, sessions,
login codes and readings stay on the node."""


def revisions_cursor(node: str) -> str:
    """The cursor of a node's revisions: a sequence number."""
    return f"replica/{node}"


def audit_cursor(node: str) -> str:
    """The cursor of a node's audit: an `audit_id` of the node's database."""
    return f"replica/{node}/audit"


def changes_cursor(node: str) -> str:
    """The cursor of a node's other changes: a `change_id` of the node's database."""
    return f"replica/{node}/changes"


@dataclass(slots=True)
class Portion:
    """Rows as the replica stores them, and each cursor's old and new position.

    Attributes:
        node: the box that they come from.
        moves: cursor to (position before, position after).
        complete: whether nothing was left behind them when they were read.
        audit_hash: hash of the audit line at the audit's new position; None if it did not move.
    """

    node: str
    moves: dict[str, tuple[int, int]] = field(default_factory=dict)
    complete: bool = True
    audit_hash: str | None = None
    _rows: dict[type[Base], dict[tuple[Any, ...], Row]] = field(default_factory=dict)

    def add(self, table: type[Base], rows: Iterable[Row]) -> None:
        """Add rows of a table, each once, in their order."""
        present = self._rows.setdefault(table, {})
        key = COPIED[table].key
        for row in rows:
            present.setdefault(tuple(row[column] for column in key), row)

    def of(self, table: type[Base]) -> list[Row]:
        """The rows of a table."""
        return list(self._rows.get(table, {}).values())
