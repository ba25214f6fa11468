"""A broker of its own for a bench or a drill: Mosquitto where it is installed, else the embedded.

It listens on 127.0.0.1 on a port that was free, keeps what it persists in a folder of its own, and
can be stopped, killed and robbed of that folder. Nothing of it is for production: it lets anybody
in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, Self

from hazard.errors import BrokerError

HOST = "127.0.0.1"
START_WITHIN_S = 15.0
STOP_WITHIN_S = 10.0

Kind = Literal["mosquitto", "embedded"]


def installed_mosquitto() -> str | None:
    """The program's path, or None; Debian keeps it where only root's PATH leads."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def mosquitto_version(program: str) -> str:
    """The version as Mosquitto says it itself, e.g. `2.0.11`; `unknown` where it says nothing."""
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    words = said.split()
    return words[words.index("version") + 1] if "version" in words[:-1] else "unknown"


def free_pair() -> int:
    """A port that is free together with the one after it (the embedded broker takes both)."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((HOST, 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind((HOST, port + 1))
                return port


class BrokerProcess:
    """One broker, started and ended as often as wanted, always on the same port.

    Queues are unlimited: with Mosquitto's default of 1,000 messages it drops in silence what a
    subscriber that is away should get.

    Attributes:
        kind: `mosquitto` or `embedded`.
        version: of Mosquitto, or of the package of the embedded broker.
        port: MQTT 5.
        data: where it persists sessions and retained messages (Mosquitto).
    """

    def __init__(self, folder: Path, *, persistence: bool) -> None:
        self._program = installed_mosquitto()
        self.kind: Kind = "mosquitto" if self._program is not None else "embedded"
        self.version = mosquitto_version(self._program) if self._program is not None else "iotcore"
        self.port = free_pair()
        self.data = folder / "broker"
        self.data.mkdir(parents=True, exist_ok=True)
        self._log = folder / "broker.log"
        self._config = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} {HOST}",
            "allow_anonymous true",
            "max_queued_messages 0",
            "max_queued_bytes 0",
            f"persistence {'true' if persistence else 'false'}",
            f"persistence_location {self.data}/",
        ]
        if os.getuid() == 0:
            lines.append("user root")
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            BrokerError: if it does not within 15 s, with the end of what it said.
        """
        command = [sys.executable, "-m", "edge_agent.broker", "--port", str(self.port)]
        if self._program is not None:
            command = [self._program, "-c", str(self._config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_WITHIN_S
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(encoding="utf-8", errors="replace")[-800:]
                self.kill()
                raise BrokerError(
                    f"the {self.kind} broker on port {self.port} did not start: {said}"
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as a service manager does (SIGTERM): it writes what it persists."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """SIGKILL: with it goes everything that it had not written."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def wipe(self) -> None:
        """Take away everything that it has persisted; only while it does not run.

        Raises:
            BrokerError: if it runs.
        """
        if self.running:
            raise BrokerError("the broker runs: kill or stop it before its data folder is wiped")
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
