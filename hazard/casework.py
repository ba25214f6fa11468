"""The case beside an alarm: who looks after it, what is to be done, and what it was."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from hazard.base import Model, Name, UtcTime


class CauseCode(StrEnum):
    """What a case turned out to be, when it is closed."""

    TRUE_HAZARD = "true_hazard"
    NUISANCE = "nuisance"
    TEST = "test"
    DRILL = "drill"


class CorrectiveAction(Model):
    """Something that somebody has to do by a day, so that it does not happen again."""

    action_id: str = Field(min_length=1, max_length=64)
    text: str = Field(min_length=1, max_length=500)
    owner: str = Field(min_length=1, max_length=64)
    due_at: UtcTime
    planned_by: str = Field(min_length=1, max_length=64)
    planned_at: UtcTime
    done_at: UtcTime | None = None
    done_by: str | None = Field(default=None, max_length=64)


class CheckedAction(Model):
    """A recommended action that somebody has done, by the catalogue's id of it."""

    action_id: Name
    checked_by: str = Field(min_length=1, max_length=64)
    checked_at: UtcTime


class CaseFile(Model):
    """The case of one alert. It opens with the alert and may stay open after the alarm is normal.

    `cause` is None while the case is open.
    """

    assignee: str | None = Field(default=None, max_length=64)
    actions: tuple[CorrectiveAction, ...] = Field(default=(), max_length=50)
    checks: tuple[CheckedAction, ...] = Field(
        default=(),
        max_length=50,
        description="recommended actions that were done since the alarm last asked for attention",
    )
    cause: CauseCode | None = None
    closing_note: str = Field(default="", max_length=2000)
    closed_by: str | None = Field(default=None, max_length=64)
    closed_at: UtcTime | None = None

    @property
    def closed(self) -> bool:
        """Whether somebody has said what it was."""
        return self.closed_at is not None
