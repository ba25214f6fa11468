"""Numbered people who walk into restricted zones, as cameras see them.

At each gate one person after the other enters the zone, stays, and leaves; the gate is then seen
empty long enough for the finding to clear. Each person has a number of their own, their track: the
product must make one incident of each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from hazard.types import CameraReport, CameraState, Observation, Track

FRAMES_PER_S = 5.0
FRAMES_INSIDE = 2
FRAMES_EMPTY = 9
"""Three empty pictures clear a gate. While a core that was away works off what has waited, its
clock may tell the rule now and then that the camera is silent, and the three begin anew; a person
who came before that would be taken for the one whose finding still stands."""
ZONE = "pit"
WIDTH_PX, HEIGHT_PX = 640, 480


class Gate:
    """One camera and who stands in its zone."""

    def __init__(self, name: str, area: str, numbers: Iterator[int], first_frame: int) -> None:
        self.name, self.area = name, area
        self._numbers = numbers
        self._frame = 0
        self._until_next = first_frame
        self._inside: int | None = None
        self.closed = False

    def look(self) -> tuple[Observation, int | None]:
        """What the camera sees now, and the number of the person who has just entered, if any."""
        entered = None
        if self._until_next <= 0 and not self.closed:
            entered = self._inside = next(self._numbers)
            self._until_next = FRAMES_INSIDE + FRAMES_EMPTY
        elif self._until_next <= FRAMES_EMPTY:
            self._inside = None
        self._until_next -= 1
        self._frame += 1
        now, now_s = datetime.now(UTC), time.monotonic()
        return Observation(
            camera_id=self.name,
            area=self.area,
            sequence=self._frame,
            captured_at=now,
            captured_monotonic_s=now_s,
            detected_at=now,
            detected_monotonic_s=now_s,
            width_px=WIDTH_PX,
            height_px=HEIGHT_PX,
            camera_state=CameraState.OK,
            tracks=(_person(self._inside),) if self._inside is not None else (),
        ), entered

    def report(self) -> CameraReport:
        """The camera's health: well."""
        return CameraReport(
            camera_id=self.name,
            area=self.area,
            at=datetime.now(UTC),
            at_monotonic_s=time.monotonic(),
            state=CameraState.OK,
            fps=FRAMES_PER_S,
        )


def _person(number: int) -> Track:
    return Track(
        track_id=number,
        label="person",
        confidence=0.9,
        xyxy=(300.0, 200.0, 340.0, 320.0),
        foot=(0.5, 0.667),
        zones=(ZONE,),
    )


def number_of(subject: str) -> int | None:
    """The person's number in a finding's subject (`gate-1/pit/track-17`), or None."""
    _, mark, number = subject.rpartition("/track-")
    return int(number) if mark and number.isdigit() else None
