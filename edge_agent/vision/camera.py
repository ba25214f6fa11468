"""One camera as the vision process sees it: its decoder process, its slot, its state."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from edge_agent.vision.decoder import BACKOFF_CAP_S, Job, Note, backoff_s
from edge_agent.vision.health import PictureMonitor, offline_after_s
from edge_agent.vision.slots import SlotReader
from hazard.site.models import Camera
from hazard.types import CameraState, Frame

log = structlog.get_logger()

FPS_WINDOW_S: Final = 5.0
FAILED_FOR_S: Final = 1.0
"""A source that says itself that it failed is offline after this; a quick restart is no fault."""

START_WITHIN_S: Final = 20.0
"""A decoder process may take this long to start, on a box that is short of CPU."""

STARTING_FOR_S: Final = 10.0
"""A camera that has given no picture is called starting for this long, offline after it."""

_PICTURE_REASONS: Final = {
    CameraState.DARK: "the picture is black: uncover or light the camera",
    CameraState.FROZEN: "the same picture is repeated: restart the camera",
}


class CameraRuntime:
    """Owns one decoder process and everything that is known about its camera.

    `tick` and `start` belong to the process's main thread (a decoder dies with the thread that
    started it); `take`, `drain` and `processed` to the thread that infers.
    """

    def __init__(self, name: str, config: Camera, slot: Path, position: Path) -> None:
        self.name = name
        self.config = config
        self._slot_path, self._position_path = slot, position
        self.slot = SlotReader(slot)
        self.monitor = PictureMonitor()
        self.picture_state = CameraState.OK
        self.restarts = 0
        self.overwritten = 0
        self.frames_processed = 0
        self.frames_unused = 0
        self.reason = ""
        self._buffer = b""
        self._ended = False
        self._failed = False
        self._interval_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._attempt = 0
        self._start_at_s = 0.0
        self._read_at_start = 0
        self._born_s = time.monotonic()
        self._recent: deque[float] = deque()
        self._processed_at_s: float | None = None
        self.notify_fd, self._notify_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    # ------------------------------------------------------------ the decoder process

    def start(self) -> None:
        """Start the decoder process."""
        job = Job(
            camera_id=self.name,
            source=self.config.source,
            fps_budget=self.config.fps_budget,
            slot=self._slot_path,
            position=self._position_path,
            notify=self._notify_write,
            parent=os.getpid(),
        )
        self._read_at_start = self.slot.frames_read
        self._start_at_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.vision.decoder", job.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # FFmpeg writes addresses with their passwords there
            pass_fds=(self._notify_write,),
            env={**os.environ, "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"},
        )

    @property
    def pid(self) -> int | None:
        """The decoder's process id, None while none runs."""
        return None if self._process is None else self._process.pid

    def tick(self, now_s: float) -> None:
        """Start the decoder again if it died, kill it if it hangs; never waits."""
        process = self._process
        if process is None:
            if not self._ended and now_s >= self._start_at_s:
                self.restarts += 1
                self.start()
            return
        code = process.poll()
        if code is not None:
            self._gone(now_s, code, f"the decoder ended with code {code}: it is started again")
            return
        beat_s, limit_s = self.slot.heartbeat_s, self.config.hang_after_s
        if beat_s < self._start_at_s:  # it has not come as far as its first sign of life
            beat_s, limit_s = self._start_at_s, max(limit_s, START_WITHIN_S)
        silent_s = now_s - beat_s
        if silent_s > limit_s:
            process.kill()
            self._gone(
                now_s,
                process.wait(),
                f"no sign of life for {silent_s:.1f} s while reading: decoder killed; check the "
                "camera and its network, it is started again",
            )

    def _gone(self, now_s: float, code: int, why: str) -> None:
        self._close_process()
        if code == 0:  # it ends by itself only at the end of its source
            self._ended = True
        if self._ended:
            return
        self._attempt = 1 if self.slot.frames_read > self._read_at_start else self._attempt + 1
        self._start_at_s = now_s + min(BACKOFF_CAP_S, backoff_s(self._attempt))
        self._failed = True
        self.reason = why
        log.warning("decoder.gone", camera=self.name, why=why, attempt=self._attempt)

    def _close_process(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def stop(self) -> None:
        """Kill the decoder (its position is on disk already) and remove the slot."""
        process = self._process
        if process is not None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1.0)
        self._close_process()
        self.slot.remove()
        os.close(self.notify_fd)
        os.close(self._notify_write)

    # ------------------------------------------------------------ pictures

    @property
    def lossless(self) -> bool:
        """Whether the decoder waits for every picture to be taken (a file, as fast as possible)."""
        return getattr(self.config.source, "pace", "") == "fast"

    @property
    def fps(self) -> float:
        """Nominal pictures a second of the source, or the budget where it is not known."""
        nominal = 1.0 / self._interval_s if self._interval_s > 0 else self.config.fps_budget
        return nominal if self.lossless else min(nominal, self.config.fps_budget)

    def drain(self) -> None:
        """Read what the decoder has told."""
        with suppress(BlockingIOError):
            while chunk := os.read(self.notify_fd, 65536):
                self._buffer += chunk
                if len(chunk) < 65536:  # noqa: PLR2004 - the size asked for
                    break
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line:
                self._heed(line)

    def _heed(self, line: bytes) -> None:
        try:
            note = Note.model_validate_json(line)
        except ValueError:  # half a line of a decoder that was killed while it wrote
            return
        if note.kind == "opened":
            self._interval_s = note.interval_s
        elif note.kind == "ended":
            self._ended = True
        self._failed = note.kind == "failed"
        self.reason = note.reason
        if note.kind in ("failed", "notice") and note.reason:
            log.warning("camera.source", camera=self.name, reason=note.reason)

    def take(self) -> Frame | None:
        """The newest picture as a frame, or None; the decoder learns that it was taken."""
        picture = self.slot.take()
        if picture is None:
            return None
        self.overwritten += picture.overwritten
        if self.lossless:
            self._token()
        self._failed = False
        return Frame(
            camera_id=self.name,
            sequence=picture.sequence,
            image=picture.image,
            captured_at=picture.captured_at,
            captured_monotonic_s=picture.captured_monotonic_s,
        )

    def _token(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError, ValueError):
                os.write(process.stdin.fileno(), b".")

    def judge(self, frame: Frame) -> CameraState:
        """Dark, frozen or fine, after this frame."""
        at_s = frame.captured_monotonic_s
        if self.lossless:  # the clip's own clock, since capture times say how fast we read
            at_s = frame.sequence / self.fps
        self.picture_state = self.monitor.judge(frame.image, at_s)
        return self.picture_state

    def processed(self, at_s: float) -> None:
        """Count a frame whose observation has been made."""
        self.frames_processed += 1
        self._processed_at_s = at_s
        self._recent.append(at_s)

    def measured_fps(self, now_s: float) -> float:
        """Frames processed per second, over the last 5 s, or three pictures of a slower source."""
        window_s = max(FPS_WINDOW_S, 3.0 * self._interval_s)
        while self._recent and self._recent[0] < now_s - window_s:
            self._recent.popleft()
        return len(self._recent) / min(window_s, max(1.0, now_s - self._born_s))

    def watched(self, now_s: float) -> bool:
        """False where the camera delivers and for too long none of its pictures was processed."""
        if self.slot.delivered_at_s == 0.0:
            return True  # it delivers nothing: its state says so
        if self._processed_at_s is None:
            return now_s - self._born_s <= STARTING_FOR_S
        return now_s - self._processed_at_s <= offline_after_s(self._interval_s)

    # ------------------------------------------------------------ state

    @property
    def frames_dropped(self) -> int:
        """Pictures read and not processed: over the budget, late, overwritten, or no model."""
        return self.slot.frames_skipped + self.overwritten + self.frames_unused

    def state(self, now_s: float) -> tuple[CameraState, str]:
        """The camera's state now, and why."""
        delivered_s = self.slot.delivered_at_s
        waiting = self.slot.pending
        if self._ended and not waiting:
            return CameraState.ENDED, self.reason
        if delivered_s == 0.0:
            return self._state_before_first(now_s)
        silent_s = now_s - delivered_s
        patience_s = FAILED_FOR_S if self._failed else offline_after_s(self._interval_s)
        if silent_s > patience_s and not (self.lossless and waiting):
            why = self.reason or "check the camera's power, cable and network"
            return CameraState.OFFLINE, f"no new picture for {silent_s:.0f} s: {why}"
        return self.picture_state, _PICTURE_REASONS.get(self.picture_state, self.reason)

    def _state_before_first(self, now_s: float) -> tuple[CameraState, str]:
        if self._failed or now_s - self._born_s > STARTING_FOR_S:
            return CameraState.OFFLINE, self.reason or "no picture yet: check the source"
        return CameraState.STARTING, self.reason
