"""Feeds the replica, portion by portion, from where its cursors stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hazard.store.replica.portion import Portion, audit_cursor, changes_cursor, revisions_cursor
from hazard.store.replica.source import Source
from hazard.store.replica.target import Replaced, Target
from hazard.store.tables import RevisionRow

_MEND = (
    "put the right database back, or, where this one is meant to go on, give the box a new "
    "site.node: it is then copied from its beginning beside what is there"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one step has done.

    Attributes:
        revisions: copied by this step.
        complete: nothing was left behind it when it was read.
    """

    revisions: int
    complete: bool


class Feeder:
    """Copies one node's database to the replica, in one thread.

    Attributes:
        positions: how far each cursor is; empty before the replica was reached.
        position: up to this sequence everything has been copied, with all that belongs to it.

    Every method raises a StoreError if the node's database cannot be read, a Replaced if it is
    not the one that was copied before, and a SQLAlchemyError if PostgreSQL fails: the caller
    waits, then begins with `connect` again.
    """

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source, self._target, self._now = source, target, now
        self.positions: dict[str, int] = {}
        self._audit_hash: str | None = None
        self.position = 0

    def connect(self) -> None:
        """Prepare the replica, and read from it where to go on."""
        nodes = self._source.nodes()
        self._target.prepare()
        node = self._source.node
        cursors = [audit_cursor(node), changes_cursor(node), *map(revisions_cursor, nodes)]
        self.positions = self._target.positions(cursors)
        line = self.positions[audit_cursor(node)]
        stand = self._source.stand(line)
        self._audit_hash = stand.audit_hash
        self._same_as_before()
        there = self._target.last_audit_hash(node) if line else None
        known = there is None or there == stand.audit_hash or self._source.has_line(there, line)
        if line and (stand.audit_hash is None or not known):
            raise _replaced(f"its line {line} of the audit is not the one that was copied")

    def step(self) -> Progress:
        """Copy the next portion."""
        self._same_as_before()
        portion = self._source.read(self.positions)
        if portion.moves:
            self._write(portion)
        if portion.complete:
            self.position = self.positions[revisions_cursor(self._source.node)]
        return Progress(revisions=len(portion.of(RevisionRow)), complete=portion.complete)

    def copy_health(self) -> None:
        """Copy the last word of each stage of the node."""
        self._target.write_health(self._source.node, self._source.health())

    def _write(self, portion: Portion) -> None:
        try:
            self._target.write(portion, self._now())
        except Replaced as error:
            raise _replaced(str(error)) from error
        moved = {cursor: after for cursor, (_, after) in portion.moves.items()}
        self.positions = {**self.positions, **moved}  # a new one: others read it meanwhile
        if portion.audit_hash is not None:
            self._audit_hash = portion.audit_hash

    def _same_as_before(self) -> None:
        """Refuse a database that has taken the place of the one that was copied so far."""
        line = self.positions[audit_cursor(self._source.node)]
        position = self.positions[revisions_cursor(self._source.node)]
        stand = self._source.stand(line)
        if stand.last_sequence < position:
            raise _replaced(
                f"it ends at sequence {stand.last_sequence}, and {position} were copied already"
            )
        if line and stand.audit_hash != self._audit_hash:
            raise _replaced(f"its line {line} of the audit is not the one that was copied")


def _replaced(why: str) -> Replaced:
    return Replaced(
        "the database of this box is not the one that was copied before: "
        f"{why}; nothing is copied and nothing was changed on the replica. {_MEND}"
    )
