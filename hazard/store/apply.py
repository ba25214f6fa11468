"""Operations as rows: collected for each table, then written with one statement each.

A table's rows keep the order of the operations. Tables go in the order of their references
(incident, alert, revision, outbox, …), which within one transaction nobody can tell from the
order of the operations; a row that is written several times is written as it is at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from hazard.jobs import Job
from hazard.site.versions import SiteVersion
from hazard.store.alert_figures import FIRST, alert_figures
from hazard.store.audit import AuditEntry, append_entries
from hazard.store.jobs import insert_jobs
from hazard.store.notices import notice_row
from hazard.store.operations import (
    FinishRequest,
    Operation,
    QueueNotice,
    SaveAssessment,
    SaveEvidence,
    SaveIncident,
    SaveJob,
    SaveOrder,
    SaveSiteVersion,
    SaveTaken,
    WriteAudit,
    WriteRevision,
)
from hazard.store.site_versions import save_versions
from hazard.store.statements import JsonText, insert_into, insert_new, update_many, upsert_many
from hazard.store.tables import (
    ActionRequestRow,
    AlertRow,
    AssessmentRow,
    CaseFileRow,
    EvidenceRow,
    IncidentRow,
    NoticeRow,
    OutboxRow,
    RevisionRow,
    SuppressionOrderRow,
)
from hazard.store.taken import save_taken
from hazard.store.words import put_words
from hazard.types import AlertMessage, Assessment, CaseFile, Incident, IsaState

AGENT_CHAIN = "agent"
UNTOUCHED = CaseFile()
"""A case that says nothing: it has no row, or that of a case which was opened again."""

Row = dict[str, Any]


def apply(connection: Connection, operations: Sequence[Operation]) -> None:
    """Write the operations in the caller's transaction."""
    rows = _Rows()
    for operation in operations:
        rows.add(operation)
    rows.write(connection)


class _Rows:
    def __init__(self) -> None:
        self._incidents: dict[str, Row] = {}
        self._alerts: dict[str, Row] = {}
        self._messages: list[AlertMessage] = []
        self._revisions: list[Row] = []
        self._outbox: list[Row] = []
        self._assessments: dict[str, Row] = {}
        self._evidence: dict[tuple[str, str], Row] = {}
        self._finished: list[FinishRequest] = []
        self._orders: dict[str, Row] = {}
        self._cases: dict[str, Row] = {}
        self._untouched: dict[str, Row] = {}
        self._notices: list[Row] = []
        self._taken: SaveTaken | None = None
        self._versions: list[SiteVersion] = []
        self._jobs: list[Job] = []
        self._audit: list[AuditEntry] = []

    def add(self, operation: Operation) -> None:
        match operation:
            case SaveIncident(incident=incident):
                self._incidents[incident.incident_id] = _incident(incident)
            case WriteRevision():
                self._add_revision(operation)
            case SaveAssessment(assessment=assessment):
                self._assessments[assessment.assessment_id] = _assessment(assessment)
            case SaveEvidence():
                key = operation.evidence.evidence_id, operation.incident_id
                self._evidence[key] = _evidence(operation)
            case FinishRequest():
                self._finished.append(operation)
            case SaveOrder(order=order):
                self._orders[order.order_id] = _order(operation)
            case QueueNotice(notice=notice):
                self._notices.append(notice_row(notice))
            case _:
                self._add_other(operation)

    def _add_other(self, operation: Operation) -> None:
        match operation:
            case SaveTaken():
                self._taken = operation
            case SaveSiteVersion(version=version):
                self._versions.append(version)
            case SaveJob(job=job):
                self._jobs.append(job)
            case WriteAudit():
                self._audit.append(
                    AuditEntry(
                        operation.at,
                        operation.actor,
                        operation.verb,
                        operation.subject,
                        operation.details,
                    )
                )

    def _add_revision(self, operation: WriteRevision) -> None:
        message = operation.message
        stored_at = message.times.stored
        if stored_at is None:
            raise ValueError("a revision is numbered before it is written")
        payload = JsonText(operation.body or message.model_dump_json())
        common = {
            "alert_id": message.alert_id,
            "revision": message.revision,
            "node": message.node,
            "severity": message.severity.value,
            "decided_by": message.decided_by.value,
            "state": message.state.value,
            "payload": payload,
        }
        self._alerts[message.alert_id] = common | {
            "incident_id": message.incident_id,
            "site": message.site,
            "area": message.area,
            "hazard": message.hazard,
            "severity_rank": message.severity.rank,
            "raised_at": message.times.raised,
            "updated_at": stored_at,
            "returned_at": stored_at if message.state is IsaState.NORMAL else None,
            "case_closed": message.case.closed,
            "alarm": JsonText(operation.alarm.model_dump_json()),
            **alert_figures(message, stored_at, self._alerts.get(message.alert_id, {})),
        }
        self._messages.append(message)
        self._revisions.append(common | _figures(message) | {"stored_at": stored_at})
        if message.case != UNTOUCHED or message.alert_id in self._cases:
            self._cases[message.alert_id] = _case(message, stored_at)
        elif message.revision > 1:
            self._untouched[message.alert_id] = _case(message, stored_at)
        self._outbox += [
            {
                "sequence": message.sequence,
                "alert_id": message.alert_id,
                "revision": message.revision,
                "created_at": stored_at,
                "topic": each.topic,
                "body": each.body,
                "retain": each.retain,
                "properties": each.properties,
            }
            for each in operation.outbox
        ]
        self._audit.append(
            AuditEntry(
                stored_at,
                operation.actor,
                f"alert.{message.cause.value}",
                message.alert_id,
                {
                    "revision": message.revision,
                    "sequence": message.sequence,
                    "severity": message.severity.value,
                    "decided_by": message.decided_by.value,
                    "state": message.state.value,
                    "text": operation.text,
                    **operation.details,
                },
            )
        )

    def write(self, connection: Connection) -> None:
        upsert_many(connection, IncidentRow, "incident_id", list(self._incidents.values()))
        alerts = list(self._alerts.values())
        kept = ("returned_at", "returned_s")
        upsert_many(connection, AlertRow, "alert_id", alerts, keep=kept, first=FIRST)
        put_words(connection, self._messages)
        if self._revisions:
            connection.execute(insert_into(RevisionRow), self._revisions)
        if self._outbox:
            connection.execute(insert_into(OutboxRow), self._outbox)
        upsert_many(connection, AssessmentRow, "assessment_id", list(self._assessments.values()))
        upsert_many(
            connection, EvidenceRow, "evidence_id,incident_id", list(self._evidence.values())
        )
        upsert_many(connection, SuppressionOrderRow, "order_id,node", list(self._orders.values()))
        update_many(connection, CaseFileRow, "alert_id", list(self._untouched.values()))
        upsert_many(connection, CaseFileRow, "alert_id", list(self._cases.values()))
        insert_new(connection, NoticeRow, self._notices)
        for request in self._finished:
            _finish_request(connection, request)
        if self._taken is not None:
            save_taken(connection, self._taken)
        save_versions(connection, self._versions)
        insert_jobs(connection, self._jobs)
        append_entries(connection, AGENT_CHAIN, self._audit)


