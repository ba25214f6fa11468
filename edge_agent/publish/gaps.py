"""The record that stands in the outbox for messages that went out of it unsent."""

from __future__ import annotations

from datetime import datetime

from edge_agent.publish.messages import GapRecord
from edge_agent.publish.topics import gap_topic
from hazard.store import OutboxMessage
from hazard.store.bounds import RenderGap
from hazard.store.outbox import Gap


def gap_renderer(site: str, node: str) -> RenderGap:
    """What the outbox's bounds ask for the record of a gap."""

    def render(first: int, last: int, reason: str, at: datetime) -> OutboxMessage:
        record = GapRecord(
            site=site, node=node, from_sequence=first, to_sequence=last, reason=reason, at=at
        )
        return OutboxMessage(
            topic=gap_topic(site, node),
            body=record.model_dump_json(),
            properties={
                "schema": record.schema_version,
                "from_sequence": str(first),
                "to_sequence": str(last),
            },
        )

    return render


def told(gaps: list[Gap]) -> str:
    """Gaps in words, for the stage of a broker that was not given everything; empty if none."""
    if not gaps:
        return ""
    numbers = ", ".join(f"{gap.from_sequence} to {gap.to_sequence}" for gap in gaps[-3:])
    return (
        f"messages {numbers} waited longer, or took more room, than mqtt.outbox allows, and were "
        "given up: the store has them, and its subscribers ask for a replay"
    )
