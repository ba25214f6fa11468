"""The words of the domain, as frozen types.

Everything that leaves a process is a pydantic model here (observations, readings, events,
incidents, assessments, alert messages, action requests). What stays within the vision group
(`Frame`, `Detection`) is a plain dataclass. Every time is aware UTC, every duration is monotonic
seconds, every quantity carries its unit in its name or beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue

from hazard.base import Model, Name, UtcTime
from hazard.scales import Authority, DecidedBy, Quality, Severity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# ---------------------------------------------------------------- within the vision group


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of one camera.

    Attributes:
        camera_id: the camera's name in the site file.
        sequence: number of the frame since the decoder's first start, from 0.
        image: BGR picture, uint8, shape (height, width, 3).
        captured_at: aware UTC time of capture.
        captured_monotonic_s: CLOCK_MONOTONIC at capture, in seconds (system-wide).
    """

    camera_id: str
    sequence: int
    image: NDArray[np.uint8]
    captured_at: datetime
    captured_monotonic_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A labelled box.

    Attributes:
        xyxy: left, top, right, bottom in pixels of the original picture.
        confidence: 0..1.
        class_id: index in the model's class list.
        label: the class's name.

    Raises:
        ValueError: if the box is inside out or the confidence is outside 0..1.
    """

    xyxy: tuple[float, float, float, float]
    confidence: float
    class_id: int
    label: str

    def __post_init__(self) -> None:
        left, top, right, bottom = self.xyxy
        if not (right >= left and bottom >= top):
            raise ValueError(f"box {self.xyxy} is inside out: want left <= right, top <= bottom")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence {self.confidence} is outside 0..1")


# ---------------------------------------------------------------- what cameras and sensors say


class Track(Model):
    """One object followed over frames, as seen in one frame.

    `track_id` is None while the tracker has not confirmed it. `foot` is the bottom centre of the
    box in relative coordinates; `zones` are the zones whose polygon holds the foot point;
    `ground_m` is the foot point on the ground plane in metres where the camera is calibrated.
    """

    track_id: int | None
    label: str = Field(max_length=64)
    confidence: float = Field(ge=0.0, le=1.0)
    xyxy: tuple[float, float, float, float] = Field(description="pixels of the original picture")
    foot: tuple[float, float] = Field(description="bottom centre, relative 0..1")
    zones: tuple[str, ...] = ()
    ground_m: tuple[float, float] | None = None


class CameraState(StrEnum):
    """Health of a camera's picture. Only `ok` counts as good evidence."""

    OK = "ok"
    STARTING = "starting"
    DARK = "dark"
    FROZEN = "frozen"
    OFFLINE = "offline"
    ENDED = "ended"


class Observation(Model):
    """What one camera saw at one time."""

    camera_id: Name
    area: Name
    sequence: int
    captured_at: UtcTime
    captured_monotonic_s: float
    detected_at: UtcTime
    detected_monotonic_s: float = Field(description="CLOCK_MONOTONIC at the end of inference")
    width_px: int
    height_px: int
    camera_state: CameraState
    tracks: tuple[Track, ...] = ()


class CameraReport(Model):
    """A camera's health, sent once a second and at each change of state.

    Counters run since the vision group's start. `state` ENDED means that a file source that is
    played once has come to its end: not a fault.
    """

    camera_id: Name
    area: Name
    at: UtcTime
    at_monotonic_s: float
    state: CameraState
    reason: str = Field(default="", max_length=500, description="why, in words, with the mend")
    fps: float = Field(default=0.0, description="frames processed per second, last 5 s")
    frames_read: int = 0
    frames_processed: int = 0
    frames_dropped: int = 0
    restarts: int = Field(default=0, description="times the decoder was started again")


class Reading(Model):
    """One value of one sensor. `value` is None when the payload was not a number (quality bad)."""

    sensor_id: Name
    area: Name
    quantity: str = Field(max_length=64, description="e.g. h2s, ch4, temperature")
    value: float | None
    unit: str = Field(max_length=16, description="e.g. ppm, %LEL, degC")
    quality: Quality
    measured_at: UtcTime
    received_at: UtcTime
    received_monotonic_s: float
    note: str = Field(default="", max_length=200, description="why the quality is not good")


