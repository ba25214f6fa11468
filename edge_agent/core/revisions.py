"""Revisions as operations: what one change writes is committed together, or not at all.

An alarm that is raised while a permit holds, and one whose ladder tells somebody at once, is more
than one revision: nobody may see the first without the others, and nobody may be told of one that
is not durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from pydantic import JsonValue

from edge_agent.core.cases import Case, message_of, with_evidence
from edge_agent.core.telling import notices
from hazard.alarms import Alarm, Transition
from hazard.alarms.escalation import with_told
from hazard.alarms.flood import asks_anew
from hazard.catalogue import HazardKind
from hazard.site.models import Site
from hazard.store.operations import Operation, QueueNotice, SaveIncident, WriteRevision
from hazard.types import ActionRequest, AlertMessage, Cause

AGENT = "agent"

Commit = Callable[[tuple[Operation, ...]], None]
Annunciated = Callable[[Case, datetime], None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class By:
    """On whose account a revision is written, for the audit."""

    actor: str = AGENT
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def request(cls, request: ActionRequest) -> By:
        """Whoever asked, with what, as what, and which way it came."""
        return cls(request.actor, request_details(request))


def request_details(request: ActionRequest) -> dict[str, JsonValue]:
    """What the audit says of a request beside its actor."""
    return {
        "verb": request.verb.value,
        "role": request.role.value,
        "via": request.via.value,
        "request_id": request.request_id,
    }


THE_AGENT = By()


class Scribe:
    """Writes the revisions of cases.

    Attributes:
        site: the site file in force.
        annunciated: called with each case that asks for attention anew, also where only a flood
            keeps it quiet: what alarm rates count (`hazard.alarms.flood.asks_anew`).

    Args:
        commit: takes the operations of one change, to be stored together and in order.
    """

    def __init__(self, site: Site, catalogue: dict[str, HazardKind], commit: Commit) -> None:
        self.site = site
        self.annunciated: list[Annunciated] = []
        self._catalogue, self._commit = catalogue, commit
        self._collected: list[Operation] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within is committed at the end, also after an error.

        An error leaves the alarm as far as it came: what it went through must be stored.
        """
        if self._collected is not None:
            yield
            return
        self._collected = []
        try:
            yield
        finally:
            operations, self._collected = tuple(self._collected), None
            if operations:
                self._commit(operations)

    def save(self, *operations: Operation) -> None:
        """Write what is no revision."""
        if self._collected is None:
            self._commit(operations)
        else:
            self._collected.extend(operations)

    def raised(self, case: Case, at: datetime, text: str, *more: Operation) -> None:
        """Write the first revision of a case."""
        raised = Transition(alarm=case.alarm, cause=Cause.RAISED, changed=True, text=text, at=at)
        self._write(case, None, raised, THE_AGENT, more)

    def revise(
        self, case: Case, transition: Transition, *more: Operation, by: By = THE_AGENT
    ) -> bool:
        """Take the transition over and write its revision; False if it changes nothing.

        `more` is written in either case.
        """
        if not transition.changed:
            if more:
                self.save(*more)
            return False
        before, case.alarm = case.alarm, transition.alarm
        self._write(case, before, transition, by, more)
        return True

    def _write(
        self,
        case: Case,
        before: Alarm | None,
        done: Transition,
        by: By,
        more: tuple[Operation, ...],
    ) -> None:
        with_evidence(case)
        at, text = done.at, done.text
        anew = asks_anew(before, case.alarm)
        message = message_of(case, done.cause, self.site, self._catalogue, asks_anew=anew)
        first = [item for item in more if isinstance(item, SaveIncident)]
        rest = [item for item in more if not isinstance(item, SaveIncident)]
        tell = notices(before, message, self.site, at)
        case.alarm = with_told(case.alarm, [each.channel for each in tell])
        write = WriteRevision(
            message=message, alarm=case.alarm, actor=by.actor, text=text, details=dict(by.details)
        )
        told = [QueueNotice(notice=each) for each in tell]
        self.save(*first, write, *rest, *told)
        log_revision(message, text)
        if anew:
            for each in self.annunciated:
                each(case, at)


def log_revision(message: AlertMessage, text: str) -> None:
    """One line of the log for a revision."""
    log.info(
        "alert.revision",
        alert_id=message.alert_id,
        incident_id=message.incident_id,
        revision=message.revision,
        hazard=message.hazard,
        area=message.area,
        severity=message.severity.value,
        state=message.state.value,
        cause=message.cause.value,
        text=text[:300],
    )
