"""What the vision tests share: a core at the other end of the socket, clips, a simple detector."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent import ipc
from edge_agent.paths import Paths, runtime_dir
from hazard.site.models import Site
from hazard.types import CameraReport, CameraState, Detection, Evidence, Frame, Observation

ROOT = Path(__file__).resolve().parent.parent


class BrightDetector:
    """A real detector of bright things: each bright blob is a person, its level the confidence."""

    name = "bright"
    labels: tuple[str, ...] = ("person",)

    def detect(self, batch: list[Frame]) -> list[list[Detection]]:
        return [self._one(frame.image) for frame in batch]

    def _one(self, image: NDArray[np.uint8]) -> list[Detection]:
        grey = image[:, :, 1]
        _, mask = cv2.threshold(grey, 150, 255, cv2.THRESH_BINARY)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [cv2.boundingRect(c) for c in contours]
        return [
            Detection(
                xyxy=(float(x), float(y), float(x + w), float(y + h)),
                confidence=float(grey[y : y + h, x : x + w].mean()) / 255.0,
                class_id=0,
                label="person",
            )
            for x, y, w, h in boxes
            if w * h > 50
        ]

    def close(self) -> None:
        """Nothing to free."""


def open_bright(_name: str, _models_dir: Path, _confidence: float) -> BrightDetector:
    return BrightDetector()


def a_frame(
    image: NDArray[np.uint8], *, camera_id: str = "cam", sequence: int = 0, at_s: float = 0.0
) -> Frame:
    return Frame(
        camera_id=camera_id,
        sequence=sequence,
        image=image,
        captured_at=datetime.fromtimestamp(1_700_000_000 + at_s, UTC),
        captured_monotonic_s=at_s,
    )


def a_picture(index: int = 0, size: tuple[int, int] = (320, 240)) -> NDArray[np.uint8]:
    """Noise with one bright box that walks to the right."""
    rng = np.random.default_rng(index)
    image = rng.integers(60, 90, (size[1], size[0], 3), dtype=np.uint8)
    left = 10 + (index * 3) % (size[0] - 60)
    image[100:180, left : left + 30] = 240
    return image


def write_clip(path: Path, frames: int, fps: float = 20.0) -> Path:
    """A MJPEG AVI of `frames` pictures."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (320, 240))
    for index in range(frames):
        writer.write(a_picture(index))
    writer.release()
    return path


def a_site(cameras: Mapping[str, dict[str, Any]]) -> Site:
    return Site.model_validate(
        {
            "site": {"id": "test", "name": "Test"},
            "areas": {"yard": {"name": "Yard"}},
            "cameras": {n: {"area": "yard", "fps_budget": 60, **c} for n, c in cameras.items()},
            "mqtt": {"embedded": True},
        }
    )


def file_camera(path: Path, **more: Any) -> dict[str, Any]:
    source = {"kind": "file", "path": str(path)}
    source |= {k: more.pop(k) for k in ("pace", "loop", "fault") if k in more}
    return {"source": source, **more}


@contextmanager
def node_paths(tmp_path: Path, models_dir: Path | None = None) -> Iterator[Paths]:
    """Folders of a node; the run folder lies on tmpfs and is removed afterwards."""
    run_dir = runtime_dir(f"t{os.getpid()}-{time.monotonic_ns() % 10**9}")
    paths = Paths(
        site_file=tmp_path / "site.yaml",
        data_dir=tmp_path / "data",
        run_dir=run_dir,
        models_dir=models_dir or tmp_path / "models",
    )
    paths.create()
    try:
        yield paths
    finally:
        for path in sorted(run_dir.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        run_dir.rmdir()


def wait_for(what: Callable[[], Any], timeout_s: float = 20.0, *, why: str = "") -> Any:
    """Poll until `what()` is true and return it; fail with `why` at the deadline."""
    pause = threading.Event()
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        value = what()
        if value:
            return value
        pause.wait(0.02)
    raise AssertionError(f"not within {timeout_s} s: {why or what}")


class Core:
    """The agent core's end of the socket, in a thread: keeps what it hears, acknowledges it."""

    def __init__(self, paths: Paths, site: Site, *, acknowledge: bool = True) -> None:
        self.site = site
        self.acknowledge = acknowledge
        self.observed: list[tuple[int, Observation]] = []
        self.reports: list[CameraReport] = []
        self.worker: list[ipc.WorkerReport] = []
        self.snapshots: dict[str, ipc.SnapshotTaken] = {}
        self._paths = paths
        self._writer: asyncio.StreamWriter | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> None:
        self._paths.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, str(self._paths.socket), limit=ipc.MAX_LINE_BYTES
        )

    async def _close(self) -> None:
        self._server.close()
        if self._writer is not None:
            self._writer.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(OSError):
            while (message := await ipc.receive(reader)) is not None:
                match message:
                    case ipc.Hello():
                        writer.write(ipc.encode(ipc.Configure(site=self.site)))
                    case ipc.Observed():
                        self.observed.append((message.number, message.observation))
                        if self.acknowledge:
                            writer.write(ipc.encode(ipc.Ack(number=message.number)))
                    case ipc.Reported():
                        self.reports.append(message.report)
                    case ipc.WorkerReport():
                        self.worker.append(message)
                    case ipc.SnapshotTaken():
                        self.snapshots[message.request_id] = message
                    case _:
                        raise AssertionError(message)
        writer.close()

    async def _write(self, message: ipc.Message) -> None:
        assert self._writer is not None
        self._writer.write(ipc.encode(message))
        await self._writer.drain()

    def configure(self, site: Site) -> None:
        self.site = site
        self._call(self._write(ipc.Configure(site=site)))

    def ask_snapshot(self, camera_id: str, at: datetime) -> ipc.SnapshotTaken:
        request_id = f"r{len(self.snapshots)}"
        self._call(
            self._write(
                ipc.SnapshotRequest(request_id=request_id, camera_id=camera_id, captured_at=at)
            )
        )
        wait_for(lambda: request_id in self.snapshots, why="snapshot")
        return self.snapshots[request_id]

    def snapshot(self, camera_id: str, at: datetime) -> Evidence:
        taken = self.ask_snapshot(camera_id, at)
        assert taken.evidence is not None, taken.error
        return taken.evidence

    def last(self, camera_id: str) -> CameraReport | None:
        return next((r for r in reversed(self.reports) if r.camera_id == camera_id), None)

    def wait_state(
        self, camera_id: str, state: CameraState, timeout_s: float = 20.0
    ) -> CameraReport:
        def reached() -> CameraReport | None:
            report = self.last(camera_id)
            return report if report is not None and report.state is state else None

        report: CameraReport = wait_for(reached, timeout_s, why=f"{camera_id} {state}")
        return report


@contextmanager
def vision_process(paths: Paths, *, bright: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """The real vision process; with the simple detector of this module unless told otherwise."""
    module = "tests.vision_main" if bright else "edge_agent.vision"
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env={**os.environ, **paths.environment()}
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def children(pid: int) -> list[int]:
    """Process ids of the direct children of `pid`."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
