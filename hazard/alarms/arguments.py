"""The arguments of each verb: what stands in `ActionRequest.arguments`.

One model per verb; what comes from outside is bounded, and what is wrong is named with its value
and the mend.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, JsonValue, ValidationError, model_validator

from hazard.errors import IllegalTransition
from hazard.jobs import JobKind
from hazard.types import ActionRequest, CauseCode, Model, Name, UtcTime, Verb

LONGEST_TEST_S = 30.0
"""Seconds that a test of an annunciator lasts at most: nobody gets used to a false horn."""

LONGEST_PATCH = 262_144
"""Characters of a change of the site file, as JSON."""

LONGEST_DRY_RUN_H = 168.0
"""Hours that a dry run looks back at most: tracks and readings are kept for 7 days."""

_SHOWN = 80
"""Characters of a wrong value that are repeated."""


class NoArguments(Model):
    """Acknowledge, reset, shelve, unshelve, comment, reopen-case: nothing beside the request."""


class Assign(Model):
    """assign: who looks after the case."""

    assignee: str | None = Field(
        min_length=1, max_length=64, description="who looks after it; null: nobody any more"
    )


class PlanAction(Model):
    """plan-action: what has to be done, by whom, by when."""

    text: str = Field(min_length=1, max_length=500, description="what is to be done")
    owner: str = Field(min_length=1, max_length=64, description="who does it")
    due_at: UtcTime = Field(description="time with its zone, e.g. 2026-12-01T12:00:00Z")


class CompleteAction(Model):
    """complete-action: that it was done."""

    action_id: str = Field(min_length=1, max_length=64, description="as the case names it")


class CheckAction(Model):
    """check-action: that a recommended action was done, or that it was not after all."""

    action_id: Name = Field(description="the catalogue's id, as the alarm's words name it")
    done: bool = Field(default=True, description="false: takes the tick away again")


class CloseCase(Model):
    """close-case: what it was. The request's comment is the closing note."""

    cause: CauseCode = Field(description="true_hazard, nuisance, test or drill")


class Place(Model):
    """Alarms of one kind in one place."""

    hazard: Name = Field(description="hazard kind of the catalogue")
    area: Name = Field(description="area of the site file")
    zone: Name | None = Field(default=None, description="zone of a camera; null: the whole area")


class GrantPermit(Place):
    """grant-permit: work that would raise alarms of one kind in one place."""

    permit: Literal["hot_work", "confined_space", "lock_out"] = Field(
        description="hot_work, confined_space or lock_out"
    )
    reference: str = Field(default="", max_length=64, description="number of the paper permit")


class TakeOutOfService(Place):
    """take-out-of-service: alarms that mean nothing until something is repaired."""


class EndSuppression(Model):
    """end-suppression: an order of a person that ends before its time."""

    order_id: str = Field(min_length=1, max_length=64, description="as it was granted")


class TestAnnunciator(Model):
    """test-annunciator: horn and lamp of an area, for some seconds."""

    __test__ = False  # a name that pytest would take for a test

    area: Name = Field(description="area of the site file")
    seconds: float = Field(
        gt=0, le=LONGEST_TEST_S, description=f"at most {LONGEST_TEST_S:.0f} seconds"
    )


class Replay(Model):
    """replay: revisions by their sequence, once more."""

    from_sequence: int = Field(ge=1, description="the first that is missing, from 1")
    to_sequence: int | None = Field(default=None, ge=1, description="the last; null: the newest")
    node: Name | None = Field(default=None, description="the node meant; null: whoever hears it")

    @model_validator(mode="after")
    def _forward(self) -> Replay:
        if self.to_sequence is not None and self.to_sequence < self.from_sequence:
            raise ValueError(f"to_sequence {self.to_sequence} is before {self.from_sequence}")
        return self


class Snapshot(Model):
    """snapshot: the present state."""

    node: Name | None = Field(default=None, description="the node meant; null: whoever hears it")


def _bounded(patch: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        text = json.dumps(patch, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        raise ValueError("has a number or character that no file can hold") from None
    size = len(text)
    if size > LONGEST_PATCH:
        raise ValueError(f"has {size} characters, at most {LONGEST_PATCH} are taken")
    return patch


Patch = Annotated[
    dict[str, JsonValue],
    AfterValidator(_bounded),
    Field(description="JSON Merge Patch (RFC 7396) of the site file's data"),
]
Sha256 = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="of the site file that was looked at")
]


