"""One decoder process: reads one camera and puts its newest picture into the slot.

Started as `python -m edge_agent.vision.decoder JOB` by the vision process, one for each camera
(47 MB each with 16 of them at 768x576, shared libraries divided): what hangs or crashes here is
killed and started again without touching another camera. It dies with its parent.

To its parent it writes lines on the descriptor `job.notify`: an empty line for each picture, a JSON
object (`Note`) for what else there is to tell. On standard input it gets a byte for each picture
that was taken, which only a lossless source waits for.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import cv2
from pydantic import Field

from edge_agent.process import die_with_parent
from edge_agent.vision.pictures import bounded
from edge_agent.vision.position import Position
from edge_agent.vision.slots import SlotWriter
from edge_agent.vision.sources import CameraSource, find
from edge_agent.vision.sources.url import redact
from hazard.errors import HazardError
from hazard.site.sources import CameraSourceConfig
from hazard.types import Model

BACKOFF_START_S: Final = 0.5
BACKOFF_CAP_S: Final = 30.0
LATE_RESET_S: Final = 2.0
"""A file that is this far behind its clock (the box was suspended) goes on from now."""

_SLICE_S: Final = 0.5


class Job(Model):
    """What a decoder is told to do. No secret stands in it: addresses keep their references."""

    camera_id: str
    source: CameraSourceConfig
    fps_budget: float
    slot: Path
    position: Path
    notify: int
    parent: int


class Note(Model):
    """What a decoder tells beside pictures."""

    kind: Literal["opened", "failed", "notice", "ended"]
    reason: str = Field(default="", max_length=400)
    interval_s: float = 0.0


def backoff_s(attempt: int) -> float:
    """Seconds before attempt number `attempt` (from 1): doubling, capped, with jitter."""
    full = min(BACKOFF_CAP_S, BACKOFF_START_S * 2.0 ** min(attempt - 1, 10))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret


class Budget:
    """Lets through at most `fps` pictures a second, evenly."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._credit = 1.0
        self._last_s: float | None = None

    def admits(self, at_s: float) -> bool:
        """Whether the picture captured at `at_s` is within the budget."""
        if self._last_s is not None:
            self._credit = min(1.5, self._credit + (at_s - self._last_s) * self._fps)
        self._last_s = at_s
        if self._credit < 0.75:  # noqa: PLR2004 - a quarter of an interval of jitter is allowed
            return False
        self._credit -= 1.0
        return True


class ParentGone(Exception):  # noqa: N818 - it is a reason to stop, no error
    """The vision process is no more."""


class Decoder:
    """Reads one source for ever, or to its end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._slot = SlotWriter(job.slot)
        self._position = Position(job.position)
        self._budget = Budget(job.fps_budget)
        self._sequence = 0
        self._notice = ""
        self._late_skips = False

    def run(self) -> None:
        """Open, read, and open again with back-off when the source fails; return at the end.

        Raises:
            ParentGone: when the vision process has died.
        """
        self._check_parent()
        source: CameraSource = find(self._job.source.kind)(self._job.source)
        attempt = 0
        while True:
            before = self._slot.frames_read
            try:
                self._open(source)
                if self._pump(source):
                    self._tell(Note(kind="ended"))
                    return
            except (HazardError, cv2.error, OSError, MemoryError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                self._tell(Note(kind="failed", reason=redact(str(error) or repr(error))[:400]))
            source.close()
            attempt = 1 if self._slot.frames_read > before else attempt + 1
            self._wait(backoff_s(attempt))

    def _open(self, source: CameraSource) -> None:
        self._slot.beat()
        start, self._sequence = self._position.load(source.identity())
        source.open(start)
        self._position.own(source.identity())
        self._slot.beat()
        self._tell(Note(kind="opened", interval_s=source.interval_s))

    def _pump(self, source: CameraSource) -> bool:
        """Read until the end (True)."""
        due_s = time.monotonic()
        while True:
            if not source.live and not source.lossless:
                due_s = self._pace(due_s, source.interval_s)
            self._slot.beat()
            if not source.grab():
                return True
            wall_ns, at_s = time.time_ns(), time.monotonic()
            self._slot.beat()
            self._deliver(source, wall_ns, at_s)
            self._check_parent()

    def _pace(self, due_s: float, interval_s: float) -> float:
        """Wait for the next picture's time and return the time of the one after."""
        now_s = time.monotonic()
        if now_s - due_s > LATE_RESET_S:
            due_s = now_s
        self._late_skips = now_s > due_s + interval_s
        self._wait(due_s - now_s)
        return due_s + interval_s

    def _deliver(self, source: CameraSource, wall_ns: int, at_s: float) -> None:
        """Put the grabbed picture into the slot, unless the budget or the clock says no."""
        if not source.lossless and (self._late_skips or not self._budget.admits(at_s)):
            self._slot.count_read()
            self._slot.count_skipped()
            self._sequence += 1
            self._position.store(source.position, self._sequence)
            return
        image = source.retrieve()
        if source.notice != self._notice:
            self._notice = source.notice
            self._tell(Note(kind="notice", reason=redact(self._notice)[:400]))
        if image is None:
            if source.notice:
                self._slot.count_read()
                self._slot.count_skipped()
            self._position.store(source.position, self._sequence)
            return
        number = self._slot.write(bounded(image), self._sequence, wall_ns, at_s)
        self._slot.count_read()
        self._sequence += 1
        self._position.store(source.position, self._sequence)
        self._send(b"\n")
        if source.lossless:
            self._wait_taken(number)

    def _wait_taken(self, number: int) -> None:
        while self._slot.taken < number:
            self._slot.beat()
            self._check_parent()
            ready, _, _ = select.select([0], [], [], _SLICE_S)
            if ready and not os.read(0, 4096):
                raise ParentGone

    def _wait(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._slot.beat()
            self._check_parent()
            time.sleep(min(_SLICE_S, left_s))

    def _check_parent(self) -> None:
        if os.getppid() != self._job.parent:
            raise ParentGone

    def _tell(self, note: Note) -> None:
        self._send(note.model_dump_json().encode() + b"\n")

    def _send(self, line: bytes) -> None:
        with suppress(BlockingIOError):  # the pipe is full of wake-ups: the parent will look anyway
            os.write(self._job.notify, line)


def main() -> int:
    """Run the job in the first argument; 0 at the end of the source or of the parent."""
    job = Job.model_validate(json.loads(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_blocking(job.notify, False)
    cv2.setNumThreads(1)
    with suppress(ParentGone, BrokenPipeError):
        die_with_parent()
        Decoder(job).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
