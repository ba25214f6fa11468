"""The present state as the answer to a `snapshot` command, in parts that brokers take."""

from __future__ import annotations

import json
from collections.abc import Callable

from pydantic import JsonValue

from edge_agent.publish.fitting import reduced
from edge_agent.publish.voice import Voice

LARGEST_PART_BYTES = 128 * 1024
ENVELOPE_BYTES = 3072
"""Room for what an answer holds beside the states: topic, correlation data, names and text."""


def snapshot_parts(
    voice: Voice, newest_sequence: Callable[[], int], max_packet: int
) -> list[dict[str, JsonValue]]:
    """The `values` of each part.

    `sequence` is read first: the states are at least as new. A revision with a higher sequence
    comes by itself.

    Raises:
        SQLAlchemyError: if the store cannot be read.
    """
    sequence = newest_sequence()
    room = min(LARGEST_PART_BYTES, max_packet) - ENVELOPE_BYTES
    head = [voice.birth().body, *(area.body for _, area in voice.areas())]
    node_status, *areas = (json.loads(each) for each in head)
    room_left = room - sum(len(each.encode()) for each in head)
    parts: list[dict[str, JsonValue]] = [{"node_status": node_status, "areas": areas, "alerts": []}]
    left_out: list[JsonValue] = []
    for alert_id, (_, state) in voice.active().items():
        whole = len(state.body.encode()) <= room
        body = state.body if whole else reduced(state.body, room)
        if body is None:
            left_out.append(alert_id)
            continue
        size = len(body.encode()) + 1
        if size > room_left and (parts[-1]["alerts"] or len(parts) == 1):
            parts.append({"alerts": []})
            room_left = room
        alerts = parts[-1]["alerts"]
        if isinstance(alerts, list):
            alerts.append(json.loads(body))
        room_left -= size
    parts[0]["left_out"] = left_out
    return [
        {"part": number, "parts": len(parts), "sequence": sequence, **values}
        for number, values in enumerate(parts, start=1)
    ]
