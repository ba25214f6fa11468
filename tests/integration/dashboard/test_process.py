"""The dashboard as a process: how it starts, what it prints, how it ends."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.alert_builders import wait_until
from tests.plant import Plant

LINE = re.compile(
    r"^Dashboard: (http://127\.0\.0\.1:\d+/)  one-time code: ([A-Z2-9]{4}-[A-Z2-9]{4})$"
)
PASSWORD = "a quiet night at the plant"  # noqa: S105 - of a database that a test throws away


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


def environment(plant: Plant, **extra: str) -> dict[str, str]:
    return os.environ | {
        "HAZARD_SITE_FILE": str(plant.site_file),
        "HAZARD_DATA_DIR": str(plant.data_dir),
        "HAZARD_RUN_DIR": str(plant.run_dir),
        **extra,
    }


@contextmanager
def started(plant: Plant, repo_root: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address and its first code; ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        env=environment(plant),
        cwd=repo_root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], 60)
            line = process.stdout.readline().rstrip() if ready else "no word in 60 s"
            found = LINE.match(line)
            assert found is not None, line
            yield process, found.group(1), found.group(2)
        finally:
            process.kill()


def set_up(browser: httpx2.Client, code: str) -> int:
    page = browser.get("/setup").text
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert token is not None
    form = {"csrf": token.group(1), "actor": "Ada", "code": code, "password": PASSWORD}
    return browser.post("/setup", data=form).status_code


def test_it_prints_address_and_code_and_ends_at_once_though_a_stream_is_open(
    plant: Plant, repo_root: Path
) -> None:
    with (
        started(plant, repo_root) as (process, address, code),
        httpx2.Client(base_url=address, timeout=20) as browser,
    ):
        assert browser.get("/readyz").json() == {"status": "ready"}
        assert set_up(browser, code) == 303
        with browser.stream("GET", "/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            news = stream.iter_lines()
            assert "event: beat" in [next(news) for _ in range(4)]
            plant.raise_alert()
            assert any(line == "event: alarm" for line in news)
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) is not None


def test_a_fresh_code_can_be_printed_while_it_runs(plant: Plant, repo_root: Path) -> None:
    with started(plant, repo_root) as (_, address, _):
        printed = subprocess.run(
            [sys.executable, "-m", "edge_agent.cli", "login-code"],
            env=environment(plant),
            cwd=repo_root,
            capture_output=True,
            text=True,
            check=True,
        )
        with httpx2.Client(base_url=address, timeout=20) as browser:
            assert set_up(browser, printed.stdout.strip()) == 303


def run(plant: Plant, repo_root: Path, *arguments: str, **extra: str) -> tuple[int, str]:
    result = subprocess.run(
        [sys.executable, "-m", "dashboard", *arguments],
        env=environment(plant, **extra),
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result.returncode, result.stderr


def test_a_taken_port_is_exit_code_3_with_the_mend(plant: Plant, repo_root: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        code, told = run(plant, repo_root, HAZARD_DASHBOARD_PORT=port)
    assert code == 3
    assert f"HAZARD_DASHBOARD_PORT: {port} on 127.0.0.1 is taken" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("HAZARD_DASHBOARD_PORT", "70000", 5),
        ("HAZARD_DASHBOARD_PORT", "http", 5),
        ("HAZARD_SITE_FILE", "", 5),
        ("HAZARD_SITE_FILE", "/nowhere/site.yaml", 5),
        ("HAZARD_DATA_DIR", "/nowhere", 4),
    ],
)
def test_wrong_settings_are_named_with_their_mend(
    plant: Plant, repo_root: Path, name: str, value: str, code: int
) -> None:
    returned, told = run(plant, repo_root, **{name: value})
    assert returned == code
    assert "Traceback" not in told
    assert Path(value).name in told if value else name in told


def test_an_unknown_command_is_refused(plant: Plant, repo_root: Path) -> None:
    assert run(plant, repo_root, "make-coffee")[0] == 2


def test_a_full_disk_ends_nothing_and_what_is_refused_says_so(
    plant: Plant, repo_root: Path, free_port: int
) -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        subprocess.Popen(
            [sys.executable, "-m", "dashboard"],
            env=environment(plant, HAZARD_DASHBOARD_PORT=str(free_port)),
            cwd=repo_root,
            stdout=full,
            stderr=full,
        ) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=20) as browser,
        sqlite3.connect(plant.data_dir / "hazard.db", isolation_level=None) as other,
    ):
        try:
            wait_until(lambda: process.poll() is not None or answers(browser), what="an answer")
            other.execute("BEGIN IMMEDIATE")
            page = browser.get("/setup", headers={"accept": "text/html"}).text
            (token,) = re.findall(r'name="csrf" value="([0-9a-f]+)"', page)
            form = {"csrf": token, "actor": "Ada", "code": "ABCD-2345", "password": PASSWORD}
            busy = browser.post("/setup", data=form, headers={"accept": "text/html"})
            assert (busy.status_code, "The database is busy" in busy.text) == (503, True)
            other.execute("ROLLBACK")
            assert answers(browser)
        finally:
            process.kill()


def answers(browser: httpx2.Client) -> bool:
    with suppress(httpx2.TransportError):
        return browser.get("/livez").status_code == 200
    return False
