"""Commands by MQTT as they go over the wire: the question, the answer, and what they are called.

The node takes them and answers (`edge_agent.publish.commands`); the dashboard of a replica sends
them for the people who work with it.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field, JsonValue

from hazard.types import Model, Name, UtcTime


class CommandMessage(Model):
    """What a person or program asks for (topic `command/{user}/{verb}`, never retained).

    The user and the verb stand in the topic. `request_id` makes a command that is sent twice be
    carried out once; without it the MQTT 5 correlation data, or else a hash of the payload, does.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    node: Name | None = Field(
        default=None, description="the node that is meant; null: whichever has the alarm, or all"
    )
    request_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    alert_id: str | None = Field(default=None, max_length=64)
    revision: int | None = Field(
        default=None, ge=1, description="of the alarm, as the sender saw it"
    )
    comment: str = Field(default="", max_length=2000)
    duration_s: float | None = Field(default=None, gt=0)
    arguments: dict[str, JsonValue] = Field(default_factory=dict, max_length=16)
    token: str | None = Field(default=None, max_length=4096, description="where the broker asks")


class CommandResponse(Model):
    """What became of a command (to its response topic, or `response/{user}`).

    `values` depend on the verb: the alarm's new `revision`; of a replay `from_sequence`,
    `to_sequence`, `next_sequence` (null: that was all) and `sent`; of a snapshot `part`, `parts`
    and `sequence` with `alerts`, in the first part also `areas` and `node_status`.
    """

    schema_version: Literal["hazard/v1"] = "hazard/v1"
    site: Name
    node: Name
    user: str = Field(max_length=64)
    verb: str = Field(max_length=64)
    request_id: str = Field(max_length=64)
    state: Literal["done", "conflict", "refused"]
    text: str = Field(max_length=2000, description="what happened, or why not and what to do")
    values: dict[str, JsonValue] = Field(default_factory=dict)
    at: UtcTime


def digest(*parts: str | bytes | None) -> str:
    """A request's id out of what tells it from all others."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part or b""
        total.update(len(data).to_bytes(8, "big") + data)
    return f"m-{total.hexdigest()[:40]}"


def stored_id(user: str, request_id: str) -> str:
    """The id under which a node stores the command that `user` calls `request_id`.

    What the sender calls a request is a user's own: nobody meets the request of another.
    """
    return digest("named", user, request_id)
