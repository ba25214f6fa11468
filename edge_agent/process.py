"""What every process of the product does first: die with its parent, be named, be logged."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer

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


class _Enduring:
    """A stream for logs that stops nothing: where the disk is full, a line is lost and no more.

    Logs often lie on the disk whose being full they tell of; alarms must go on then.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass the text on, if it can be."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back, if it can be."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logging(process: str, stream: TextIO | None = None) -> None:
    """Structured logs: one JSON object a line, with UTC time, level, process and event.

    A line that cannot be written is lost; nobody who logs is told.

    Args:
        process: name of the process, in every line.
        stream: where to; standard error by default.
    """
    target = cast("TextIO", _Enduring(stream or sys.stderr))
    logging.basicConfig(level=logging.WARNING, stream=target, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            # Never with local variables: a password may be one of them.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            getattr(logging, os.environ.get("HAZARD_LOG_LEVEL", "INFO").upper(), logging.INFO)
        ),
        logger_factory=structlog.PrintLoggerFactory(target),
        # Not cached: a logger of a module would otherwise write to its first stream for ever,
        # also once that is closed.
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)


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
