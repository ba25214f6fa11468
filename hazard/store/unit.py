"""A unit of work: what belongs together is written together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import JsonValue

from hazard.alarms import Alarm
from hazard.errors import StoreError
from hazard.store.operations import (
    FinishRequest,
    Operation,
    SaveAssessment,
    SaveEvidence,
    SaveIncident,
    WriteAudit,
    WriteRevision,
)
from hazard.types import AlertMessage, Assessment, Evidence, Incident, Model, RequestState


class Committed(Model):
    """What a commit made: the revisions with `sequence`, `times.stored` and `durability` set."""

    messages: tuple[AlertMessage, ...]
    durability: Literal["store", "journal", "memory"]


class UnitOfWork:
    """Collects changes; `commit` writes them in one transaction. Leaving without it drops them."""

    def __init__(self, commit: Callable[[tuple[Operation, ...]], Committed]) -> None:
        self._commit = commit
        self._operations: list[Operation] = []
        self._done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._operations.clear()

    def add(self, *operations: Operation) -> None:
        """Take over operations that were made elsewhere, in order."""
        self._operations.extend(operations)

    def save_incident(self, incident: Incident) -> None:
        """Write the incident as it is now. Before the first revision of its alert."""
        self._operations.append(SaveIncident(incident=incident))

    def write_revision(
        self,
        message: AlertMessage,
        alarm: Alarm,
        *,
        actor: str = "agent",
        text: str = "",
        details: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Write a revision with alert, outbox and audit rows.

        `message.sequence`, `times.stored` and `durability` are set by the commit, whatever they
        are here. `actor`, `text` (a Transition's text) and `details` go to the audit.

        Raises:
            ValueError: if message and alarm are not of the same alert and revision.
        """
        if (message.alert_id, message.revision) != (alarm.alert_id, alarm.revision):
            raise ValueError(
                f"message {message.alert_id} revision {message.revision} does not belong to "
                f"alarm {alarm.alert_id} revision {alarm.revision}"
            )
        self._operations.append(
            WriteRevision(
                message=message, alarm=alarm, actor=actor, text=text, details=dict(details or {})
            )
        )

    def save_assessment(self, assessment: Assessment) -> None:
        """Write who decided what."""
        self._operations.append(SaveAssessment(assessment=assessment))

    def save_evidence(self, incident_id: str, evidence: Evidence) -> None:
        """Write a reference to evidence on disk."""
        self._operations.append(SaveEvidence(incident_id=incident_id, evidence=evidence))

    def finish_request(
        self,
        request_id: str,
        state: RequestState,
        outcome: str,
        at: datetime,
        values: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Write what became of a request, in words for the person who asked, and for programs."""
        self._operations.append(
            FinishRequest(
                request_id=request_id, state=state, outcome=outcome, at=at, values=values or {}
            )
        )

    def audit(
        self,
        at: datetime,
        actor: str,
        verb: str,
        subject: str,
        details: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Write an audit line that belongs to no revision, e.g. a start, a reload, a refusal."""
        self._operations.append(
            WriteAudit(at=at, actor=actor, verb=verb, subject=subject, details=dict(details or {}))
        )

    def commit(self) -> Committed:
        """Write everything, once.

        Raises:
            StoreUnavailable: if the database cannot be written and there is no journal.
            StoreError: if a row breaks the schema's rules, or the unit was committed before.
        """
        if self._done:
            raise StoreError("this unit of work was committed already: begin another")
        committed = self._commit(tuple(self._operations))
        self._done = True
        return committed
