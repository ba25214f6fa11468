"""What is stored and published of an alarm."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from hazard.base import Model, Name, UtcTime
from hazard.casework import CaseFile
from hazard.findings import Evidence, HazardEvent
from hazard.judgement import Opinion, Words
from hazard.scales import Authority, DecidedBy, Severity
from hazard.suppression import SuppressionNote


class ProcessCondition(StrEnum):
    """The process part of an alarm."""

    ACTIVE = "active"
    HELD = "held"
    NORMAL = "normal"


class IsaState(StrEnum):
    """States of ISA-18.2 / IEC 62682, derived from the three parts of an alarm."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RTN_UNACKNOWLEDGED = "rtn_unacknowledged"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    SHELVED = "shelved"
    SUPPRESSED_BY_DESIGN = "suppressed_by_design"
    OUT_OF_SERVICE = "out_of_service"


class Times(Model):
    """When each stage stamped the item, aware UTC."""

    captured: UtcTime
    detected: UtcTime
    raised: UtcTime
    decided: UtcTime | None = None
    stored: UtcTime | None = None
    published: UtcTime | None = None
    acked: UtcTime | None = Field(default=None, description="PUBACK: handed over to the broker")


class Cause(StrEnum):
    """Why a revision was written."""

    RAISED = "raised"
    EVENT = "event"
    DECIDED = "decided"
    WORDS = "words"
    ACTION = "action"
    EVIDENCE = "evidence"
    CONDITION = "condition"
    EXPIRY = "expiry"
    SUPPRESSION = "suppression"
    REALARM = "realarm"
    ESCALATED = "escalated"
    FLOOD = "flood"
    CASE = "case"


class AlertMessage(Model):
    """One revision of one alert: what is stored and what subscribers receive (schema v1).

    Receivers deduplicate by `alert_id` and `revision`; `sequence` is per node and shows a gap.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    alert_id: str
    incident_id: str
    revision: int = Field(ge=1)
    sequence: int = Field(ge=1, description="per node, without gaps over all revisions")
    cause: Cause
    site: Name
    node: Name
    area: Name
    hazard: Name
    hazard_name: dict[str, str] = Field(description="language code to name")
    severity: Severity
    floor: Severity
    default: Severity
    decided_by: DecidedBy
    authority: Authority
    reason: str
    policy_why: str
    opinion: Opinion | None = None
    state: IsaState
    condition: ProcessCondition
    acknowledged: bool
    latched: bool
    acknowledged_by: str | None = None
    comment: str | None = None
    shelved_until: UtcTime | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None
    suppressed_by: tuple[SuppressionNote, ...] = Field(
        default=(), description="what keeps it from annunciating beside a shelf; empty: nothing"
    )
    asked_at: UtcTime | None = Field(
        default=None,
        description="since when it asks for an acknowledgement, without the time that it was "
        "suppressed; null: acknowledged",
    )
    escalation_step: int = Field(
        default=0,
        ge=0,
        description="step of the escalation ladder that was taken last since asked_at, from 1",
    )
    first_out_alert_id: str | None = Field(
        default=None,
        description="the alarm that came first in the same upset of this area; may be itself",
    )
    chattering: bool = Field(
        default=False, description="comes and goes: 3 activations or more within a minute"
    )
    fleeting: bool = Field(
        default=False, description="went by itself within seconds, before anybody could act"
    )
    asks_anew: bool = Field(
        default=False,
        description="with this revision it began to ask for attention, or asked again; counted in "
        "alarm rates (also where only a flood keeps it quiet: then `state` says so)",
    )
    flood_alert_id: str | None = Field(
        default=None, description="the flood alert that this alarm is grouped under"
    )
    members: tuple[str, ...] = Field(
        default=(), max_length=500, description="of a flood alert: ids of the alarms of its area"
    )
    case: CaseFile = Field(default_factory=CaseFile)
    words: Words | None = None
    events: tuple[HazardEvent, ...]
    evidence: tuple[Evidence, ...] = ()
    times: Times
    durability: Literal["store", "journal", "memory"] = Field(
        default="store",
        description="where it lies already: database, fsynced journal, or (both failed) memory",
    )
    reduced: bool = Field(
        default=False,
        description="detail was left out to fit the broker's largest packet; the node has all",
    )
