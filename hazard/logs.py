"""What every process of the product writes down as it works: one JSON object a line."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer


class Enduring:
    """A stream for words that stops nothing: where the disk is full, a line is lost and no more.

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
    target = cast("TextIO", Enduring(stream or sys.stderr))
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
