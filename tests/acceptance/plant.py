"""The product in processes of its own, started as a user starts it, and watched from outside.

`RunningDemo` is `hazard demo`, `RunningSite` is `hazard run` on a site file of the test.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import psutil

from edge_agent.bootstrap import paths_for
from edge_agent.cli.status import as_seen_now, newest
from edge_agent.demo.plant import write_site
from hazard.types import Health, StageHealth
from tests.alert_builders import wait_until

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 240.0
"""Far more than an idle machine needs: a shared one may be ten times slower."""
PATIENCE_S = 60.0
CODE = re.compile(r"Dashboard:\s+(http://\S+)\s+one-time code: (\S+)")


class Running:
    """A `hazard` command that goes on; its lines as they come."""

    def __init__(
        self,
        arguments: list[str],
        site_file: Path,
        *,
        log_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.paths = paths_for(site_file)
        self.lines: list[str] = []
        self._log_dir = log_dir
        self._new: queue.Queue[str | None] = queue.Queue()
        self.started_monotonic_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self._new.put(line.rstrip())
        self._new.put(None)

    # ------------------------------------------------------------ what it says

    def wait_line(self, wanted: Callable[[str], bool], timeout_s: float = LONGEST_S) -> str:
        """The next line that is `wanted`; fails when it ends or time runs out first."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no such line in {timeout_s:.0f} s:\n{self.text()}") from None
            assert line is not None, f"it ended:\n{self.text()}"
            self.lines.append(line)
            if wanted(line):
                return line

    def wait_code(self) -> tuple[str, str]:
        """The dashboard's address and the one-time code, from the console."""
        found = CODE.search(self.wait_line(lambda line: CODE.search(line) is not None))
        assert found is not None
        return found.group(1), found.group(2)

    def finish(self, timeout_s: float = LONGEST_S) -> int:
        """Wait for the end; the exit code."""
        deadline = time.monotonic() + timeout_s
        try:
            while (
                line := self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            ) is not None:
                self.lines.append(line)
        except queue.Empty:
            raise AssertionError(f"no end in {timeout_s:.0f} s:\n{self.text()}") from None
        return self.process.wait(timeout=10)

    def text(self) -> str:
        """All lines so far, and the end of each log."""
        while not self._new.empty():
            line = self._new.get()
            self.lines += [line] if line is not None else []
        files = sorted(self._log_dir.glob("*.log")) if self._log_dir else []
        logs = [f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in files]
        return "\n".join([*self.lines[-60:], *logs])

    # ------------------------------------------------------------ its processes

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of each process."""
        try:
            state = json.loads(self.paths.supervisor_state.read_text())
        except FileNotFoundError:
            return {}
        found: dict[str, dict[str, Any]] = state["processes"]
        return found if state["pid"] == self.process.pid else {}

    def pids(self) -> dict[str, int]:
        """The process ids of those that are alive."""
        return {name: each["pid"] for name, each in self.processes().items() if each["alive"]}

    def family(self) -> list[psutil.Process]:
        """The process itself and all that come from it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def kill(self, name: str) -> int:
        """SIGKILL one of the processes; its pid."""
        pid = int(self.processes()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the process is alive again under another pid."""
        wait_until(
            lambda: self.pids().get(name, old_pid) != old_pid,
            seconds=timeout_s,
            what=f"a new {name}:\n{self.text()}",
        )

    def interrupt(self) -> float:
        """Ctrl-C; how many seconds it took to end."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        return time.monotonic() - started

    # ------------------------------------------------------------ its health

    def stages(self) -> dict[str, StageHealth]:
        """Every stage as it is now, by name."""
        return {stage.stage: as_seen_now(stage) for stage in newest(self.paths)}

    def stage(self, name: str) -> StageHealth | None:
        """One stage, or None while nothing is known of it."""
        return self.stages().get(name)

    def ready(self) -> bool:
        """Whether every process is alive and every stage ready, all since this start."""
        born = datetime.fromtimestamp(psutil.Process(self.process.pid).create_time()).astimezone()
        stages, processes = self.stages().values(), self.processes().values()
        alive = bool(processes) and all(each["alive"] for each in processes)
        return (
            alive
            and bool(stages)
            and all(stage.health is Health.READY and stage.at > born for stage in stages)
        )

    def wait_ready(self, timeout_s: float = LONGEST_S) -> None:
        """Wait until `ready`."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not self.ready():
            assert self.process.poll() is None, f"it ended:\n{self.text()}"
            unready = {n: s.reason for n, s in self.stages().items() if s.health != Health.READY}
            assert time.monotonic() < deadline, f"not ready: {unready}\n{self.text()}"
            pause.wait(0.1)

    def status(self) -> tuple[int, dict[str, Any]]:
        """`hazard status --json`: its exit code, and what it says."""
        code, text = hazard("status", "--json", "--site", str(self.paths.site_file))
        said: dict[str, Any] = json.loads(text)
        return code, said

    def wait_status_ready(self) -> None:
        """Wait until `hazard status` says by its exit code that all is well."""
        deadline = time.monotonic() + LONGEST_S
        while (answer := self.status())[0] != 0:
            assert time.monotonic() < deadline, f"never all well: {answer}\n{self.text()}"

    # ------------------------------------------------------------ the end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        self._reader.join(10)
        shutil.rmtree(self.paths.run_dir, ignore_errors=True)


class RunningDemo(Running):
    """`hazard demo` in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(
            ["demo", "--folder", str(folder), *arguments],
            folder / "site.yaml",
            log_dir=folder / "logs",
        )


class RunningSite(Running):
    """`hazard run` on a site file, which the test may change while it runs."""

    def __init__(
        self, site_file: Path, site: dict[str, Any] | None = None, **environment: str
    ) -> None:
        if site is not None:
            write_site(site_file, site)
        super().__init__(["run", "--site", str(site_file)], site_file, environment=environment)


def hazard(*arguments: str) -> tuple[int, str]:
    """A `hazard` command that ends by itself: exit code, and standard output and error."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout


def is_alert(line: str) -> bool:
    """Whether a line of the console tells of an alert."""
    return "revision" in line and "Z  " in line
