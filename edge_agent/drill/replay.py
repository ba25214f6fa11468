"""Asking a node for stored revisions again, as any subscriber may: by MQTT, with a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from edge_agent.drill.plant import NODE, SITE, USER
from edge_agent.drill.witness import Witness
from edge_agent.publish.topics import command_topic, response_topic
from hazard.command_tokens import issue
from hazard.errors import HazardError
from hazard.types import Verb

TOKEN_FOR = timedelta(hours=12)


def replay(witness: Witness, secret: str, from_sequence: int = 1) -> int:
    """Have everything from `from_sequence` on sent again; gives the number of commands.

    The answer comes after what was asked for, and says where the next command begins.

    Raises:
        HazardError: if the node refuses or does not answer.
    """
    token = issue(secret, user=USER, site=SITE, now=datetime.now(UTC), lifetime=TOKEN_FOR)
    topic = command_topic(SITE, USER, Verb.REPLAY.value)
    begin: int | None = from_sequence
    commands = 0
    while begin is not None:
        body = {"node": NODE, "arguments": {"from_sequence": begin}, "token": token}
        answer = witness.publish(topic, response_topic(SITE, USER), json.dumps(body))
        commands += 1
        if answer["state"] != "done":
            raise HazardError(f"the node does not replay: {answer['text']}")
        begin = answer["values"]["next_sequence"]
    return commands
