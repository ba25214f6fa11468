"""What the processes on the box say to each other, and how.

The agent core listens on one Unix socket (mode 0600). The vision group and the reasoning process
connect to it, say `Hello`, and then both sides send messages: one JSON object a line, each with
its `type`. Whoever loses the connection connects again with back-off, for ever.

Observations carry a number and are kept by the vision group until the core has acknowledged them,
so that a core that was killed misses nothing of the last `SPOOL_SIZE` frames of each camera. What
comes again although the core had made it durable is known by instance and number, and left out.
Deadlines are absolute CLOCK_MONOTONIC seconds, which on Linux are the same in every process.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from hazard.site.models import Site
from hazard.types import (
    CameraReport,
    Evidence,
    Health,
    Incident,
    Model,
    Observation,
    Opinion,
    Severity,
    UtcTime,
    Verdict,
    Words,
)

MAX_LINE_BYTES = 4 * 1024 * 1024
SPOOL_SIZE = 600
"""Messages that the vision group keeps while the core is away (60 s of a camera at 10 fps)."""

Role = Literal["vision", "reasoner", "notifier", "replica", "jobs"]
"""The processes that connect to the core."""

# ---------------------------------------------------------------- both ways


class Hello(Model):
    """First message of a client."""

    type: Literal["hello"] = "hello"
    role: Role
    pid: int
    instance: str = Field(
        default="",
        max_length=32,
        description="of a vision group: whose numbers its observations carry; new at each start",
    )


class Configure(Model):
    """Core to client: the site in force; sent after Hello and after each reload.

    Cameras, zones and sensors that did not change go on undisturbed.
    """

    type: Literal["configure"] = "configure"
    site: Site


class WorkerReport(Model):
    """Client to core, every second and at each change: how the process itself is.

    `figures` are plain numbers and texts, e.g. backend, weights, inference_ms_p50, late.
    """

    type: Literal["worker_report"] = "worker_report"
    role: Role
    health: Health
    reason: str = Field(default="", max_length=500)
    at: UtcTime
    figures: dict[str, JsonValue] = Field(default_factory=dict)


# ---------------------------------------------------------------- vision


class Observed(Model):
    """Vision to core: one observation.

    `number` grows by one per observation of this process and is what `Ack` names.
    """

    type: Literal["observed"] = "observed"
    number: int
    observation: Observation


class Reported(Model):
    """Vision to core: a camera's health. Not spooled: the next one replaces it."""

    type: Literal["reported"] = "reported"
    report: CameraReport


class Ack(Model):
    """Core to vision: every observation up to `number` has been taken over."""

    type: Literal["ack"] = "ack"
    number: int


class SnapshotRequest(Model):
    """Core to vision: keep the picture nearest to `captured_at` as evidence."""

    type: Literal["snapshot_request"] = "snapshot_request"
    request_id: str
    camera_id: str
    captured_at: UtcTime


class SnapshotTaken(Model):
    """Vision to core: the evidence, or why there is none."""

    type: Literal["snapshot_taken"] = "snapshot_taken"
    request_id: str
    evidence: Evidence | None = None
    error: str = Field(default="", max_length=500)


# ---------------------------------------------------------------- reasoner


class DecideRequest(Model):
    """Core to reasoner: give an opinion before the deadline."""

    type: Literal["decide_request"] = "decide_request"
    request_id: str
    incident: Incident
    verdict: Verdict
    deadline_monotonic_s: float


class WriteRequest(Model):
    """Core to reasoner: write summary and actions; after all decisions that wait."""

    type: Literal["write_request"] = "write_request"
    request_id: str
    incident: Incident
    severity: Severity
    languages: tuple[str, ...]
    deadline_monotonic_s: float


class Cancel(Model):
    """Core to reasoner: nobody waits for this answer any more."""

    type: Literal["cancel"] = "cancel"
    request_id: str


class DecideReply(Model):
    """Reasoner to core: the opinion, or why there is none."""

    type: Literal["decide_reply"] = "decide_reply"
    request_id: str
    opinion: Opinion | None = None
    error: str = Field(default="", max_length=500)


class WriteReply(Model):
    """Reasoner to core: the words, or why there are none."""

    type: Literal["write_reply"] = "write_reply"
    request_id: str
    words: Words | None = None
    error: str = Field(default="", max_length=500)


Message = Annotated[
    Hello
    | Configure
    | WorkerReport
    | Observed
    | Reported
    | Ack
    | SnapshotRequest
    | SnapshotTaken
    | DecideRequest
    | WriteRequest
    | Cancel
    | DecideReply
    | WriteReply,
    Field(discriminator="type"),
]
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def encode(message: Message) -> bytes:
    """One message as a line of JSON."""
    return message.model_dump_json().encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line.

    Raises:
        pydantic.ValidationError: if it is none.
    """
    return _MESSAGE.validate_json(line)


async def connect(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open the core's socket.

    Raises:
        OSError: if nobody listens; the caller backs off and tries again.
    """
    return await asyncio.open_unix_connection(str(socket), limit=MAX_LINE_BYTES)


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """The next message, or None when the other side has gone.

    Raises:
        pydantic.ValidationError: if a line is no message.
    """
    line = await reader.readline()
    return decode(line) if line else None
