"""Bad input, cameras that hang, streams that break: told with the mend, and nothing else stops."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest

from edge_agent.paths import Paths
from hazard.site.models import Site
from hazard.types import CameraState
from tests.vision import (
    Core,
    a_picture,
    a_site,
    alive,
    children,
    file_camera,
    vision_process,
    wait_for,
    write_clip,
)


@contextmanager
def running(paths: Paths, site: Site) -> Iterator[Core]:
    with Core(paths, site) as core, vision_process(paths):
        yield core


def test_a_camera_that_hangs_is_killed_and_started_again_and_the_other_goes_on(
    paths: Paths, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "hangs.avi")
    clip = write_clip(tmp_path / "a.avi", 100)
    hangs = file_camera(tmp_path / "hangs.avi", hang_after_s=1.0)
    site = a_site({"hangs": hangs, "fine": file_camera(clip, loop=True)})
    with Core(paths, site) as core, vision_process(paths) as process:
        wait_for(lambda: len(children(process.pid)) == 2)
        first = set(children(process.pid))
        wait_for(lambda: (r := core.last("hangs")) is not None and r.restarts >= 1)
        report = core.last("hangs")
        fine = core.wait_state("fine", CameraState.OK)
        killed = [pid for pid in first if not alive(pid)]
    assert report is not None
    assert report.state is CameraState.OFFLINE
    assert len(killed) == 1
    assert fine.restarts == 0
    reasons = " ".join(r.reason for r in core.reports if r.camera_id == "hangs")
    assert "no sign of life" in reasons


def test_each_bad_video_says_what_is_wrong_and_how_to_mend_it(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "empty.avi").touch()
    (tmp_path / "text.avi").write_text("this is no video\n" * 100)
    cameras = {n: file_camera(tmp_path / f"{n}.avi") for n in ("missing", "empty", "text")}
    with running(paths, a_site(cameras)) as core:
        missing = core.wait_state("missing", CameraState.OFFLINE)
        empty = core.wait_state("empty", CameraState.OFFLINE)
        text = core.wait_state("text", CameraState.OFFLINE)
        assert "No such file" in missing.reason
        assert "put the file there" in missing.reason
        assert "empty (0 bytes)" in empty.reason
        assert "not a video that OpenCV can read" in text.reason
        write_clip(tmp_path / "later.avi", 40).rename(tmp_path / "missing.avi")
        core.wait_state("missing", CameraState.OK)
    assert not any(o.camera_id == "text" for _, o in core.observed)


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_a_cut_video_is_read_as_far_as_it_goes_and_called_truncated(
    paths: Paths, tmp_path: Path, pace: str
) -> None:
    whole = write_clip(tmp_path / "whole.avi", 60)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    with running(paths, a_site({"cam": file_camera(cut, pace=pace)})) as core:
        wait_for(lambda: (r := core.last("cam")) is not None and "truncated" in r.reason)
        report = core.wait_state("cam", CameraState.OFFLINE)
    assert "truncated, copy it again" in report.reason
    assert 5 < report.frames_read < 40
    assert len({o.sequence for _, o in core.observed}) == len(core.observed)


def test_bad_pictures_of_a_folder_are_named_and_left_out(paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a_empty.jpg").touch()
    (folder / "b_broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"\0\0\1\0" * 2)
    (folder / "c_text.jpg").write_text("no picture")
    cv2.imwrite(str(folder / "d_huge.png"), np.zeros((5800, 8700), np.uint8))
    for index in range(3):
        cv2.imwrite(str(folder / f"e{index}.jpg"), a_picture(index))
    source = {"source": {"kind": "folder", "path": str(folder), "interval_s": 0.4}}
    with running(paths, a_site({"cam": source})) as core:
        report = core.wait_state("cam", CameraState.ENDED)
        wait_for(lambda: len(core.observed) == 3)
    reasons = " ".join(r.reason for r in core.reports)
    assert "8700x5800 = 50 megapixels" in reasons
    assert (report.frames_read, report.frames_processed, report.frames_dropped) == (7, 3, 4)
    assert report.restarts == 0


def test_a_picture_beyond_the_slot_is_made_smaller(paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "large.jpg"), np.full((3000, 6000, 3), 90, np.uint8))
    source = {"source": {"kind": "folder", "path": str(folder), "interval_s": 1.0}}
    with running(paths, a_site({"cam": source})) as core:
        observation = wait_for(lambda: core.observed)[0][1]
    assert observation.width_px / observation.height_px == pytest.approx(2.0, rel=0.01)
    assert observation.width_px * observation.height_px <= 3840 * 2160


class StreamServer:
    """An HTTP camera: MJPEG (multipart/x-mixed-replace), 20 pictures a second, with a password."""

    def __init__(self, port: int) -> None:
        self.authorized: list[str] = []
        stopping = self._stopping = Event()
        authorized = self.authorized

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                authorized.append(self.headers.get("Authorization", ""))
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
                self.end_headers()
                index = 0
                while not stopping.wait(0.05):
                    data = cv2.imencode(".jpg", a_picture(index))[1].tobytes()
                    head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n"
                    try:
                        self.wfile.write(head.encode() + b"\r\n" + data + b"\r\n")
                    except OSError:
                        return
                    index += 1

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_a_stream_that_breaks_is_offline_and_comes_back_by_itself(
    paths: Paths, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "s3cret-word")
    url = f"http://officer:${{CAMERA_PASSWORD}}@127.0.0.1:{free_port}/video.mjpg"
    server = StreamServer(free_port)
    with running(paths, a_site({"cam": {"source": {"kind": "url", "url": url}}})) as core:
        core.wait_state("cam", CameraState.OK)
        wait_for(lambda: len(core.observed) > 10)
        server.stop()
        lost = core.wait_state("cam", CameraState.OFFLINE)
        seen = core.observed[-1][1].sequence
        server = StreamServer(free_port)
        core.wait_state("cam", CameraState.OK, 40)
        wait_for(lambda: core.observed[-1][1].sequence > seen + 5)
        server.stop()
    assert "check that the camera is powered" in lost.reason
    texts = "".join(r.model_dump_json() for r in core.reports)
    texts += "".join(w.model_dump_json() for w in core.worker)
    assert "s3cret-word" not in texts
    assert "officer" not in texts


def test_an_unset_password_is_named_in_the_cameras_health(paths: Paths, free_port: int) -> None:
    url = f"http://u:${{NO_SUCH_PASSWORD}}@127.0.0.1:{free_port}/"
    with running(paths, a_site({"cam": {"source": {"kind": "url", "url": url}}})) as core:
        report = core.wait_state("cam", CameraState.OFFLINE)
    assert "NO_SUCH_PASSWORD is not set" in report.reason


def test_a_usb_camera_that_is_not_there_says_what_to_do(paths: Paths) -> None:
    site = a_site({"cam": {"source": {"kind": "usb", "device": 61}}})
    with running(paths, site) as core:
        report = core.wait_state("cam", CameraState.OFFLINE)
    assert "/dev/video61" in report.reason
    assert "plug it in" in report.reason


def test_the_fps_budget_is_kept_and_what_is_over_it_is_counted(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 80)
    site = a_site({"cam": file_camera(clip, fps_budget=5)})
    with running(paths, site) as core:
        report = core.wait_state("cam", CameraState.ENDED)
        wait_for(lambda: len(core.observed) == report.frames_processed)
    assert report.frames_read == 80
    assert 15 <= report.frames_processed <= 22
    assert report.frames_read == report.frames_processed + report.frames_dropped
