"""Progress of a fetch: bars on a terminal, plain lines elsewhere, nothing in a library call."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

_PLAIN_STEP_PERCENT = 25


class Progress(Protocol):
    """What a fetch tells while it works."""

    def step(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """`done_bytes` of about `total_bytes` of the package for `name` have come."""
        ...

    def note(self, name: str, text: str) -> None:
        """Something worth a line: started, waiting, converted, done."""
        ...


class SilentProgress:
    """Says nothing."""

    def step(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Say nothing."""

    def note(self, name: str, text: str) -> None:
        """Say nothing."""


class PlainProgress:
    """A line per event, and one per quarter of a download: for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[str, int] = {}

    def step(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Print a line at each quarter."""
        quarter = 100 * done_bytes // max(1, total_bytes) // _PLAIN_STEP_PERCENT
        if quarter > self._told.get(name, 0):
            self._told[name] = quarter
            self.note(name, f"{quarter * _PLAIN_STEP_PERCENT} % of {_megabytes(total_bytes)}")

    def note(self, name: str, text: str) -> None:
        """Print a line."""
        self._stream.write(f"{name}: {text}\n")
        self._stream.flush()


@contextmanager
def console_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Bars where `stream` (default: stderr) is a terminal, else plain lines."""
    out = stream or sys.stderr
    if not out.isatty():
        yield PlainProgress(out)
        return
    from rich.console import Console  # noqa: PLC0415 - not needed where there is no terminal
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bars(*columns, console=Console(file=out), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        class RichProgress:
            def step(self, name: str, done_bytes: int, total_bytes: int) -> None:
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=total_bytes)
                bars.update(tasks[name], completed=done_bytes)

            def note(self, name: str, text: str) -> None:
                bars.console.print(f"{name}: {text}", markup=False, highlight=False)

        yield RichProgress()


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
