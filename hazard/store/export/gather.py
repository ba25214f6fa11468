"""Everything that the store knows about one incident, as the files of its bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from hazard.errors import StoreError
from hazard.store.side_tables import ReadingRow
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

AROUND = timedelta(minutes=10)
"""Readings and orders are taken from so long before to so long after the incident."""
MAX_READINGS = 200_000
MAX_LINKS = 10_000
"""Hashes of a chain between the first and the last line about the incident."""
NAMED = 5
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bundle is about."""

    incident_id: str
    alert_id: str | None


def find_subject(connection: Connection, wanted: str) -> Subject:
    """The incident of an incident's or alert's id, or of the beginning of one.

    Raises:
        StoreError: if there is none, or the text is the beginning of several.
    """
    alerts = _starting(connection, AlertRow.alert_id, wanted)
    incidents = _starting(connection, IncidentRow.incident_id, wanted)
    query = select(AlertRow.incident_id, AlertRow.alert_id)
    found = {
        row.incident_id: Subject(row.incident_id, row.alert_id)
        for row in connection.execute(
            query.where(or_(AlertRow.alert_id.in_(alerts), AlertRow.incident_id.in_(incidents)))
        )
    }
    for incident in incidents:
        found.setdefault(incident, Subject(incident, None))
    if not found:
        raise StoreError(f"there is no alert or incident {wanted!r}: see hazard export alerts")
    if len(found) > 1:
        names = ", ".join(
            each.alert_id or each.incident_id for each in list(found.values())[:NAMED]
        )
        raise StoreError(f"{wanted!r} is the beginning of several ({names}): give more of it")
    return next(iter(found.values()))


def _starting(
    connection: Connection, column: InstrumentedAttribute[str], wanted: str
) -> Sequence[str]:
    if not wanted:
        return ()
    exact = select(column).where(column == wanted)
    if found := connection.execute(exact).scalars().all():
        return found
    beginning = select(column).where(column.startswith(wanted, autoescape=True))
    return connection.execute(beginning.order_by(column).limit(NAMED + 1)).scalars().all()


