"""The supervisor: starts the processes of the box and starts again what dies.

It runs no product code itself, so that nothing that can go wrong there takes it down. It is in
turn watched by systemd (`Type=notify`, `WatchdogSec`) or by Docker's health check, and when it
dies its children die with it (`edge_agent.process.die_with_parent`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from edge_agent.process import LAST_WORDS, MAX_WORDS, PARENT

BACK_OFF_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waiting times before a process is started again; the last one stays."""
STABLE_AFTER_S = 30.0
"""A process that lived this long starts at the first waiting time again."""
TERM_GRACE_S = 2.5
"""Time between SIGTERM and SIGKILL at a stop; all processes are gone within 5 s."""
STATE_EVERY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One process to keep alive.

    Attributes:
        name: what it is called in status and logs.
        module: the Python module that is run as `__main__`.
        args: its arguments.
        nice: scheduling niceness: the core is 0, what can wait is higher.
        stop_last: stopped after all others (the broker, so that last messages get out).
    """

    name: str
    module: str
    args: tuple[str, ...] = ()
    nice: int = 0
    stop_last: bool = False


@dataclass(slots=True)
class Child:
    """A process and its history."""

    spec: ChildSpec
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    started_at: datetime | None = None
    last_exit: str = ""
    failures_in_row: int = 0
    born_monotonic_s: float = field(default=0.0)

    def state(self) -> dict[str, Any]:
        """What `hazard status` shows."""
        alive = self.process is not None and self.process.returncode is None
        return {
            "pid": self.process.pid if alive and self.process else None,
            "alive": alive,
            "restarts": self.restarts,
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "last_exit": self.last_exit,
            "failures_in_row": self.failures_in_row,
        }


class Supervisor:
    """Keeps a set of processes alive until it is told to stop."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        environment: Mapping[str, str],
        state_file: Path,
        log_dir: Path | None = None,
    ) -> None:
        self._children = [Child(spec) for spec in specs]
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._state_file = state_file
        self._log_dir = log_dir
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask for a clean end; safe to call more than once and from a signal handler."""
        self._stopping.set()

    def signal_child(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process, e.g. SIGHUP to the core for a reload."""
        for child in self._children:
            if child.spec.name == name and child.process and child.process.returncode is None:
                child.process.send_signal(number)

    async def run(self) -> None:
        """Start everything, keep it alive, and end it when `stop` is called."""
        tasks = [asyncio.create_task(self._keep(child)) for child in self._children]
        state = asyncio.create_task(self._write_state_for_ever())
        notify("READY=1")
        await self._stopping.wait()
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end_all()
        state.cancel()
        self._write_state()

    async def _keep(self, child: Child) -> None:
        while True:
            await self._start(child)
            process = child.process
            if process is not None:
                code = await process.wait()
                lived_s = time.monotonic() - child.born_monotonic_s
                words = self._last_words(child)
                child.last_exit = ": ".join(text for text in (describe_exit(code), words) if text)
                child.failures_in_row = (
                    0 if lived_s > STABLE_AFTER_S else min(child.failures_in_row + 1, 99)
                )
                log.warning(
                    "process.ended",
                    name=child.spec.name,
                    exit=child.last_exit,
                    lived_s=round(lived_s, 1),
                )
            wait_s = BACK_OFF_S[min(child.failures_in_row, len(BACK_OFF_S) - 1)]
            await asyncio.sleep(wait_s)
            child.restarts += 1

    async def _start(self, child: Child) -> None:
        spec = child.spec
        command = [sys.executable, "-m", "edge_agent.launch", spec.name, spec.module, *spec.args]
        environment = {
            **self._environment,
            "HAZARD_NICE": str(spec.nice),
            PARENT: str(os.getpid()),
            LAST_WORDS: str(self._words_file(spec.name)),
        }
        child.born_monotonic_s = time.monotonic()
        child.started_at = datetime.now(UTC)
        try:
            with self._output(spec.name) as output:
                child.process = await asyncio.create_subprocess_exec(
                    *command,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            child.process = None
            child.failures_in_row += 1
            child.last_exit = f"cannot be started: {error}"
            log.exception("process.start_failed", name=spec.name)
            return
        log.info("process.started", name=spec.name, pid=child.process.pid)

    def _words_file(self, name: str) -> Path:
        return self._state_file.with_name(f"{name}.last-words")

    def _last_words(self, child: Child) -> str:
        """What the process said before it failed, if anything; read once."""
        path = self._words_file(child.spec.name)
        try:
            words = path.read_text(encoding="utf-8", errors="replace")[:MAX_WORDS]
            path.unlink()
        except OSError:
            return ""
        return words

    @contextlib.contextmanager
    def _output(self, name: str) -> Any:
        if self._log_dir is None:
            yield None
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / f"{name}.log").open("ab") as handle:
            yield handle

    async def _end_all(self) -> None:
        first = [c for c in self._children if not c.spec.stop_last]
        last = [c for c in self._children if c.spec.stop_last]
        for group, grace_s in ((first, TERM_GRACE_S), (last, 1.0)):
            await asyncio.gather(*(self._end(child, grace_s) for child in group))

    async def _end(self, child: Child, grace_s: float) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        began_s = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            log.warning("process.killed", name=child.spec.name, after_s=grace_s)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        child.last_exit = describe_exit(process.returncode or 0)
        took_s = round(time.monotonic() - began_s, 2)
        log.info("process.stopped", name=child.spec.name, exit=child.last_exit, took_s=took_s)

    async def _write_state_for_ever(self) -> None:
        while True:
            self._write_state()
            notify("WATCHDOG=1")
            await asyncio.sleep(STATE_EVERY_S)

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "at": datetime.now(UTC).isoformat(),
            "stopping": self._stopping.is_set(),
            "processes": {child.spec.name: child.state() for child in self._children},
        }
        temporary = self._state_file.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(state, indent=1), encoding="utf-8")
            temporary.replace(self._state_file)
        except OSError as error:
            log.warning("supervisor.state_not_written", error=str(error))


def describe_exit(code: int) -> str:
    """An exit code in words: `exit 3`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); without `$NOTIFY_SOCKET` nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(message.encode(), address)