class ChangeSite(Model):
    """change-site: a new version of the site file. The request's comment says why."""

    base_sha256: Sha256
    patch: Patch


class RestoreSite(Model):
    """restore-site: an earlier version once more. The request's comment says why."""

    base_sha256: Sha256
    version: int = Field(ge=1, description="number of the version that comes back")


class StartJob(Model):
    """start-job: long work; the outcome's value `job_id` names it."""

    kind: JobKind = Field(description="dry_run, replay_decision or weekly_report")
    assessment_id: str | None = Field(
        default=None, min_length=8, max_length=64, description="of replay_decision"
    )
    patch: Patch | None = Field(default=None, description="of dry_run: the change to try")
    hours: float = Field(
        default=24.0, gt=0, le=LONGEST_DRY_RUN_H, description="of dry_run: how far to look back"
    )
    week_of: date | None = Field(
        default=None, description="of weekly_report: a day of the week; null: the last whole one"
    )
    language: Literal["en", "fr", "de", "es", "it"] = "en"

    @model_validator(mode="after")
    def _complete(self) -> StartJob:
        if self.kind is JobKind.REPLAY_DECISION and self.assessment_id is None:
            raise ValueError("replay_decision needs assessment_id: name the assessment")
        if self.kind is JobKind.DRY_RUN and self.patch is None:
            raise ValueError("dry_run needs patch: say what to change")
        return self


class CancelJob(Model):
    """cancel-job: long work that is to end before its end."""

    job_id: str = Field(min_length=1, max_length=64, description="as start-job's outcome named it")


Arguments = (
    NoArguments
    | Assign
    | PlanAction
    | CompleteAction
    | CheckAction
    | CloseCase
    | GrantPermit
    | TakeOutOfService
    | EndSuppression
    | TestAnnunciator
    | Replay
    | Snapshot
    | ChangeSite
    | RestoreSite
    | StartJob
    | CancelJob
)

ARGUMENTS: Mapping[Verb, type[Arguments]] = {
    Verb.ACKNOWLEDGE: NoArguments,
    Verb.RESET: NoArguments,
    Verb.SHELVE: NoArguments,
    Verb.UNSHELVE: NoArguments,
    Verb.COMMENT: NoArguments,
    Verb.ASSIGN: Assign,
    Verb.PLAN_ACTION: PlanAction,
    Verb.COMPLETE_ACTION: CompleteAction,
    Verb.CHECK_ACTION: CheckAction,
    Verb.CLOSE_CASE: CloseCase,
    Verb.REOPEN_CASE: NoArguments,
    Verb.GRANT_PERMIT: GrantPermit,
    Verb.TAKE_OUT_OF_SERVICE: TakeOutOfService,
    Verb.END_SUPPRESSION: EndSuppression,
    Verb.TEST_ANNUNCIATOR: TestAnnunciator,
    Verb.REPLAY: Replay,
    Verb.SNAPSHOT: Snapshot,
    Verb.CHANGE_SITE: ChangeSite,
    Verb.RESTORE_SITE: RestoreSite,
    Verb.START_JOB: StartJob,
    Verb.CANCEL_JOB: CancelJob,
}
"""The model of each verb's arguments."""

_Kind = TypeVar("_Kind", bound=Model)


def parse_arguments(request: ActionRequest) -> Arguments:
    """The arguments of the request's verb.

    Raises:
        IllegalTransition: if one is missing, unknown or wrong: its name, value and mend.
    """
    return arguments_as(ARGUMENTS[request.verb], request)


def arguments_as(kind: type[_Kind], request: ActionRequest) -> _Kind:
    """The arguments as this model.

    Raises:
        IllegalTransition: if one is missing, unknown or wrong: its name, value and mend.
    """
    try:
        return kind.model_validate(request.arguments)
    except ValidationError as error:
        raise IllegalTransition(_told(kind, request.verb, error)) from None


def _told(kind: type[Model], verb: Verb, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])[:_SHOWN] if first["loc"] else "arguments"
    known = ", ".join(kind.model_fields) or "no arguments"
    if first["type"] == "extra_forbidden":
        return f"argument {name!r} of {verb}: not known, it takes {known}"
    field = kind.model_fields.get(name)
    want = f": want {field.description}" if field is not None and field.description else ""
    if first["type"] == "missing":
        return f"argument {name} of {verb} is missing{want}"
    value = repr(first["input"])[:_SHOWN]
    return f"argument {name} of {verb} is {value}: {first['msg']}{want}"