# ---------------------------------------------------------------- what rules find


class Condition(StrEnum):
    """State of a finding: active, held (no good evidence any more), or cleared by good evidence."""

    ACTIVE = "active"
    HELD = "held"
    CLEARED = "cleared"


class Measured(Model):
    """A measured value that a rule compared, with its threshold."""

    name: str = Field(max_length=64, description="e.g. h2s, distance, dwell, people")
    value: float
    unit: str = Field(max_length=16)
    threshold: float | None = None
    source: str = Field(default="", max_length=64, description="sensor or camera id")


class Evidence(Model):
    """A reference to evidence on disk, content-addressed. Pixels never travel with it."""

    evidence_id: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file")
    kind: Literal["snapshot", "clip"]
    media_type: str
    size_bytes: int
    source: str = Field(max_length=64, description="camera id")
    captured_at: UtcTime
    width_px: int
    height_px: int
    boxes: tuple[Track, ...] = Field(default=(), description="what was seen in that picture")


class HazardEvent(Model):
    """One rule's finding about one subject.

    A rule emits the same `event_id` again when the finding changes materially (a value crosses the
    next threshold), is held, or is cleared. The id is derived from rule, subject and start, so
    that a rule stays a pure function.
    """

    event_id: str
    rule_id: Name
    hazard: Name = Field(description="hazard kind, an id of the catalogue")
    area: Name
    subject: str = Field(
        max_length=200, description="what tells two events apart: track+zone, sensor, camera"
    )
    condition: Condition
    started_at: UtcTime
    updated_at: UtcTime
    updated_monotonic_s: float
    ended_at: UtcTime | None = None
    confidence: float = Field(ge=0.0, le=1.0)
    measured: tuple[Measured, ...] = ()
    level: str = Field(
        default="", max_length=32, description="threshold level reached, e.g. alarm, high, idlh"
    )
    occupied: bool | None = Field(
        default=None, description="people seen in the area; None is unknown and counts as occupied"
    )
    sources: tuple[str, ...] = Field(default=(), description="camera and sensor ids, the evidence")
    captured_at: UtcTime = Field(description="capture or measurement time of the causing input")
    detected_at: UtcTime = Field(description="end of inference, or receipt of the reading")
    detected_monotonic_s: float
    boxes: tuple[Track, ...] = Field(default=(), description="tracks concerned, for the snapshot")


class Incident(Model):
    """The events that describe one situation at one place and time: what triage looks at."""

    incident_id: str
    area: Name
    opened_at: UtcTime
    updated_at: UtcTime
    closed_at: UtcTime | None = None
    hazard: Name = Field(description="the leading hazard kind: the one with the highest floor")
    events: tuple[HazardEvent, ...] = Field(min_length=1)
    grouped: int = Field(default=0, description="repeats counted, never dropped")

    @property
    def active(self) -> bool:
        """True while any event is active or held."""
        return any(event.condition is not Condition.CLEARED for event in self.events)


# ---------------------------------------------------------------- what triage says


