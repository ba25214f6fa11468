"""What CI runs: exactly the README's two commands, and it fails if either fails."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

CLOSING = "============ 3 passed, 1 skipped in 61.20s (0:01:01) ============"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a `make` that writes down its calls, and no root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "id": "echo 1000",
        "make": f"""printf '%s\\n' "$*" >> "{tmp_path}/calls"
case "$1" in
  demo) echo "one pass"; exit "${{DEMO_EXIT:-0}}" ;;
  test) echo "{CLOSING}"; exit "${{TEST_EXIT:-0}}" ;;
esac""",
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def run_ci(repo_root: Path, programs: Path, **exits: str) -> subprocess.CompletedProcess[str]:
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(repo_root / ".ci" / "run")],
        env={**os.environ, **exits, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ci_calls_the_two_commands_of_the_readme(repo_root: Path, programs: Path) -> None:
    result = run_ci(repo_root, programs)
    assert result.returncode == 0, result.stderr
    calls = (programs.parent / "calls").read_text(encoding="utf-8").splitlines()
    assert calls == ["demo ARGS=--once --json report.json", "test"]
    readme = (repo_root / "README.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\bmake {call.split()[0]}\b", readme) for call in calls)


def test_the_last_line_is_pytests_own(repo_root: Path, programs: Path) -> None:
    lines = run_ci(repo_root, programs).stdout.splitlines()
    assert lines[-1] == CLOSING
    assert lines[-3:-1] == ["make demo: passed", "make test: passed"]


@pytest.mark.parametrize(("command", "code"), [("DEMO_EXIT", "3"), ("TEST_EXIT", "2")])
def test_ci_fails_if_either_fails_and_still_runs_both(
    command: str, code: str, repo_root: Path, programs: Path
) -> None:
    result = run_ci(repo_root, programs, **{command: code})
    assert result.returncode == 1
    assert f"FAILED (exit {'2' if command == 'TEST_EXIT' else '3'})" in result.stdout
    assert len((programs.parent / "calls").read_text(encoding="utf-8").splitlines()) == 2
