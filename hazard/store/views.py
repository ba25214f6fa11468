"""What reading the store gives: alerts with all around them, pages, counts, requests, readings."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from hazard.types import (
    ActionRequest,
    AlertMessage,
    Assessment,
    CauseCode,
    DecidedBy,
    Evidence,
    Incident,
    IsaState,
    Model,
    Name,
    Notice,
    NoticeState,
    Quality,
    RequestState,
    Severity,
    UtcTime,
    Verb,
)

MAX_PAGE = 500
ENDED = IsaState.NORMAL.value
OPEN_STATES = tuple(state.value for state in IsaState if state is not IsaState.NORMAL)


class AlertFilter(Model):
    """Which alerts to list; an empty filter lists all.

    Attributes:
        active: True lists alerts that are not back to normal, False those that are.
        case_closed: whether somebody has said what it was.
        after: raised then or later.
        before: raised earlier than that.
        text: words that all occur in what is known of the alert, whole words in any order.
    """

    active: bool | None = None
    areas: tuple[Name, ...] = ()
    hazards: tuple[Name, ...] = ()
    states: tuple[IsaState, ...] = ()
    severities: tuple[Severity, ...] = ()
    min_severity: Severity | None = None
    decided_by: tuple[DecidedBy, ...] = ()
    nodes: tuple[Name, ...] = ()
    case_closed: bool | None = None
    after: UtcTime | None = None
    before: UtcTime | None = None
    text: str = Field(default="", max_length=200)


class Order(StrEnum):
    """What comes first; among equals the newest raised."""

    ATTENTION = "attention"
    """Unacknowledged, acknowledged, suppressed, normal; in each the most severe first."""
    RAISED = "raised"
    SEVERITY = "severity"
    AREA = "area"
    HAZARD = "hazard"
    STATE = "state"


class AlertPage(Model):
    """One page of alerts.

    Attributes:
        next_page: None on the last one.
        searched_to: the search for words has stopped there for now, and `next_page` goes on; it
            found less than a page among the alerts that it looked at.
    """

    alerts: tuple[AlertMessage, ...]
    next_page: str | None
    searched_to: UtcTime | None = None


class Counted(Model):
    """How many alerts there are: `number`, or more than that."""

    number: int
    more: bool = False


class RequestStatus(Model):
    """An ActionRequest and what became of it."""

    request: ActionRequest
    state: RequestState
    outcome: str = Field(description="in words, empty while pending")
    values: dict[str, JsonValue] = Field(default_factory=dict, description="for a program")
    carried_out_at: UtcTime | None = None


class AuditLine(Model):
    """One line of the audit."""

    audit_id: int
    chain: str
    at: UtcTime
    actor: str
    verb: str
    subject: str
    details: dict[str, JsonValue]
    hash: str


class AuditPage(Model):
    """One page of the audit, newest first; `next_before` is None on the last one."""

    lines: tuple[AuditLine, ...]
    next_before: int | None


class Delivery(Model):
    """When one broker took over (PUBACK) one revision."""

    broker: str
    revision: int
    published_at: UtcTime
    acked_at: UtcTime
    attempts: int


class NoticeLine(Model):
    """A message to people about an alert, and what became of it."""

    notice: Notice
    state: NoticeState
    error: str = ""
    sent_at: UtcTime | None = None


class Candidate(Model):
    """A past alert as it is compared with another: a few things of its last message.

    Attributes:
        done: corrective actions that were completed, in words.
        checked: recommended actions that were ticked, by the catalogue's ids.
    """

    alert_id: str
    hazard: str
    area: str
    severity: Severity
    raised_at: UtcTime
    zones: tuple[str, ...]
    sources: tuple[str, ...]
    levels: tuple[str, ...]
    measured: dict[str, float]
    summary: str
    cause: CauseCode | None
    closing_note: str
    done: tuple[str, ...]
    checked: tuple[str, ...]


class AlertDetail(Model):
    """Everything about one alert."""

    current: AlertMessage
    revisions: tuple[AlertMessage, ...] = Field(description="oldest first")
    incident: Incident
    assessments: tuple[Assessment, ...]
    evidence: tuple[Evidence, ...] = Field(description="what is still on disk")
    audit: tuple[AuditLine, ...]
    requests: tuple[RequestStatus, ...]
    deliveries: tuple[Delivery, ...]
    notices: tuple[NoticeLine, ...] = Field(default=(), description="messages to people")


class ReadingPoint(Model):
    """One stored reading, thinned to 2 a second."""

    sensor_id: str
    area: str
    quantity: str
    value: float | None
    unit: str
    quality: Quality
    measured_at: UtcTime


class AreaCounts(Model):
    """Alarms of one area that are not back to normal.

    `worst` and `by_severity` leave shelved and suppressed alarms out; `suppressed` counts them.
    """

    area: str
    worst: Severity | None
    by_severity: dict[Severity, int]
    unacknowledged: int
    suppressed: int
    unacknowledged_by_severity: dict[Severity, int]
    by_state: dict[IsaState, int] = Field(default_factory=dict)


SUPPRESSED = (
    IsaState.SHELVED.value,
    IsaState.SUPPRESSED_BY_DESIGN.value,
    IsaState.OUT_OF_SERVICE.value,
)
UNACKNOWLEDGED = (
    IsaState.UNACKNOWLEDGED.value,
    IsaState.RTN_UNACKNOWLEDGED.value,
    IsaState.LATCHED_UNACKNOWLEDGED.value,
)


def area_counts(area: str, cells: Sequence[tuple[str, str, int]]) -> AreaCounts:
    """Counts of one area from (severity, state, number) of alarms not back to normal."""
    by_severity: dict[Severity, int] = {}
    unacknowledged: dict[Severity, int] = {}
    by_state: dict[IsaState, int] = {}
    for severity, state, number in cells:
        key = Severity(severity)
        by_state[IsaState(state)] = by_state.get(IsaState(state), 0) + number
        if state not in SUPPRESSED:
            by_severity[key] = by_severity.get(key, 0) + number
        if state in UNACKNOWLEDGED:
            unacknowledged[key] = unacknowledged.get(key, 0) + number
    return AreaCounts(
        area=area,
        worst=max(by_severity, key=lambda severity: severity.rank, default=None),
        by_severity=by_severity,
        unacknowledged=sum(unacknowledged.values()),
        unacknowledged_by_severity=unacknowledged,
        by_state=by_state,
        suppressed=sum(n for _, state, n in cells if state in SUPPRESSED),
    )


def request_status(row: Any) -> RequestStatus:
    """A row of the action requests as a model."""
    return RequestStatus(
        request=ActionRequest(
            request_id=row["request_id"],
            alert_id=row["alert_id"],
            verb=Verb(row["verb"]),
            actor=row["actor"],
            role=row["role"],
            areas=tuple(row["areas"]),
            via=row["via"],
            arguments=row["arguments"],
            expected_revision=row["expected_revision"],
            comment=row["comment"],
            duration_s=row["duration_s"],
            requested_at=row["requested_at"],
        ),
        state=RequestState(row["state"]),
        outcome=row["outcome"],
        values=row["outcome_values"],
        carried_out_at=row["carried_out_at"],
    )