class Verdict(Model):
    """What the deterministic policy says of an incident."""

    floor: Severity
    default: Severity
    why: str = Field(max_length=500, description="the row of the policy that set the floor")
    policy_hash: str

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a default under the floor."""
        if self.default < self.floor:
            raise ValueError(f"default {self.default} is under the floor {self.floor}")


class Opinion(Model):
    """A reasoning backend's answer about one incident, before authority is applied.

    `probabilities` are over the five severities and sum to 1. `provenance` holds enough to repeat
    it: backend, model file hashes, quantization, prompt hash, library versions, label logits,
    timings.
    """

    backend: str = Field(max_length=64)
    severity: Severity | None = Field(description="None: unsure")
    probabilities: dict[Severity, float]
    conformal_set: tuple[Severity, ...] = ()
    entropy_bits: float | None = Field(default=None, description="0 is sure, 2.32 knows nothing")
    authority_limit: Authority = Field(
        default=Authority.DECIDE, description="the most that this very answer may do"
    )
    note: str = Field(default="", max_length=300, description="why it is unsure, or is limited")
    answered_in_ms: float
    provenance: dict[str, JsonValue] = Field(default_factory=dict)


class Assessment(Model):
    """A severity with who decided it and provenance enough to repeat it."""

    assessment_id: str
    incident_id: str
    severity: Severity
    floor: Severity
    default: Severity
    decided_by: DecidedBy
    authority: Authority
    reason: str = Field(max_length=500, description="why this severity, or why the fallback")
    opinion: Opinion | None = None
    decided_at: UtcTime
    policy_hash: str = Field(default="", description="of the policy that gave floor and default")
    incident: Incident | None = Field(
        default=None,
        description="as it was when it was judged (it changes afterwards), to judge it again",
    )


class Citation(Model):
    """One clause of the site's own procedures, word for word."""

    document: str = Field(min_length=1, max_length=120, description="file, from the folder on")
    section: str = Field(max_length=160, description="heading, and the page of a PDF")
    quote: str = Field(min_length=1, max_length=300, description="whole sentences, verbatim")


class Words(Model):
    """Summary and recommended actions of one incident, per language.

    Raises:
        ValueError: if there are citations, and not one (or None) for each action.
    """

    summary: dict[str, str] = Field(description="language code to text of at most 60 words")
    actions: dict[str, tuple[str, ...]] = Field(description="language code to actions, in order")
    source: Literal["model", "template"]
    note: str = Field(default="", max_length=500, description="why the template stands, if it does")
    written: tuple[str, ...] = Field(
        default=(), description="languages whose summary the model wrote; the rest is template"
    )
    action_ids: tuple[str, ...] = Field(
        default=(), description="the catalogue's ids of the actions, in the same order"
    )
    actions_by: Literal["model", "catalogue"] = Field(
        default="catalogue", description="who chose and ordered the actions; nobody invents one"
    )
    citations: tuple[Citation | None, ...] = Field(
        default=(), description="per action a clause of the site's procedures; null: none was found"
    )
    procedures: Literal["none_given", "searched"] = Field(
        default="none_given", description="whether the site's procedures were searched"
    )

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse citations that do not stand beside the actions."""
        if self.citations and len(self.citations) != len(self.action_ids):
            raise ValueError(
                f"{len(self.citations)} citations for {len(self.action_ids)} actions: "
                "give one, or None, for each"
            )


# ---------------------------------------------------------------- alarms


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


class Verb(StrEnum):
    """What a person or program may ask of an alarm."""

    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    COMMENT = "comment"


class RequestState(StrEnum):
    """Outcome of an ActionRequest."""

    PENDING = "pending"
    DONE = "done"
    CONFLICT = "conflict"
    REFUSED = "refused"


class ActionRequest(Model):
    """What a person or program asks for. Only the agent core carries it out."""

    request_id: str
    alert_id: str
    verb: Verb
    actor: str = Field(min_length=1, max_length=64)
    expected_revision: int
    comment: str = Field(default="", max_length=2000)
    duration_s: float | None = Field(default=None, gt=0, description="for shelve")
    requested_at: UtcTime


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
    words: Words | None = None
    events: tuple[HazardEvent, ...]
    evidence: tuple[Evidence, ...] = ()
    times: Times
    durability: Literal["store", "journal", "memory"] = Field(
        default="store",
        description="where it lies already: database, fsynced journal, or (both failed) memory",
    )


# ---------------------------------------------------------------- health


class Health(StrEnum):
    """Health of a stage. Unknown is never shown as healthy."""

    READY = "ready"
    STARTING = "starting"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class StageHealth(Model):
    """One stage's health, with the reason and the mend when it is not ready."""

    stage: str = Field(max_length=64, description="e.g. vision, camera/gate-1, sensor/h2s-1")
    health: Health
    reason: str = Field(default="", max_length=500)
    at: UtcTime
    figures: dict[str, JsonValue] = Field(default_factory=dict)
