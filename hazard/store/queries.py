"""What the dashboard and the reports read. Nothing here writes. Lists: `hazard.store.listing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from hazard.store.assessments import assessments_about, find_assessment
from hazard.store.incidents import candidates, evidence_of, notice_lines, paths_around
from hazard.store.listing import COUNTED, NEWEST_FIRST, Ordered, count, list_page, messages_of
from hazard.store.side_tables import AlertFacetRow, ReadingRow, StageHealthRow
from hazard.store.since import Changes, came_since, changes_since
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    AuditRow,
    DeliveryRow,
    EvidenceRow,
    IncidentRow,
    OutboxRow,
    RevisionRow,
)
from hazard.store.views import (
    ENDED,
    MAX_PAGE,
    OPEN_STATES,
    AlertDetail,
    AlertFilter,
    AlertPage,
    AreaCounts,
    AuditLine,
    AuditPage,
    Candidate,
    Counted,
    Delivery,
    NoticeLine,
    Order,
    ReadingPoint,
    RequestStatus,
    area_counts,
    request_status,
)
from hazard.types import AlertMessage, Assessment, Evidence, Health, Incident, Severity, StageHealth

__all__ = [
    "ENDED",
    "MAX_PAGE",
    "OPEN_STATES",
    "AlertDetail",
    "AlertFilter",
    "AlertPage",
    "AreaCounts",
    "AuditLine",
    "AuditPage",
    "Candidate",
    "Counted",
    "Delivery",
    "NoticeLine",
    "Order",
    "Ordered",
    "Queries",
    "ReadingPoint",
    "RequestStatus",
    "area_counts",
    "request_status",
]


class Queries:
    """Reads of the store, each in a transaction of its own. Safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The database, for exports, which read in their own way."""
        return self._engine

    def _read(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    # ------------------------------------------------------------ alerts

    def list_alerts(
        self,
        where: AlertFilter | None = None,
        order: Ordered = NEWEST_FIRST,
        *,
        page: str | None = None,
        limit: int = 50,
    ) -> AlertPage:
        """Alerts that match, in this order; `page` is an earlier answer's `next_page`.

        Raises:
            StoreError: if `page` is not one that this method gave.
        """
        with self._read() as connection:
            return list_page(connection, where or AlertFilter(), order, page=page, limit=limit)

    def get_alert(self, alert_id: str) -> AlertDetail | None:
        """Everything about one alert, or None if there is none of that id."""
        with self._read() as connection:
            row = connection.execute(
                select(AlertRow.payload, AlertRow.incident_id).where(AlertRow.alert_id == alert_id)
            ).one_or_none()
            if row is None:
                return None
            return AlertDetail(
                current=AlertMessage.model_validate(row.payload),
                revisions=_revisions(connection, alert_id),
                incident=_incident(connection, row.incident_id),
                assessments=_assessments(connection, row.incident_id),
                evidence=_evidence(connection, row.incident_id),
                audit=_audit(connection, select_audit().where(AuditRow.subject == alert_id)),
                requests=_requests(connection, ActionRequestRow.alert_id == alert_id),
                deliveries=_deliveries(connection, alert_id),
                notices=notice_lines(connection, alert_id),
            )

    def current(self, alert_id: str) -> AlertMessage | None:
        """The newest message of an alert, or None if there is none of that id."""
        query = select(AlertRow.payload).where(AlertRow.alert_id == alert_id)
        with self._read() as connection:
            payload = connection.execute(query).scalar_one_or_none()
        return None if payload is None else AlertMessage.model_validate(payload)

    def candidates(
        self, *, hazard: str, area: str, before: datetime, other_areas: Sequence[str]
    ) -> tuple[Candidate, ...]:
        """Past alerts of the same kind, a bounded number: the same area's first."""
        with self._read() as connection:
            return candidates(
                connection, hazard=hazard, area=area, before=before, other_areas=other_areas
            )

    def evidence_of(self, alert_id: str) -> tuple[str, tuple[Evidence, ...]] | None:
        """An alert's area and its evidence that is not pruned; None without such an alert."""
        with self._read() as connection:
            return evidence_of(connection, alert_id)

    def messages(self, alerts: Sequence[str]) -> tuple[AlertMessage, ...]:
        """These alerts as they are now, in this order; unknown ones are left out."""
        with self._read() as connection:
            return messages_of(connection, alerts)

    def nodes(self) -> tuple[str, ...]:
        """The nodes that have alerts here, by name."""
        query = select(AlertFacetRow.node).distinct().order_by(AlertFacetRow.node)
        with self._read() as connection:
            return tuple(connection.execute(query).scalars())

    def count_alerts(self, where: AlertFilter | None = None) -> int:
        """How many alerts match; words are not looked for."""
        with self._read() as connection:
            return count(connection, where or AlertFilter()).number

    def counted(self, where: AlertFilter) -> Counted | None:
        """How many alerts match, counted to `COUNTED`; None where words are looked for."""
        if where.text:
            return None
        with self._read() as connection:
            return count(connection, where, at_most=COUNTED)

    def active_counts_by_area(self) -> dict[str, AreaCounts]:
        """Counts of alarms that are not back to normal; areas without any are absent."""
        facet = AlertFacetRow
        query = (
            select(facet.area, facet.severity_rank, facet.state, func.sum(facet.alerts).label("n"))
            .where(facet.state.in_(OPEN_STATES))
            .group_by(facet.area, facet.severity_rank, facet.state)
        )
        with self._read() as connection:
            rows = connection.execute(query).all()
        severities = {severity.rank: severity.value for severity in Severity}
        areas: dict[str, list[tuple[str, str, int]]] = {}
        for row in rows:
            cell = severities[row.severity_rank], row.state, int(row.n)
            areas.setdefault(row.area, []).append(cell)
        return {area: area_counts(area, cells) for area, cells in areas.items()}

    def changes_after(
        self, mark: Mapping[str, int] | None, *, limit: int = 200
    ) -> tuple[dict[str, int], list[str]]:
        """The newest sequence of each node, and the alerts with a later revision than in `mark`.

        None asks for the newest sequences only: where to begin to watch.
        """
        with self._read() as connection:
            newest = _newest_sequences(connection)
            changed: list[str] = []
            for node, sequence in newest.items() if mark is not None else ():
                before = (mark or {}).get(node, 0)
                if sequence > before:
                    query = select(RevisionRow.alert_id).where(
                        RevisionRow.node == node, RevisionRow.sequence > before
                    )
                    latest = query.order_by(RevisionRow.sequence.desc()).limit(limit)
                    changed += connection.execute(latest).scalars()
            return newest, list(dict.fromkeys(changed))

    def changes_since(self, since: datetime) -> Changes:
        """What has been raised, escalated and cleared since then, for somebody who was away."""
        with self._read() as connection:
            return changes_since(connection, since)

    # ------------------------------------------------------------ around an alert

    def came_since(self, where: AlertFilter, since: datetime) -> int:
        """How many alerts match now and did not at that time, whatever their words."""
        with self._read() as connection:
            return came_since(connection, where, since)

    def paths_around(
        self, camera_id: str, since: datetime, until: datetime
    ) -> dict[int, list[tuple[float, float]]]:
        """The ways of a camera's tracks as relative foot points, by track, oldest first."""
        with self._read() as connection:
            return paths_around(connection, camera_id, since, until)

    def readings_around(
        self, sensor_ids: Sequence[str], start: datetime, end: datetime, *, limit: int = 5000
    ) -> tuple[ReadingPoint, ...]:
        """Stored readings of the sensors from `start` to `end`, oldest first."""
        query = (
            select(ReadingRow)
            .where(ReadingRow.sensor_id.in_(sensor_ids))
            .where(ReadingRow.measured_at.between(start, end))
            .order_by(ReadingRow.measured_at)
            .limit(limit)
        )
        with self._read() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(
            ReadingPoint.model_validate({k: v for k, v in row.items() if k != "reading_id"})
            for row in rows
        )

    def find_evidence(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id, if it is known and not pruned."""
        query = select(EvidenceRow.payload).where(
            EvidenceRow.evidence_id == evidence_id, EvidenceRow.deleted_at.is_(None)
        )
        with self._read() as connection:
            payload = connection.execute(query.limit(1)).scalar_one_or_none()
        return None if payload is None else Evidence.model_validate(payload)

    def assessment(self, assessment_id: str) -> Assessment | None:
        """The assessment of that id, or of which it is the beginning (8 characters or more).

        Raises:
            StoreError: if it is too short, or the beginning of several.
        """
        with self._read() as connection:
            return find_assessment(connection, assessment_id)

    def assessments_about(self, subject_id: str) -> tuple[Assessment, ...]:
        """The assessments of an alert or an incident, named by its id, oldest first."""
        with self._read() as connection:
            return assessments_about(connection, subject_id)

    # ------------------------------------------------------------ requests, health, audit

    def request_state(self, request_id: str) -> RequestStatus | None:
        """What became of a request, or None if there is none of that id."""
        with self._read() as connection:
            found = _requests(connection, ActionRequestRow.request_id == request_id)
        return found[0] if found else None

    def stage_health(self) -> tuple[StageHealth, ...]:
        """The last word of each stage, by name. Old ones are unknown: compare `at` with now."""
        with self._read() as connection:
            rows = connection.execute(select(StageHealthRow).order_by(StageHealthRow.stage)).all()
        return tuple(
            StageHealth(
                stage=row.stage,
                health=Health(row.health),
                reason=row.reason,
                at=row.at,
                figures=row.figures,
            )
            for row in rows
        )

    def audit_page(self, *, before: int | None = None, limit: int = 100) -> AuditPage:
        """Lines of the audit, newest first; `before` is an earlier answer's `next_before`."""
        limit = max(1, min(limit, MAX_PAGE))
        query = select_audit()
        if before is not None:
            query = query.where(AuditRow.audit_id < before)
        with self._read() as connection:
            lines = _audit(connection, query.limit(limit + 1))
        shown = lines[:limit]
        return AuditPage(
            lines=shown, next_before=shown[-1].audit_id if len(lines) > limit else None
        )


def _newest_sequences(connection: Connection) -> dict[str, int]:
    """Each node with the number of its newest revision; one step in the index for each."""
    found: dict[str, int] = {}
    first = select(func.min(RevisionRow.node))
    node = connection.execute(first).scalar_one()
    while node is not None:
        newest = select(func.max(RevisionRow.sequence)).where(RevisionRow.node == node)
        found[node] = int(connection.execute(newest).scalar_one())
        node = connection.execute(first.where(RevisionRow.node > node)).scalar_one()
    return found


def _revisions(connection: Connection, alert_id: str) -> tuple[AlertMessage, ...]:
    query = select(RevisionRow.payload).where(RevisionRow.alert_id == alert_id)
    rows = connection.execute(query.order_by(RevisionRow.revision)).scalars()
    return tuple(AlertMessage.model_validate(payload) for payload in rows)


def _incident(connection: Connection, incident_id: str) -> Incident:
    query = select(IncidentRow.payload).where(IncidentRow.incident_id == incident_id)
    return Incident.model_validate(connection.execute(query).scalar_one())


def _assessments(connection: Connection, incident_id: str) -> tuple[Assessment, ...]:
    query = select(AssessmentRow.payload).where(AssessmentRow.incident_id == incident_id)
    rows = connection.execute(query.order_by(AssessmentRow.decided_at)).scalars()
    return tuple(Assessment.model_validate(payload) for payload in rows)


def _evidence(connection: Connection, incident_id: str) -> tuple[Evidence, ...]:
    query = select(EvidenceRow.payload).where(
        EvidenceRow.incident_id == incident_id, EvidenceRow.deleted_at.is_(None)
    )
    rows = connection.execute(query.order_by(EvidenceRow.captured_at)).scalars()
    return tuple(Evidence.model_validate(payload) for payload in rows)


def _deliveries(connection: Connection, alert_id: str) -> tuple[Delivery, ...]:
    query = (
        select(
            DeliveryRow.broker,
            OutboxRow.revision,
            DeliveryRow.published_at,
            DeliveryRow.acked_at,
            DeliveryRow.attempts,
        )
        .join(OutboxRow, OutboxRow.outbox_id == DeliveryRow.outbox_id)
        .where(OutboxRow.alert_id == alert_id, OutboxRow.retain.is_(False))
        .order_by(DeliveryRow.outbox_id)
    )
    rows = connection.execute(query).mappings()
    return tuple(Delivery.model_validate(dict(row)) for row in rows)


def select_audit() -> Select[Any]:
    """The audit, newest first."""
    return select(
        AuditRow.audit_id,
        AuditRow.chain,
        AuditRow.at,
        AuditRow.actor,
        AuditRow.verb,
        AuditRow.subject,
        AuditRow.details,
        AuditRow.hash,
    ).order_by(AuditRow.audit_id.desc())


def _audit(connection: Connection, query: Select[Any]) -> tuple[AuditLine, ...]:
    rows = connection.execute(query).mappings()
    return tuple(AuditLine.model_validate(dict(row)) for row in rows)


def _requests(connection: Connection, where: Any) -> tuple[RequestStatus, ...]:
    query = select(ActionRequestRow).where(where).order_by(ActionRequestRow.requested_at)
    return tuple(request_status(row) for row in connection.execute(query).mappings())
