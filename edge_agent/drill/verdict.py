"""The judgement of a drill: what was fed, what lies in the databases, what the subscriber got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from edge_agent.drill.people import number_of
from hazard.store.audit import verify_audit
from hazard.store.engine import make_engine, store_url
from hazard.store.ledger import LedgerLine, incidents, revisions
from hazard.store.tables import RevisionRow
from hazard.types import Incident

BUSY_MS = 5000
SHOWN = 5
"""Losses of each kind that are named in full."""

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """What one database holds.

    Attributes:
        homes: each person's number with the incidents that were made of them.
        sequences: of each alert's id and revision.
        audit_fault: the first fault of the audit's hash chain, or None.
    """

    homes: dict[int, frozenset[str]]
    sequences: dict[Key, int]
    audit_fault: str | None


def kept_in(database: Path | str, broker: str) -> Kept:
    """Read a database, SQLite or PostgreSQL."""
    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
    try:
        with engine.connect() as connection:
            lines, found = revisions(connection, broker), incidents(connection)
            _, fault = verify_audit(connection)
    finally:
        engine.dispose()
    return Kept(homes(found), _sequences(lines), fault)


def stored_revisions(database: Path) -> int:
    """How many revisions a database holds now."""
    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
    try:
        with engine.connect() as connection:
            found = connection.execute(select(func.count()).select_from(RevisionRow))
            return int(found.scalar_one())
    finally:
        engine.dispose()


def homes(found: Iterable[Incident]) -> dict[int, frozenset[str]]:
    """Each person's number with the ids of the incidents that name them."""
    places: dict[int, set[str]] = {}
    for incident in found:
        for event in incident.events:
            number = number_of(event.subject)
            if number is not None:
                places.setdefault(number, set()).add(incident.incident_id)
    return {number: frozenset(ids) for number, ids in places.items()}


def _sequences(lines: Sequence[LedgerLine]) -> dict[Key, int]:
    return {(line.message.alert_id, line.message.revision): line.message.sequence for line in lines}


@dataclass(slots=True)
class Verdict:
    """What is lost, and what is there twice; each with words for the first few."""

    lost: int = 0
    duplicates_visible: int = 0
    why: list[str] = field(default_factory=list)

    def lose(self, what: str, missing: Iterable[object]) -> None:
        """Count what is missing."""
        found = sorted(missing, key=str)
        self.lost += len(found)
        if found:
            shown = ", ".join(str(each) for each in found[:SHOWN])
            self.why.append(f"{len(found)} {what}: {shown}")

    def double(self, what: str, number: int) -> None:
        """Count what a user would see twice."""
        self.duplicates_visible += number
        if number:
            self.why.append(f"{number} {what}")


def judge(
    fed: Sequence[int], truth: Kept, received: dict[str, Any], replica: Kept | None
) -> Verdict:
    """Compare what was fed with the node's database, and that with subscriber and replica."""
    verdict = Verdict()
    verdict.lose("people without an incident", set(fed) - truth.homes.keys())
    verdict.lose("revisions missing from the database", _holes(truth.sequences))
    verdict.lose(
        "sequence numbers that no revision has",
        set(range(1, max(truth.sequences.values(), default=0) + 1)) - set(truth.sequences.values()),
    )
    verdict.lose("alerts whose revisions are out of order", _disordered(truth.sequences))
    got = {(each["alert_id"], each["revision"]): each["sequence"] for each in received["revisions"]}
    verdict.lose("revisions that the subscriber never got", truth.sequences.keys() - got.keys())
    verdict.lose("revisions that only the subscriber has", got.keys() - truth.sequences.keys())
    verdict.lose(
        "revisions with another sequence at the subscriber",
        {key for key in got.keys() & truth.sequences.keys() if got[key] != truth.sequences[key]},
    )
    if truth.audit_fault is not None:
        verdict.lose("faults of the audit", [truth.audit_fault])
    if replica is not None:
        verdict.lose("people without an incident in the replica", set(fed) - replica.homes.keys())
        verdict.lose(
            "revisions missing from the replica", truth.sequences.keys() - replica.sequences.keys()
        )
        verdict.lose(
            "revisions that only the replica has", replica.sequences.keys() - truth.sequences.keys()
        )
    twice = sum(len(ids) - 1 for ids in truth.homes.values())
    verdict.double("incidents more than there were people", twice)
    verdict.double("messages that came again with other words", received["conflicts"])
    return verdict


def judge_replay(verdict: Verdict, truth: Kept, replayed: dict[str, Any]) -> None:
    """Add what somebody lacks who was not there, and had everything replayed afterwards."""
    got = {(each["alert_id"], each["revision"]): each["sequence"] for each in replayed["revisions"]}
    verdict.lose("revisions missing from the replay", truth.sequences.keys() - got.keys())
    verdict.lose("revisions that only the replay has", got.keys() - truth.sequences.keys())
    order = list(got.values())
    if order != sorted(order):
        verdict.lose("faults of the replay", ["its revisions do not come in order"])
    verdict.double("replayed messages that came again with other words", replayed["conflicts"])


def _holes(sequences: dict[Key, int]) -> list[Key]:
    highest: Counter[str] = Counter()
    for alert_id, revision in sequences:
        highest[alert_id] = max(highest[alert_id], revision)
    return [
        (alert_id, revision)
        for alert_id, top in highest.items()
        for revision in range(1, top + 1)
        if (alert_id, revision) not in sequences
    ]


def _disordered(sequences: dict[Key, int]) -> set[str]:
    """Alerts with a revision that was numbered before an earlier one of the same alert."""
    newest: dict[str, int] = {}
    wrong: set[str] = set()
    for alert_id, revision in (key for key, _ in sorted(sequences.items(), key=lambda i: i[1])):
        if revision <= newest.get(alert_id, 0):
            wrong.add(alert_id)
        newest[alert_id] = max(revision, newest.get(alert_id, 0))
    return wrong


def late_arrivals(received: dict[str, Any]) -> int:
    """First arrivals of a revision after a higher one of the same alert.

    They come by replay, after a broker had lost what it had acknowledged; a receiver goes by the
    highest revision. With a broker that keeps its word there are none.
    """
    newest: dict[str, int] = {}
    late = 0
    for each in received["revisions"]:
        alert_id, revision = each["alert_id"], each["revision"]
        late += revision < newest.get(alert_id, 0)
        newest[alert_id] = max(revision, newest.get(alert_id, 0))
    return late
