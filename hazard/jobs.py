"""Long work that people ask for and a process of the agent does, one job after the other."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from hazard.base import Model, UtcTime


class JobKind(StrEnum):
    """What a job does.

    `dry_run`: what a change of the site file would have raised, and no longer raised, over the
    stored tracks and readings. `replay_decision`: whether an assessment comes out again today.
    `weekly_report`: the figures of a week as PDF, sent by mail where the site says so.
    """

    DRY_RUN = "dry_run"
    REPLAY_DECISION = "replay_decision"
    WEEKLY_REPORT = "weekly_report"


class JobState(StrEnum):
    """Where a job stands.

    A job that was running when its process died is `failed`; one that a person has ended before its
    end is `cancelled`, and is never begun again by itself.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Model):
    """One job, as it stands.

    `result` is of the kind; `message` says in words how far it is, or why it failed and what to do.
    """

    job_id: str = Field(min_length=1, max_length=64)
    kind: JobKind
    subject: str = Field(default="", max_length=64, description="what it is about: an id, or empty")
    actor: str = Field(min_length=1, max_length=64)
    state: JobState = JobState.WAITING
    progress: float = Field(default=0.0, ge=0.0, le=1.0)
    message: str = Field(default="", max_length=2000)
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    result: dict[str, JsonValue] = Field(default_factory=dict)
    created_at: UtcTime
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in OVER


OVER = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""The states in which nothing more is done."""
