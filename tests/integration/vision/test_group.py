"""From files to observations over the socket, and what survives a fault."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from pathlib import Path

import cv2
import pytest

from edge_agent.paths import Paths
from hazard.types import CameraState, Health
from tests.vision import (
    Core,
    a_site,
    alive,
    children,
    file_camera,
    vision_process,
    wait_for,
    write_clip,
)


def test_a_fast_file_is_processed_frame_by_frame_and_its_end_is_reported(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 60)
    site = a_site({"cam": file_camera(clip, pace="fast")})
    with Core(paths, site) as core, vision_process(paths):
        report = core.wait_state("cam", CameraState.ENDED)
        wait_for(lambda: len(core.observed) == 60)
    assert (report.frames_read, report.frames_processed, report.frames_dropped) == (60, 60, 0)
    assert [o.sequence for _, o in core.observed] == list(range(60))
    assert [n for n, _ in core.observed] == list(range(1, 61))
    ids = {t.track_id for _, o in core.observed[5:] for t in o.tracks}
    assert len(ids) == 1
    assert None not in ids
    assert core.worker[-1].health is Health.READY


def test_what_the_core_missed_is_sent_again_and_no_number_is_missing(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 120)
    site = a_site({"cam": file_camera(clip)})
    with vision_process(paths):
        with Core(paths, site, acknowledge=False) as first:
            wait_for(lambda: len(first.observed) > 10)
        with Core(paths, site) as second:
            second.wait_state("cam", CameraState.ENDED, 30)
            last = second.last("cam")
            assert last is not None
            wait_for(lambda: second.observed[-1][0] == last.frames_processed)
    numbers = [n for n, _ in second.observed]
    assert numbers == list(range(1, last.frames_processed + 1))
    assert last.frames_read == 120
    assert last.frames_read == last.frames_processed + last.frames_dropped


def test_killed_vision_process_leaves_no_decoder_and_its_successor_goes_on_in_the_clip(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 200)
    with Core(paths, a_site({"cam": file_camera(clip)})) as core:
        with vision_process(paths) as process:
            wait_for(lambda: len(core.observed) > 20)
            decoders = children(process.pid)
            assert decoders
            process.send_signal(signal.SIGKILL)
            wait_for(lambda: not any(alive(pid) for pid in decoders), 3, why="orphans")
        seen = core.observed[-1][1].sequence
        core.observed.clear()
        with vision_process(paths):
            wait_for(lambda: core.observed)
    assert seen < core.observed[0][1].sequence < seen + 20


def test_killed_decoder_is_started_again_and_the_other_camera_misses_nothing(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 300)
    site = a_site({"one": file_camera(clip, loop=True), "two": file_camera(clip, loop=True)})
    with Core(paths, site) as core, vision_process(paths) as process:
        wait_for(lambda: {o.camera_id for _, o in core.observed} == {"one", "two"})
        victim = children(process.pid)[0]
        subprocess.run(["kill", "-9", str(victim)], check=True)
        wait_for(lambda: {r.camera_id for r in core.reports if r.restarts == 1})
        hit = next(r.camera_id for r in core.reports if r.restarts == 1)
        count = len(core.observed)
        wait_for(lambda: hit in {o.camera_id for _, o in core.observed[count:]})
        other = core.last("two" if hit == "one" else "one")
    assert other is not None
    assert other.restarts == 0
    assert {r.state for r in core.reports if r.camera_id == other.camera_id} <= {
        CameraState.STARTING,
        CameraState.OK,
    }


def test_a_new_zone_takes_effect_without_disturbing_the_camera(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 300)
    with (
        Core(paths, a_site({"cam": file_camera(clip, loop=True)})) as core,
        vision_process(paths) as process,
    ):
        wait_for(lambda: len(core.observed) > 5)
        decoders = children(process.pid)
        zones = {"all": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}}
        core.configure(a_site({"cam": file_camera(clip, loop=True, zones=zones)}))
        wait_for(lambda: any(t.zones == ("all",) for t in core.observed[-1][1].tracks))
        assert children(process.pid) == decoders
        sequences = [o.sequence for _, o in core.observed]
    assert sequences == sorted(set(sequences))


def test_a_snapshot_is_the_clean_picture_of_that_time_named_by_its_hash(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 300)
    with (
        Core(paths, a_site({"cam": file_camera(clip, loop=True)})) as core,
        vision_process(paths),
    ):
        wait_for(lambda: len(core.observed) > 15)
        wanted = core.observed[-3][1]
        evidence = core.snapshot("cam", wanted.captured_at)
        wait_for((paths.previews / "cam.jpg").exists)
    file = paths.evidence / evidence.evidence_id[:2] / f"{evidence.evidence_id}.jpg"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == evidence.evidence_id
    assert evidence.captured_at == wanted.captured_at
    assert [b.xyxy for b in evidence.boxes] == [t.xyxy for t in wanted.tracks]
    assert evidence.people is not None
    for left, top, right, bottom in (box.xyxy for box in evidence.boxes):
        assert any(
            a <= left and b <= top and right <= c and bottom <= d for a, b, c, d in evidence.people
        )
    picture = cv2.imread(str(file))
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    assert not list(paths.evidence.rglob("*.tmp"))


def test_sigterm_stops_everything_within_two_seconds(paths: Paths, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", 300)
    with (
        Core(paths, a_site({"cam": file_camera(clip, loop=True)})) as core,
        vision_process(paths) as process,
    ):
        wait_for(lambda: len(core.observed) > 5)
        decoders = children(process.pid)
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert not any(alive(pid) for pid in decoders)
    assert not (paths.run_dir / "slots").exists()


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_fast_file_waits_for_the_core_rather_than_lose_a_frame(
    paths: Paths, tmp_path: Path, *, acknowledged: bool
) -> None:
    clip = write_clip(tmp_path / "a.avi", 700)
    site = a_site({"cam": file_camera(clip, pace="fast")})
    with vision_process(paths):
        with Core(paths, site, acknowledge=acknowledged) as first:
            wait_for(lambda: len(first.observed) >= 300, 40)
        with Core(paths, site) as second:
            report = second.wait_state("cam", CameraState.ENDED, 60)
            wait_for(lambda: second.observed[-1][0] == 700)
    seen = {o.sequence for _, o in first.observed} | {o.sequence for _, o in second.observed}
    assert seen == set(range(700))
    assert report.frames_dropped == 0


def test_a_missing_model_is_told_with_the_mend_and_no_frame_is_called_processed(
    paths: Paths, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.avi", 300)
    site = a_site({"cam": file_camera(clip, loop=True), "fast": file_camera(clip, pace="fast")})
    with Core(paths, site) as core, vision_process(paths, bright=False):
        wait_for(lambda: core.worker and core.worker[-1].health is Health.DEGRADED, 30)
        report = core.wait_state("cam", CameraState.OK)
        wait_for((paths.previews / "cam.jpg").exists)
        held = core.last("fast")
    assert "hazard models fetch nanodet" in core.worker[-1].reason
    assert "no detector nanodet" in core.reports[-1].reason
    assert report.frames_processed == 0
    assert not core.observed
    assert held is not None
    assert held.frames_dropped == 0


def test_a_wrong_hash_of_the_weights_is_told(paths: Paths, tmp_path: Path) -> None:
    folder = paths.models_dir / "nanodet"
    folder.mkdir(parents=True)
    for name in ("nanodet.bin", "nanodet.json", "nanodet-416.onnx"):
        (folder / name).write_bytes(b"tampered")
    site = a_site({"cam": file_camera(write_clip(tmp_path / "a.avi", 60), loop=True)})
    with Core(paths, site) as core, vision_process(paths, bright=False):
        wait_for(lambda: core.worker and core.worker[-1].health is Health.DEGRADED, 30)
    assert "sha256" in core.worker[-1].reason
    assert not core.observed


def test_a_full_disk_costs_the_snapshot_and_nothing_else(paths: Paths, tmp_path: Path) -> None:
    site = a_site({"cam": file_camera(write_clip(tmp_path / "a.avi", 300), loop=True)})
    with Core(paths, site) as core, vision_process(paths):
        wait_for(lambda: len(core.observed) > 5)
        paths.evidence.rmdir()
        paths.evidence.write_text("no folder can be made here")
        taken = core.ask_snapshot("cam", core.observed[-1][1].captured_at)
        count = len(core.observed)
        wait_for(lambda: len(core.observed) > count + 10)
        unknown = core.ask_snapshot("nobody", core.observed[-1][1].captured_at)
    assert taken.evidence is None
    assert "cannot be written" in taken.error
    assert "no picture" in unknown.error
