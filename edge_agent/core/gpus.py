"""What the box's graphics processors are and how busy, asked of the driver's own program.

The core loads no CUDA; `nvidia-smi` comes with the driver. It is asked in a thread, since it may
take seconds, and never twice at once.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

from pydantic import JsonValue

EVERY_S = 10.0
ASK_WITHIN_S = 5.0
DEVICE = Path("/dev/nvidia0")
QUERY = "name,utilization.gpu,memory.used,memory.total,temperature.gpu"
FIELDS = ("utilization_percent", "memory_used_mib", "memory_total_mib", "temperature_c")


class Gpus:
    """The last answer, and a thread that asks again when it is old."""

    def __init__(self, program: str | None = None) -> None:
        self._program = program or shutil.which("nvidia-smi")
        self._answer: list[JsonValue] = []
        self._asked_s = float("-inf")
        self._asking: threading.Thread | None = None

    def state(self) -> list[JsonValue]:
        """One entry for each GPU, with `error` where it cannot be told; empty: there is none.

        Answers at once with what is known, and has it asked anew in the background.
        """
        if self._program is None:
            if DEVICE.exists():
                return [{"error": f"{DEVICE} is there, nvidia-smi is not: install the driver"}]
            return []
        busy = self._asking is not None and self._asking.is_alive()
        if not busy and time.monotonic() - self._asked_s >= EVERY_S:
            self._asked_s = time.monotonic()
            self._asking = threading.Thread(target=self._ask, name="gpus", daemon=True)
            self._asking.start()
        return self._answer

    def wait(self, timeout_s: float) -> None:
        """Until the question that is under way is answered."""
        if self._asking is not None:
            self._asking.join(timeout_s)

    def _ask(self) -> None:
        command = [str(self._program), f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ASK_WITHIN_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._answer = [{"error": f"nvidia-smi gave no answer: {type(error).__name__}"}]
            return
        if done.returncode != 0:
            said = (done.stdout or done.stderr).strip().splitlines()
            why = said[0][:200] if said else f"exit code {done.returncode}"
            self._answer = [{"error": f"nvidia-smi: {why}"}]
            return
        self._answer = [parse(line) for line in done.stdout.splitlines() if line.strip()]


def parse(line: str) -> JsonValue:
    """One line of the answer; a figure that the card does not tell is None."""
    name, *values = [part.strip() for part in line.split(",")]
    entry: dict[str, JsonValue] = {"name": name[:64]}
    for field, value in zip(FIELDS, values, strict=False):
        entry[field] = float(value) if value.replace(".", "", 1).isdigit() else None
    return entry
