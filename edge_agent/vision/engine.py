"""Cameras, slots and pipeline together: frames in, observations out, without a socket.

Two threads share the work. The one that owns the engine (the main thread) starts and watches the
decoders: `configure`, `tick`, `stop`. The engine's own thread sleeps until a decoder says that
there is a picture, takes the newest of each camera, infers, tracks and hands on the observations.
"""

from __future__ import annotations

import os
import select
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import cv2
import structlog

from edge_agent.paths import Paths
from edge_agent.vision.camera import CameraRuntime
from edge_agent.vision.decoder import backoff_s
from edge_agent.vision.evidence import FrameRing, write_evidence
from edge_agent.vision.people import Sighting
from edge_agent.vision.pipeline import MAX_BATCH, OpenDetector, Pipeline, Seen, open_packaged
from edge_agent.vision.previews import PreviewWriter, View, view_now
from hazard.errors import HazardError, StoreError, WeightsError
from hazard.site.models import Camera, Site
from hazard.site.sources import FileSource, FolderSource
from hazard.types import CameraReport, CameraState, Evidence, Frame, Health, Observation, Track

log = structlog.get_logger()

_IDLE_S: Final = 0.25


class Engine(threading.Thread):
    """Runs the cameras of a site until it is stopped.

    Args:
        paths: folders of the node.
        site: the site in force.
        observed: called with each observation, from the engine's thread; must not block.
        accepts: asked before a picture of a lossless camera is taken; False leaves it waiting.
        open_detector: how a detector is opened.
    """

    def __init__(
        self,
        paths: Paths,
        site: Site,
        observed: Callable[[Observation], None],
        *,
        accepts: Callable[[str], bool] = lambda _: True,
        open_detector: OpenDetector = open_packaged,
    ) -> None:
        super().__init__(name="inference", daemon=True)
        self._paths = paths
        self._observed = observed
        self._accepts = accepts
        self._lock = threading.RLock()
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._by_fd: dict[int, CameraRuntime] = {}
        self._rings: dict[str, FrameRing] = {}
        self._shown: dict[str, tuple[CameraState, datetime]] = {}
        self._reasons: dict[str, str] = {}
        self._stopping = False
        self._load_attempt = 0
        self._load_at_s = 0.0
        self.fault = ""
        self.cameras: dict[str, CameraRuntime] = {}
        self.previews = PreviewWriter(paths.previews)
        self.pipeline = Pipeline(_absolute(site, paths), paths.models_dir, open_detector)
        self._slots = paths.run_dir / "slots"
        shutil.rmtree(self._slots, ignore_errors=True)
        self._slots.mkdir(mode=0o700, parents=True)
        cv2.setNumThreads(1)
        self._cameras_of(_absolute(site, paths))

    # ------------------------------------------------------------ the owner's thread

    def configure(self, site: Site) -> None:
        """Take over a changed site; cameras whose source did not change go on undisturbed."""
        site = _absolute(site, self._paths)
        with self._lock:
            self.pipeline.configure(site)
            self._load_at_s = 0.0
            self._cameras_of(site)
        self.wake()

    def _cameras_of(self, site: Site) -> None:
        for name in list(self.cameras):
            config = site.cameras.get(name)
            if config is None or _decoder_key(config) != _decoder_key(self.cameras[name].config):
                self._remove(name)
            else:
                self.cameras[name].config = config
        for name, config in site.cameras.items():
            if name not in self.cameras:
                self._add(name, config)

    def _add(self, name: str, config: Camera) -> None:
        camera = CameraRuntime(
            name, config, self._slots / f"{name}.slot", self._paths.positions / f"{name}.position"
        )
        self.cameras[name] = camera
        self._rings[name] = FrameRing()
        self._by_fd[camera.notify_fd] = camera
        self._epoll.register(camera.notify_fd, select.EPOLLIN)
        camera.start()

    def _remove(self, name: str) -> None:
        camera = self.cameras.pop(name)
        del self._rings[name], self._by_fd[camera.notify_fd]
        self._shown.pop(name, None)
        self._reasons.pop(name, None)
        self._epoll.unregister(camera.notify_fd)
        camera.stop()
        self.previews.forget(name)

    def tick(self) -> list[str]:
        """Watch the decoders; returns the cameras whose state or reason has changed. Call often."""
        now_s = time.monotonic()
        changed = []
        for name, camera in self.cameras.items():
            camera.tick(now_s)
            state, _ = camera.state(now_s)
            if self._reasons.get(name, "") != camera.reason:
                self._reasons[name] = camera.reason
                changed.append(name)
            if self._shown.get(name, (None, None))[0] is not state:
                self._shown[name] = (state, datetime.now(UTC))
                changed.append(name)
                if state in (CameraState.OFFLINE, CameraState.STARTING, CameraState.ENDED):
                    self.previews.offer(name, view_now(camera.config, state))
        return changed

    def report(self, name: str) -> CameraReport:
        """The health of one camera now."""
        camera = self.cameras[name]
        now_s = time.monotonic()
        state, reason = camera.state(now_s)
        missing = [d for d in camera.config.detectors if d in self.pipeline.problems]
        if missing:
            reason = f"{reason}; no detector {', '.join(missing)}: see vision".strip("; ")
        return CameraReport(
            camera_id=name,
            area=camera.config.area,
            at=datetime.now(UTC),
            at_monotonic_s=now_s,
            state=state,
            reason=reason[:500],
            fps=round(camera.measured_fps(now_s), 2),
            frames_read=camera.slot.frames_read,
            frames_processed=camera.frames_processed,
            frames_dropped=camera.frames_dropped,
            restarts=camera.restarts,
            watched=camera.watched(now_s),
        )

    def health(self) -> tuple[Health, str]:
        """How the vision process itself is, and why; cameras have reports of their own."""
        if self.pipeline.problems:
            texts = "; ".join(f"{n}: {why}" for n, why in sorted(self.pipeline.problems.items()))
            return Health.DEGRADED, f"detector not loaded: {texts}"
        if self.fault:
            return Health.DEGRADED, self.fault
        if not self.is_alive():
            return Health.DEGRADED, "the inference thread has ended: restart the vision group"
        if self.pipeline.needed - self.pipeline.detectors.keys():
            return Health.STARTING, "loading the detectors"
        return Health.READY, self.previews.error

    def snapshot(self, name: str, at: datetime) -> Evidence:
        """Keep the picture nearest to `at` as evidence, with everything that was seen in it.

        Takes some milliseconds.

        Raises:
            StoreError: if there is no picture, or it cannot be written.
        """
        ring = self._rings.get(name)
        found = ring.nearest(at) if ring is not None else None
        if found is None:
            raise StoreError(f"camera {name!r} has given no picture yet: no snapshot")
        return write_evidence(self._paths.evidence, found)

    def stop(self) -> None:
        """End the thread, kill the decoders, free models and slots."""
        self._stopping = True
        self.wake()
        if self.is_alive():
            self.join(timeout=1.0)
        with self._lock:
            for name in list(self.cameras):
                self.cameras.pop(name).stop()
        self.previews.stop()
        if not self.is_alive():
            self.pipeline.close()
        shutil.rmtree(self._slots, ignore_errors=True)

    def wake(self) -> None:
        """Have the engine's thread look again, e.g. because `accepts` has changed."""
        os.eventfd_write(self._wake_fd, 1)

    # ------------------------------------------------------------ the engine's thread

    def run(self) -> None:
        """Take, infer, track, hand on; a failure is told and retried, never fatal."""
        self.previews.start()
        busy = False
        while not self._stopping:
            try:
                self._load()
                self._listen(0.0 if busy else _IDLE_S)
                busy = self._step()
            except HazardError as error:
                self.fault = str(error)[:300]
                log.warning("vision.inference_failed", reason=self.fault)

    def _load(self) -> None:
        now_s = time.monotonic()
        if now_s < self._load_at_s:
            return
        if self.pipeline.load():
            self._load_attempt = 0
            self._load_at_s = float("inf")
            return
        self._load_attempt += 1
        self._load_at_s = time.monotonic() + backoff_s(self._load_attempt)
        log.warning("vision.detector_missing", problems=self.pipeline.problems)

    def _listen(self, seconds: float) -> None:
        """Sleep until a decoder tells something, at most so long."""
        for fd, _ in self._epoll.poll(seconds):
            if fd == self._wake_fd:
                with suppress(BlockingIOError):
                    os.eventfd_read(fd)
            elif (camera := self._by_fd.get(fd)) is not None:
                camera.drain()

    def _step(self) -> bool:
        """One batch of the newest pictures; False when nothing waits."""
        with self._lock:
            taken = self._take()
            if not taken:
                return False
            states = {frame.camera_id: camera.judge(frame) for camera, frame in taken}
            ready = [item for item in taken if self.pipeline.ready(item[0].name)]
            for camera, frame in taken:
                if not self.pipeline.ready(camera.name):
                    camera.frames_unused += 1
                    self._keep(camera, frame, states[camera.name])
            found = self._infer(ready, states)
            for (camera, frame), seen in zip(ready, found, strict=True):
                camera.processed(seen.observation.detected_monotonic_s)
                self._observed(seen.observation)
                state = seen.observation.camera_state
                self._keep(camera, frame, state, seen.observation.tracks, seen.people)
        self.fault = ""
        return True

    def _infer(
        self, ready: list[tuple[CameraRuntime, Frame]], states: dict[str, CameraState]
    ) -> list[Seen]:
        fps = {camera.name: camera.fps for camera, _ in ready}
        try:
            return self.pipeline.process([frame for _, frame in ready], states, fps)
        except (HazardError, RuntimeError, ValueError, cv2.error) as error:
            for camera, _ in ready:
                camera.frames_unused += 1
            raise WeightsError(f"inference failed, the frames were dropped: {error}") from error

    def _take(self) -> list[tuple[CameraRuntime, Frame]]:
        """The newest picture of up to a batch of cameras, those that waited longest first."""
        waiting = sorted(
            (camera for camera in self.cameras.values() if camera.slot.pending),
            key=lambda camera: camera.slot.delivered_at_s,
        )
        taken = []
        for camera in waiting:
            if camera.lossless and not (
                self.pipeline.ready(camera.name) and self._accepts(camera.name)
            ):
                continue
            frame = camera.take()
            if frame is not None:
                taken.append((camera, frame))
            if len(taken) == MAX_BATCH:
                break
        return taken

    def _keep(
        self,
        camera: CameraRuntime,
        frame: Frame,
        state: CameraState,
        tracks: tuple[Track, ...] = (),
        people: tuple[Sighting, ...] | None = None,
    ) -> None:
        """Frame, tracks and people for evidence, and for the preview when one is due."""
        self._rings[camera.name].add(frame, tracks, people)
        now_s = time.monotonic()
        if self.previews.due(camera.name, now_s, len(self.cameras)):
            shown, since = self._shown.get(camera.name, (state, frame.captured_at))
            since = since if shown is state else frame.captured_at
            view = View(camera.config, state, since, frame, tracks)
            self.previews.offer(camera.name, view)


def _decoder_key(camera: Camera) -> tuple[object, ...]:
    """What a decoder was started with: a change starts a new one."""
    return camera.source, camera.fps_budget


def _absolute(site: Site, paths: Paths) -> Site:
    """The site with file sources' relative paths starting at the site file's folder."""
    base = paths.site_file.parent
    cameras = {name: _anchored(camera, base) for name, camera in site.cameras.items()}
    return site.model_copy(update={"cameras": cameras})


def _anchored(camera: Camera, base: Path) -> Camera:
    source = camera.source
    if isinstance(source, FileSource | FolderSource) and not source.path.is_absolute():
        source = source.model_copy(update={"path": base / source.path})
        return camera.model_copy(update={"source": source})
    return camera
