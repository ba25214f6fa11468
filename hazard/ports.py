"""The extension points: one Protocol each, found by entry point.

A new detector, sensor protocol or reasoning backend is one module that implements one of these
and one line in pyproject.toml under `[project.entry-points."hazard.<port>"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from hazard.types import (
    Authority,
    CameraReport,
    Detection,
    Frame,
    HazardEvent,
    Incident,
    Observation,
    Opinion,
    Reading,
    Verdict,
    Words,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """The passing of time: sent to rules several times a second, and in tests by hand."""

    at: datetime
    at_monotonic_s: float


RuleInput = Observation | CameraReport | Reading | Tick


@runtime_checkable
class Detector(Protocol):
    """Finds objects in pictures."""

    name: str
    labels: tuple[str, ...]

    def detect(self, batch: list[Frame]) -> list[list[Detection]]:
        """One list of detections per frame, boxes in pixels of the original picture.

        Raises:
            WeightsError: if the model gives an output that it should not.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Rule(Protocol):
    """A pure function of typed inputs over time.

    The state is an immutable value that belongs to the rule; `step` returns the next state and
    the findings. No clock, no randomness, no I/O: the same inputs give the same findings.
    """

    @property
    def rule_id(self) -> str:
        """The rule's name in the site file."""
        ...

    def initial(self) -> object:
        """The state before any input."""
        ...

    def step(self, state: object, item: RuleInput) -> tuple[object, tuple[HazardEvent, ...]]:
        """The next state, and what was found, held or cleared."""
        ...


class SensorSource(Protocol):
    """Brings readings from somewhere until it is closed."""

    name: str

    async def run(self, emit: Callable[[Reading], None]) -> None:
        """Deliver readings until cancelled; reconnects by itself, for ever.

        `emit` is called in the event loop's thread.
        """
        ...

    def status(self) -> tuple[bool, str]:
        """Whether the source is connected, and if not why and what to do."""
        ...


class Reasoner(Protocol):
    """A language model that gives an opinion on severity, and words.

    It runs in a process of its own; calls block. Deadlines are absolute CLOCK_MONOTONIC seconds.

    Attributes:
        name: the backend's name; certificates name it.
        max_authority: the most that it may ever do, whatever a certificate says.
        uncertified: the most that it may do without a valid certificate.
        folder: where its certificate and calibration lie, beside the weights.
    """

    name: str
    max_authority: Authority
    uncertified: Authority
    folder: Path

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        """Score the severity labels from one prefill.

        Raises:
            ReasonerError: if there is no usable answer.
        """
        ...

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        """Summary and recommended actions.

        Raises:
            Interrupted: if `interrupt` was called; the caller asks again later.
            ReasonerError: if there is no usable text.
        """
        ...

    def interrupt(self) -> None:
        """Make a `write` that runs in another thread give way to a decision, soon.

        If none runs, the next one may be interrupted at once.
        """
        ...

    def provenance(self) -> Mapping[str, str]:
        """Model files with sha256, quantization, library versions, prompt hash."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class Figures(Protocol):
    """A reasoner that has figures of its own for its health: counts, what it could not read."""

    def figures(self) -> Mapping[str, JsonValue]:
        """Figures by name; asked from another thread while it works."""
        ...
