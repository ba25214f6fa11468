"""Asks the vision group for pictures of what was found, and takes them in when they come.

An alarm never waits for its picture: revision 1 goes out at once, and the picture joins the next
revision.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from edge_agent.core.server import Connection
from edge_agent.ipc import SnapshotRequest, SnapshotTaken
from hazard.types import Evidence, HazardEvent

FORGET_AFTER_S = 30.0
MAX_WAITING = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Asked:
    incident_id: str
    camera_id: str
    at_monotonic_s: float


class Snapshots:
    """Requests under way, by id."""

    def __init__(
        self,
        new_id: Callable[[], str],
        taken: Callable[[str, Evidence], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self._new_id = new_id
        self._taken = taken
        self._failed = failed
        self._waiting: dict[str, _Asked] = {}

    def ask(
        self, vision: Connection | None, incident_id: str, event: HazardEvent, cameras: set[str]
    ) -> None:
        """Ask for one picture from each camera that the event names."""
        self._forget_old()
        for camera_id in event.sources:
            if camera_id not in cameras or vision is None or len(self._waiting) >= MAX_WAITING:
                continue
            request_id = self._new_id()
            request = SnapshotRequest(
                request_id=request_id, camera_id=camera_id, captured_at=event.captured_at
            )
            if vision.send(request):
                self._waiting[request_id] = _Asked(incident_id, camera_id, time.monotonic())

    def answered(self, answer: SnapshotTaken) -> None:
        """Take the vision group's answer in."""
        asked = self._waiting.pop(answer.request_id, None)
        if asked is None:
            return
        if answer.evidence is None:
            log.warning("snapshot.failed", camera=asked.camera_id, error=answer.error)
            self._failed(asked.camera_id, answer.error)
            return
        self._taken(asked.incident_id, answer.evidence)

    def _forget_old(self) -> None:
        limit = time.monotonic() - FORGET_AFTER_S
        self._waiting = {k: v for k, v in self._waiting.items() if v.at_monotonic_s > limit}
