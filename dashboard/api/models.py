"""What the API answers with. Alerts are hazard.types.AlertMessage as they are published."""

from __future__ import annotations

from pydantic import BaseModel, Field

from dashboard.keeping import Kept
from hazard.store.queries import RequestStatus
from hazard.types import Health, RequestState, Severity, UtcTime


class Problem(BaseModel):
    """Why a request was not carried out, and what to do."""

    detail: str


class ActionAnswer(BaseModel):
    """How a request stands; `answered` is False when the agent core has not answered in 2 s."""

    status: RequestStatus
    state: RequestState
    answered: bool
    text: str


class StageAnswer(BaseModel):
    """One stage. Whatever is older than the limit is `unknown`, with its age."""

    stage: str
    health: Health
    reason: str
    age_s: float | None
    figures: dict[str, str]


class HealthAnswer(BaseModel):
    """All stages at one time."""

    at: UtcTime
    worst: Health
    silent: bool = Field(description="the agent core has said nothing for too long")
    stages: tuple[StageAnswer, ...]
    kept: tuple[Kept, ...] = Field(description="what this node keeps; of a replica nothing is told")
    people_covered: bool = Field(description="people in stored pictures are covered")


class CameraAnswer(BaseModel):
    """One camera; `sign` is empty only while its picture is live and healthy."""

    camera_id: str
    area: str
    health: Health
    sign: str
    reason: str
    fps: float | None = Field(description="frames processed a second; null: not known now")
    budget_fps: float
    picture_age_s: float | None
    picture: str = Field(description="path of the latest annotated picture")


class AreaAnswer(BaseModel):
    """One area; `clear` only while everything that watches it is healthy."""

    area: str
    name: str
    status: str = Field(description="alarm, unknown or clear")
    worst: Severity | None
    alarms: int
    unacknowledged: int
    unwatched: tuple[str, ...]
