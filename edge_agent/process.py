"""What every process of the product does first: die with its parent, be named, be logged."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""

PARENT = "HAZARD_PARENT"
"""The variable that names the process which starts this one: it may be gone before this asks."""

LAST_WORDS = "HAZARD_LAST_WORDS"
"""The variable that names the file for what a process said last before it failed."""
MAX_WORDS = 300


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere nothing).

    A supervisor that was killed must not leave a second set of processes behind that publish and
    write beside the new ones. One that has died already is known by `$HAZARD_PARENT`, where it is
    set; children of this process do not inherit that.
    """
    parent = int(os.environ.pop(PARENT, "") or os.getppid())
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


async def until_signal(work: Coroutine[Any, Any, None]) -> bool:
    """Run it until it ends, or until SIGTERM or SIGINT cancels it; whether it was cancelled."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


class _Remembering:
    """Standard error that remembers its last line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.last_line = ""

    def write(self, text: str) -> int:
        """Pass the text on."""
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            self.last_line = lines[-1][:4000]
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def last_words() -> Iterator[None]:
    """Leave what a failing process said last where its supervisor reads it.

    `hazard status` then shows why a process does not stay up: which port is taken, which file
    cannot be read. Without `$HAZARD_LAST_WORDS` nothing is kept.
    """
    stderr = sys.stderr
    remembering = _Remembering(stderr)
    sys.stderr = cast("TextIO", remembering)
    words = ""
    try:
        yield
    except SystemExit as error:
        words = _plain(remembering.last_line) if error.code else ""
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        raise
    finally:
        sys.stderr = stderr
        path = os.environ.get(LAST_WORDS)
        if words and path:
            with contextlib.suppress(OSError):
                Path(path).write_text(words[:MAX_WORDS], encoding="utf-8")


def _plain(line: str) -> str:
    """The message of a log line, or the line itself."""
    try:
        fields = json.loads(line)
        return str(fields.get("error") or fields["event"])
    except (ValueError, KeyError, AttributeError):
        return line.strip()
