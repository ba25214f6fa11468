"""What people and programs ask of the agent: verbs, requests, and what became of them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from hazard.base import Model, Name, UtcTime
from hazard.scales import Role


class Verb(StrEnum):
    """What may be asked. `hazard.alarms.arguments` says which arguments each takes."""

    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    COMMENT = "comment"
    ASSIGN = "assign"
    PLAN_ACTION = "plan-action"
    COMPLETE_ACTION = "complete-action"
    CHECK_ACTION = "check-action"
    CLOSE_CASE = "close-case"
    REOPEN_CASE = "reopen-case"
    GRANT_PERMIT = "grant-permit"
    TAKE_OUT_OF_SERVICE = "take-out-of-service"
    END_SUPPRESSION = "end-suppression"
    TEST_ANNUNCIATOR = "test-annunciator"
    REPLAY = "replay"
    SNAPSHOT = "snapshot"
    CHANGE_SITE = "change-site"
    RESTORE_SITE = "restore-site"
    START_JOB = "start-job"
    CANCEL_JOB = "cancel-job"


class Via(StrEnum):
    """Which way a request came in."""

    DASHBOARD = "dashboard"
    MQTT = "mqtt"
    COMMAND_LINE = "command_line"


class RequestState(StrEnum):
    """Outcome of an ActionRequest."""

    PENDING = "pending"
    DONE = "done"
    CONFLICT = "conflict"
    REFUSED = "refused"


class ActionRequest(Model):
    """What a person or program asks for. Only the agent core carries it out, once.

    Whoever hands it in has made sure who `actor` is and which `role` and `areas` they have; the
    core checks that these allow the verb.
    """

    request_id: str = Field(min_length=1, max_length=64, description="the same again: done once")
    alert_id: str = Field(default="", max_length=64, description="empty where no alarm is meant")
    verb: Verb
    actor: str = Field(min_length=1, max_length=64)
    role: Role = Role.OPERATOR
    areas: tuple[Name, ...] = Field(default=(), description="that the actor may act on; empty: all")
    via: Via = Via.DASHBOARD
    expected_revision: int = Field(
        default=0, ge=0, description="of the alarm, as the actor saw it; 0: did not look"
    )
    comment: str = Field(default="", max_length=2000)
    duration_s: float | None = Field(default=None, gt=0, description="of a shelf or suppression")
    arguments: dict[str, JsonValue] = Field(default_factory=dict, max_length=16)
    requested_at: UtcTime


class RequestOutcome(Model):
    """What became of a request, in words for the person, and as values for a program."""

    state: RequestState
    text: str = Field(max_length=2000)
    values: dict[str, JsonValue] = Field(default_factory=dict)
