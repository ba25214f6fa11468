"""Why a process failed is left where its supervisor reads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.process import LAST_WORDS, last_words


def fails_in_words() -> None:
    sys.stderr.write("something else" + "\n")
    sys.stderr.write("port 8080 is taken: set another" + "\n")
    sys.exit(3)


def fails_in_a_log_line() -> None:
    sys.stderr.write('{"event": "core.cannot_run", "error": "the disk is full"}' + "\n")
    sys.exit(3)


def fails_by_an_exception() -> None:
    raise ValueError("no such thing")


def ends_well() -> None:
    sys.stderr.write("good bye" + "\n")
    sys.exit(0)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (fails_in_words, "port 8080 is taken: set another"),
        (fails_in_a_log_line, "the disk is full"),
        (fails_by_an_exception, "ValueError: no such thing"),
        (ends_well, None),
    ],
)
def test_the_last_line_of_a_failure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None], said: str | None
) -> None:
    path = tmp_path / "words"
    monkeypatch.setenv(LAST_WORDS, str(path))
    stderr = sys.stderr
    with pytest.raises((SystemExit, ValueError)), last_words():
        work()
    assert sys.stderr is stderr
    assert (path.read_text() if path.exists() else None) == said


LOGS_AND_GOES_ON = """
import structlog
from hazard.logs import configure_logging
configure_logging("core")
structlog.get_logger().error("disk full")
print("goes on")
"""


def test_a_log_on_a_full_disk_stops_nobody() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        ended = subprocess.run(
            [sys.executable, "-c", LOGS_AND_GOES_ON],
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (0, b"goes on\n")
