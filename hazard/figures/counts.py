"""Bare counts, as a database gives them: rows of equal things and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Cell(NamedTuple):
    """Alarms raised in one slot of time, of one area, kind, severity and cause of its closing."""

    slot: int
    area: str
    hazard: str
    severity_rank: int
    closed_cause: str | None
    alarms: int


class Waited(NamedTuple):
    """Alarms of one severity for which something took this long; None: it has not happened."""

    severity_rank: int
    seconds: int | None
    alarms: int


class Decided(NamedTuple):
    """Alarms about which the model was asked, and what came of it."""

    hazard: str
    default_rank: int
    severity_rank: int
    opinion_rank: int | None
    failure: str | None
    decided_by: str
    alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """All counts of one period."""

    recorded_since: datetime | None
    sequence: int
    cells: Sequence[Cell]
    acknowledged: Sequence[Waited]
    returned: Sequence[Waited]
    closed: Sequence[Waited]
    decided: Sequence[Decided]
    answered_ms: Sequence[tuple[int, int]]
