"""The supervisor with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.process import PARENT
from edge_agent.supervisor import ChildSpec, Supervisor, describe_exit

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
SLEEPER = "tests.integration.sleeper"


async def until(condition: Any, timeout_s: float = 15.0) -> None:
    """Wait until `condition()` holds, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


def state_of(path: Path, name: str) -> dict[str, Any]:
    try:
        process: dict[str, Any] = json.loads(path.read_text())["processes"][name]
    except (OSError, ValueError, KeyError):
        return {"alive": False, "pid": None, "restarts": 0, "last_exit": ""}
    return process


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


async def test_a_killed_process_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    specs = [ChildSpec(name="one", module=SLEEPER), ChildSpec(name="two", module=SLEEPER)]
    supervisor = Supervisor(specs, environment={}, state_file=state, log_dir=tmp_path)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state_of(state, "one")["alive"] and state_of(state, "two")["alive"])
    first, other = state_of(state, "one")["pid"], state_of(state, "two")["pid"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: state_of(state, "one")["pid"] not in (None, first))
    assert state_of(state, "one")["last_exit"] == "killed by SIGKILL"
    assert state_of(state, "one")["restarts"] == 1
    assert state_of(state, "two")["pid"] == other
    supervisor.stop()
    await asyncio.wait_for(running, 5)


async def test_a_stop_ends_all_within_five_seconds_even_one_that_ignores_sigterm(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state.json"
    specs = [
        ChildSpec(name="deaf", module=SLEEPER, args=("deaf",)),
        ChildSpec(name="last", module=SLEEPER, stop_last=True),
    ]
    supervisor = Supervisor(specs, environment={}, state_file=state, log_dir=tmp_path)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "ready" in read(tmp_path / "deaf.log") + read(tmp_path / "last.log"))
    await until(lambda: state_of(state, "deaf")["alive"] and state_of(state, "last")["alive"])
    pids = [state_of(state, name)["pid"] for name in ("deaf", "last")]
    supervisor.stop()
    await asyncio.wait_for(running, 5)
    assert not any(alive(pid) for pid in pids)
    assert not state_of(state, "deaf")["alive"]


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def test_children_of_a_killed_supervisor_die_with_it(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    program = (
        "import asyncio,sys,pathlib\n"
        "from edge_agent.supervisor import ChildSpec, Supervisor\n"
        f"s = Supervisor([ChildSpec(name='one', module={SLEEPER!r})], environment={{}},"
        f" state_file=pathlib.Path({str(state)!r}), log_dir=pathlib.Path({str(tmp_path)!r}))\n"
        "asyncio.run(s.run())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])  # noqa: ASYNC220 - killed below
    try:
        await until(lambda: "ready" in read(tmp_path / "one.log"))
        await until(lambda: state_of(state, "one")["alive"])
        child = state_of(state, "one")["pid"]
        parent.kill()
        parent.wait()
        await until(lambda: not alive(child))
    finally:
        parent.kill()
        parent.wait()


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit 0"), (3, "exit 3"), (-9, "killed by SIGKILL"), (-200, "killed by signal 200")],
)
def test_an_exit_is_told_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text


def test_a_process_whose_parent_died_before_it_could_ask_ends_at_once(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(60)
    told = tmp_path / "told"
    module = tmp_path / "orphan_of_a_test.py"
    module.write_text(f"open({str(told)!r}, 'w').close()\n")
    orphan = subprocess.run(
        [sys.executable, "-m", "edge_agent.launch", "orphan", "orphan_of_a_test"],
        env={**os.environ, PARENT: str(gone.pid), "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert orphan.returncode == -signal.SIGKILL
    assert not told.exists()