class Gathered:
    """Reads about one incident, in one transaction of the caller's."""

    def __init__(self, connection: Connection, subject: Subject) -> None:
        self._connection = connection
        self.subject = subject
        self.notes: list[str] = []
        self.alert = self._one(AlertRow, AlertRow.alert_id == subject.alert_id)
        self.incident = self._one(IncidentRow, IncidentRow.incident_id == subject.incident_id)
        self.orders = self._orders()

    def documents(self) -> Iterator[tuple[str, Iterable[Mapping[str, Any]] | Row | None]]:
        """Name and content of each file but the evidence; several lines, one object, or nothing."""
        alert = self.subject.alert_id
        yield "incident.json", self.incident
        yield "alert.json", self.alert
        yield "case.json", self._one(CaseFileRow, CaseFileRow.alert_id == alert)
        yield (
            "revisions.jsonl",
            self._lines(
                select(RevisionRow.__table__)
                .where(RevisionRow.alert_id == alert)
                .order_by(RevisionRow.revision)
            ),
        )
        yield (
            "assessments.jsonl",
            self._lines(
                select(AssessmentRow.__table__)
                .where(AssessmentRow.incident_id == self.subject.incident_id)
                .order_by(AssessmentRow.decided_at, AssessmentRow.assessment_id)
            ),
        )
        yield "requests.jsonl", self.requests()
        yield "orders.jsonl", self.orders
        yield "evidence.jsonl", self.evidence()
        yield "readings.jsonl", self._readings()
        lines = list(self._audit())
        yield "audit.jsonl", lines
        yield "audit-links.jsonl", self._links(lines)
        yield "audit-heads.jsonl", self._heads({(line["node"], line["chain"]) for line in lines})

    def evidence(self) -> list[Row]:
        """What was kept of pictures, oldest first."""
        query = select(EvidenceRow.__table__).where(
            EvidenceRow.incident_id == self.subject.incident_id
        )
        return list(self._lines(query.order_by(EvidenceRow.captured_at, EvidenceRow.evidence_id)))

    def requests(self) -> list[Row]:
        """What people asked of the alarm."""
        query = select(ActionRequestRow.__table__).where(
            ActionRequestRow.alert_id == self.subject.alert_id, ActionRequestRow.alert_id != ""
        )
        order = (ActionRequestRow.requested_at, ActionRequestRow.request_id)
        return list(self._lines(query.order_by(*order)))

    def _span(self) -> tuple[datetime, datetime]:
        opened, ended = self.incident["opened_at"], self.incident["updated_at"]
        if self.alert is not None:
            ended = max(ended, self.alert["updated_at"])
        return opened - AROUND, ended + AROUND

    def _orders(self) -> list[Row]:
        """Suppression orders for its area and kinds that were in force meanwhile."""
        kinds = {self.incident["hazard"]}
        kinds |= {event["hazard"] for event in self.incident["payload"].get("events", ())}
        start, end = self._span()
        until = func.coalesce(SuppressionOrderRow.ended_at, SuppressionOrderRow.ends_at)
        query = select(SuppressionOrderRow.__table__).where(
            SuppressionOrderRow.area == self.incident["area"],
            SuppressionOrderRow.hazard.in_(kinds),
            SuppressionOrderRow.starts_at <= end - AROUND,
            until >= start + AROUND,
        )
        order = (SuppressionOrderRow.starts_at, SuppressionOrderRow.order_id)
        return list(self._lines(query.order_by(*order)))

    def _readings(self) -> Iterator[Row]:
        """Readings of the area, and of sensors that the events name."""
        sources = {
            source
            for event in self.incident["payload"].get("events", ())
            for source in event.get("sources", ())
        }
        start, end = self._span()
        query = (
            select(ReadingRow.__table__)
            .where(or_(ReadingRow.area == self.incident["area"], ReadingRow.sensor_id.in_(sources)))
            .where(ReadingRow.measured_at.between(start, end))
            .order_by(ReadingRow.measured_at, ReadingRow.reading_id)
            .limit(MAX_READINGS)
        )
        number = 0
        for number, row in enumerate(self._lines(query), start=1):  # noqa: B007 - counted
            yield row
        if number == MAX_READINGS:
            self.notes.append(f"readings.jsonl ends after {MAX_READINGS} readings")

    # ------------------------------------------------------------ the audit

    def _audit(self) -> Iterator[Row]:
        """The lines about the incident, its alert, its requests and its orders."""
        subjects = {self.subject.incident_id, self.subject.alert_id}
        subjects |= {row["request_id"] for row in self.requests()}
        subjects |= {row["order_id"] for row in self.orders}
        query = select(AuditRow.__table__).where(AuditRow.subject.in_(subjects - {None}))
        return self._lines(query.order_by(AuditRow.audit_id))

    def _links(self, lines: Sequence[Row]) -> Iterator[Row]:
        """Every link of each chain from before the first such line to after the last."""
        spans: dict[tuple[str, str], list[int]] = {}
        for line in lines:
            spans.setdefault((line["node"], line["chain"]), []).append(line["audit_id"])
        for (node, chain), ids in sorted(spans.items()):
            whose = and_(AuditRow.node == node, AuditRow.chain == chain)
            names = ("audit_id", "node", "chain", "previous_hash", "hash")
            query = select(*(AuditRow.__table__.c[name] for name in names)).where(
                whose,
                AuditRow.audit_id >= self._beside(whose, AuditRow.audit_id < min(ids), last=True),
                AuditRow.audit_id <= self._beside(whose, AuditRow.audit_id > max(ids), last=False),
            )
            number = 0
            found = self._lines(query.order_by(AuditRow.audit_id).limit(MAX_LINKS))
            for number, row in enumerate(found, start=1):  # noqa: B007 - counted
                yield row
            if number == MAX_LINKS:
                self.notes.append(
                    f"audit-links.jsonl has {MAX_LINKS} links of chain {chain!r} only"
                )

    def _beside(self, whose: ColumnElement[bool], where: ColumnElement[bool], *, last: bool) -> int:
        """The number of the line just before or just after, or the end of the chain."""
        edge = func.max(AuditRow.audit_id) if last else func.min(AuditRow.audit_id)
        end = func.min(AuditRow.audit_id) if last else func.max(AuditRow.audit_id)
        found = self._connection.execute(select(edge).where(whose, where)).scalar_one()
        if found is None:
            found = self._connection.execute(select(end).where(whose)).scalar_one()
        return int(found)

    def _heads(self, chains: set[tuple[str, str]]) -> Iterator[Row]:
        """The newest line of each chain and how many there are, as they were at the export."""
        for node, chain in sorted(chains):
            whose = and_(AuditRow.node == node, AuditRow.chain == chain)
            newest = select(AuditRow.audit_id, AuditRow.at, AuditRow.hash).where(whose)
            row = self._connection.execute(newest.order_by(AuditRow.audit_id.desc()).limit(1)).one()
            count = self._connection.execute(select(func.count()).where(whose)).scalar_one()
            yield {"node": node, "chain": chain, "lines": count, **row._mapping}  # noqa: SLF001

    def _one(self, table: type[Base], where: ColumnElement[bool]) -> Any:
        row = (
            self._connection.execute(select(table.__table__).where(where)).mappings().one_or_none()
        )
        return None if row is None else dict(row)

    def _lines(self, query: Select[Any]) -> Iterator[Row]:
        with self._connection.execute(query.execution_options(yield_per=500)) as found:
            for row in found.mappings():
                yield dict(row)