def _incident(incident: Incident) -> Row:
    return {
        "incident_id": incident.incident_id,
        "area": incident.area,
        "hazard": incident.hazard,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "closed_at": incident.closed_at,
        "payload": JsonText(incident.model_dump_json()),
    }


def _figures(message: AlertMessage) -> Row:
    """What a revision's row has beside its alert's: for order, and for figures."""
    ordered = sorted(message.events, key=lambda event: event.hazard != message.hazard)
    sources = [name for event in ordered[:1] for name in (*event.sources, event.subject)]
    return {
        "sequence": message.sequence,
        "cause": message.cause.value,
        "area": message.area,
        "hazard": message.hazard,
        "rule_id": ordered[0].rule_id if ordered else "",
        "source": sources[0][:64] if sources else "",
        "acknowledged": message.acknowledged,
        "asks_anew": message.asks_anew,
        "chattering": message.chattering,
        "fleeting": message.fleeting,
    }


def _assessment(assessment: Assessment) -> Row:
    return {
        "assessment_id": assessment.assessment_id,
        "incident_id": assessment.incident_id,
        "severity": assessment.severity.value,
        "decided_by": assessment.decided_by.value,
        "decided_at": assessment.decided_at,
        "payload": JsonText(assessment.model_dump_json()),
    }


def _evidence(operation: SaveEvidence) -> Row:
    evidence = operation.evidence
    return {
        "evidence_id": evidence.evidence_id,
        "incident_id": operation.incident_id,
        "kind": evidence.kind,
        "size_bytes": evidence.size_bytes,
        "captured_at": evidence.captured_at,
        "deleted_at": None,
        "payload": JsonText(evidence.model_dump_json()),
    }


def _order(operation: SaveOrder) -> Row:
    order = operation.order
    return {
        "order_id": order.order_id,
        "node": operation.node,
        "cause": order.cause.value,
        "hazard": order.hazard,
        "area": order.area,
        "starts_at": order.starts_at,
        "ends_at": order.ends_at,
        "ended_at": order.ended_at,
        "payload": JsonText(order.model_dump_json()),
    }


def _case(message: AlertMessage, at: datetime) -> Row:
    case = message.case
    return {
        "alert_id": message.alert_id,
        "assignee": case.assignee,
        "cause": case.cause.value if case.cause is not None else None,
        "closed_at": case.closed_at,
        "next_due_at": min((a.due_at for a in case.actions if a.done_at is None), default=None),
        "updated_at": at,
        "payload": JsonText(case.model_dump_json()),
    }


def _finish_request(connection: Connection, operation: FinishRequest) -> None:
    connection.execute(
        update(ActionRequestRow)
        .where(ActionRequestRow.request_id == operation.request_id)
        .values(
            state=operation.state.value,
            outcome=operation.outcome,
            outcome_values=operation.values,
            carried_out_at=operation.at,
        )
    )
