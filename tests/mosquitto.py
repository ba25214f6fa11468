"""Mosquitto as a plant would set it up: TLS, passwords, access list, persistence, limits.

The broker's own log tells who connected and why somebody was refused; tests read it.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Self

from tests.alert_builders import wait_until
from tests.brokers import answers, free_pair
from tests.programs import require


class Mosquitto:
    """One Mosquitto 2 with a folder, a port and a configuration of its own.

    `lines` go into the configuration as they are. Start it again with other lines by `settings`.
    """

    def __init__(self, folder: Path, *lines: str, passwords: dict[str, str] | None = None) -> None:
        self.port = free_pair()
        self.folder = folder / f"mosquitto-{self.port}"
        self.folder.mkdir(mode=0o755)
        self.lines = list(lines)
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        if passwords is not None:
            self.set_passwords(passwords)
            self.lines.append(f"password_file {self.folder / 'passwords'}")
        elif not any("anonymous" in line or "use_identity" in line for line in lines):
            self.lines.append("allow_anonymous true")

    def set_passwords(self, passwords: dict[str, str]) -> None:
        """Write the password file anew; a running broker reads it at SIGHUP (`reload`)."""
        file = self.folder / "passwords"
        file.write_text("".join(f"{name}:{word}\n" for name, word in passwords.items()))
        subprocess.run(["mosquitto_passwd", "-U", str(file)], check=True, capture_output=True)

    def start(self, *, largest_file_bytes: int | None = None) -> Self:
        """Start it and wait until it takes connections.

        With `largest_file_bytes` no file that it writes grows beyond that, as on a full disk: the
        write fails with EFBIG, where a full disk says ENOSPC. It needs no root and no mount.
        """
        config = self.folder / "mosquitto.conf"
        head = [f"user {getpass.getuser()}", "log_dest stderr", "log_type all"]
        config.write_text("\n".join([*head, f"listener {self.port} 127.0.0.1", *self.lines, ""]))
        command = [str(require("mosquitto")), "-c", str(config)]
        if largest_file_bytes is not None:
            command = ["prlimit", f"--fsize={largest_file_bytes}", *command]
        self._process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            restore_signals=False,  # SIGXFSZ stays ignored, as Python has it
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        process = self._process
        wait_until(
            lambda: answers(self.port) or process.poll() is not None,
            what=f"mosquitto on {self.port}",
        )
        assert process.poll() is None, "\n".join(self.log)
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.rstrip())

    def stop(self) -> None:
        """SIGTERM: it says goodbye to its clients and saves what it persists."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: with it goes everything that it has not saved."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        process.wait(10)
        if self._reader is not None:
            self._reader.join(10)
        if process.stderr is not None:
            process.stderr.close()

    def save(self) -> None:
        """Have it write what it persists now: into a new file that takes the old one's place."""
        file = self.folder / "data" / "mosquitto.db"
        before = file.stat().st_ino if file.exists() else None
        self._signal(signal.SIGUSR1)
        wait_until(lambda: file.exists() and file.stat().st_ino != before, what="its file")

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing is read and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """SIGHUP: passwords and access list are read anew."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def wipe(self) -> None:
        """Take away what it has saved."""
        shutil.rmtree(self.folder / "data")
        (self.folder / "data").mkdir()

    def persist(self, *more: str) -> Self:
        """Keep sessions and retained messages in its folder `data`."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        self.lines += ["persistence true", f"persistence_location {data}/", *more]
        return self

    def logged(self, *words: str) -> list[str]:
        """The lines of its log that hold all these words."""
        return [line for line in list(self.log) if all(word in line for word in words)]

    def connects(self, client_id: str = "") -> int:
        """How often a client was let in, or (without a name) how often somebody knocked."""
        if not client_id:
            return len(self.logged("New connection from"))
        return len(self.logged("New client connected", f" as {client_id} "))


def tls_lines(ca_file: Path, server: tuple[Path, Path], *, clients: bool = False) -> list[str]:
    """TLS with this server certificate; `clients` must then have a certificate too."""
    certificate, key = server
    lines = [f"cafile {ca_file}", f"certfile {certificate}", f"keyfile {key}"]
    return [*lines, "require_certificate true"] if clients else lines
