"""Live checks of cameras, recordings, ports, folders, weights and the database."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.live.cameras import check_camera
from edge_agent.live.database import check_database
from edge_agent.live.places import (
    check_data_folder,
    check_port,
    check_recordings,
    check_weights,
)
from edge_agent.live.result import Outcome, failed
from hazard.site.models import Camera, Retention, Sensor, Site
from hazard.site.sources import CsvSensorSource, FileSource, FolderSource, Secret, UrlSource


def a_camera(source: FileSource | FolderSource | UrlSource) -> Camera:
    return Camera(area="hall", source=source)


def a_site(**parts: object) -> Site:
    return Site.model_validate(
        {
            "site": {"id": "x", "name": "X"},
            "areas": {"hall": {"name": "Hall"}},
            "mqtt": {"embedded": True},
            **parts,
        }
    )


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts and never answers: OpenCV waits in read()."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []
        ended = threading.Event()

        def accept() -> None:
            server.settimeout(0.1)
            while not ended.is_set():
                try:
                    kept.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        ended.set()
        thread.join()
        for connection in kept:
            connection.close()


def test_a_folder_of_pictures_gives_the_size_of_the_first(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 64, 3), np.uint8))
    check = check_camera("gate", a_camera(FolderSource(kind="folder", path=tmp_path)))
    assert check.line() == "✓ camera gate: picture of 64x48 pixels"


@pytest.mark.parametrize("content", [b"", b"this is no video"])
def test_a_file_that_is_no_video_is_said_so(tmp_path: Path, content: bytes) -> None:
    video = tmp_path / "gate.avi"
    video.write_bytes(content)
    check = check_camera("gate", a_camera(FileSource(kind="file", path=video)))
    assert check.line() == (
        "✗ camera gate: cannot be opened — check the path; copy the video again if it is cut off"
    )


def test_a_picture_of_no_bytes_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    check = check_camera("gate", a_camera(FolderSource(kind="folder", path=tmp_path)))
    assert check.outcome is Outcome.FAILED
    assert check.found == "1.png is no picture that can be read"


def test_a_camera_that_never_answers_ends_at_the_limit(silent_port: int) -> None:
    source = UrlSource(kind="url", url=f"http://127.0.0.1:{silent_port}/live")
    check = check_camera("gate", a_camera(source), limit_s=3.0)
    assert check.found == "no picture within 3 s"
    assert "network" in check.mend


def test_a_camera_whose_password_is_not_set_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAM_PASSWORD", raising=False)
    source = UrlSource(kind="url", url="rtsp://a:${CAM_PASSWORD}@127.0.0.1/live")
    assert "CAM_PASSWORD is not set" in check_camera("gate", a_camera(source)).found


@pytest.mark.parametrize(
    ("content", "outcome", "found"),
    [
        ("time_s,value\n0,3.5\n", Outcome.OK, "first value 3.5"),
        ("time_s,ppm\n0,3.5\n", Outcome.FAILED, "no column value"),
        ("time_s,value\n", Outcome.FAILED, "no reading in the recording"),
        ("time_s,value\n0,high\n", Outcome.WARNING, "its first value is not a number"),
        ("", Outcome.FAILED, "no column time_s"),
        (None, Outcome.FAILED, "h2s.csv: No such file or directory"),
    ],
)
def test_a_recording_is_looked_into(
    tmp_path: Path, content: str | None, outcome: Outcome, found: str
) -> None:
    path = tmp_path / "h2s.csv"
    if content is not None:
        path.write_text(content)
    source = CsvSensorSource(kind="csv", path=path)
    sensor = Sensor(area="hall", quantity="h2s", unit="ppm", source=source)
    (check,) = check_recordings(a_site(sensors={"h2s": sensor}))
    assert (check.outcome, check.found) == (outcome, found)


def test_a_port_that_is_taken_is_told_from_a_free_one(free_port: int) -> None:
    assert check_port("dashboard port", "127.0.0.1", free_port, "").outcome is Outcome.OK
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check = check_port("dashboard port", "127.0.0.1", port, "change dashboard.port")
    assert check.line() == f"✗ dashboard port: 127.0.0.1:{port} is taken — change dashboard.port"


def test_an_address_of_another_box_cannot_be_listened_on() -> None:
    assert check_port("dashboard port", "192.0.2.1", 8080, "").outcome is Outcome.FAILED


def test_a_data_folder_that_is_not_there_yet_is_checked_by_its_parent(tmp_path: Path) -> None:
    check = check_data_folder(a_site(), tmp_path / "not" / "yet")
    assert check.outcome is not Outcome.FAILED
    assert not (tmp_path / "not").exists()


def test_a_data_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = check_data_folder(a_site(), tmp_path / "file")
    assert "cannot be written" in check.found


def test_more_evidence_than_the_disk_holds_is_a_warning(tmp_path: Path) -> None:
    check = check_data_folder(a_site(retention=Retention(evidence_bytes=10**17)), tmp_path)
    assert check.outcome is Outcome.WARNING
    assert "retention.evidence_bytes" in check.mend


def test_weights_that_are_missing_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    source = FolderSource(kind="folder", path=tmp_path)
    site = a_site(cameras={"gate": a_camera(source)}, reasoning={"enabled": False})
    lines = [check.line() for check in check_weights(site, tmp_path)]
    assert lines
    assert all("is missing — hazard models fetch nanodet" in line for line in lines)


def test_weights_with_a_wrong_hash_are_told_from_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "nanodet").mkdir()
    (tmp_path / "nanodet" / "nanodet.bin").write_bytes(b"cut off")
    source = FolderSource(kind="folder", path=tmp_path)
    site = a_site(cameras={"gate": a_camera(source)}, reasoning={"enabled": False})
    lines = [check.line() for check in check_weights(site, tmp_path)]
    assert (
        "✗ weights nanodet: nanodet.bin has a wrong sha256 — hazard models fetch nanodet" in lines
    )


def test_a_detector_that_the_manifest_lacks_is_said_so(tmp_path: Path) -> None:
    source = FolderSource(kind="folder", path=tmp_path)
    camera = Camera(area="hall", source=source, detectors=("nanodett",))
    site = a_site(cameras={"gate": camera}, reasoning={"enabled": False})
    (check,) = check_weights(site, tmp_path)
    assert check.outcome is Outcome.FAILED
    assert "no model called 'nanodett'" in check.found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sqlite:///hunter2.db", "the URL is not that of a PostgreSQL"),
        ("not a url hunter2", "the URL is not that of a PostgreSQL"),
        ("postgresql://u:hunter2@h:port/db", "the URL is not that of a PostgreSQL"),
    ],
)
def test_a_url_that_cannot_be_used_is_said_so_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str, found: str
) -> None:
    monkeypatch.setenv("REPLICA_URL", url)
    check = check_database(Secret(reference="${REPLICA_URL}"))
    assert (check.outcome, check.found) == (Outcome.FAILED, found)
    assert "hunter2" not in check.line()


def test_a_postgresql_that_nobody_runs_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    url = f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port}/db"
    monkeypatch.setenv("REPLICA_URL", url)
    check = check_database(Secret(reference="${REPLICA_URL}"), limit_s=2)
    assert check.outcome is Outcome.FAILED
    assert "hunter2" not in check.line()


def test_lines_are_ascii_where_the_terminal_is() -> None:
    line = failed("camera tür", "kaputt — völlig", "mend").line(ascii_only=True)
    assert line == "FAIL camera t?r: kaputt ? v?llig - mend"
