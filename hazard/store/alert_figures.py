"""The columns of an alert that figures are made from: who thought what, and how long things took.

They repeat what the payload says, and stand in one index (`ix_alert_figures`) that the figures read
instead of the table. Durations are whole seconds or milliseconds since the alert was raised, never
below 0 (a clock may be put back).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hazard.types import AlertMessage, DecidedBy, IsaState

FAILURES = ("late", "broken", "absent", "unsure")
"""Why a fallback stands; its reason begins with one of these words."""

FIRST = ("decided_ms", "acknowledged_s")
"""Columns that keep their first value: what came later answered another question."""

Row = dict[str, Any]


def alert_figures(message: AlertMessage, stored_at: datetime, before: Mapping[str, Any]) -> Row:
    """The columns of this revision; `before` is the row of an earlier one not yet written, or {}.

    None leaves a column of `FIRST` and `returned_s` as they are, or as they were.
    """
    failure = _failure(message)
    opinion = message.opinion.severity if message.opinion is not None else None
    decided = message.times.decided
    asked = failure is not None or opinion is not None
    row: Row = {
        "default_rank": message.default.rank,
        "opinion_rank": None if opinion is None else opinion.rank,
        "failure": failure,
        "decided_ms": int(_since(message, decided) * 1000) if decided and asked else None,
        "acknowledged_s": int(_since(message, stored_at)) if message.acknowledged else None,
        "returned_s": (
            int(_since(message, stored_at)) if message.state is IsaState.NORMAL else None
        ),
        "closed_s": (
            int(_since(message, message.case.closed_at)) if message.case.closed_at else None
        ),
        "closed_cause": message.case.cause.value if message.case.cause is not None else None,
    }
    for name in FIRST:
        if before.get(name) is not None:
            row[name] = before[name]
    return row


def _since(message: AlertMessage, at: datetime) -> float:
    return max(0.0, (at - message.times.raised).total_seconds())


def _failure(message: AlertMessage) -> str | None:
    if message.decided_by is not DecidedBy.FALLBACK:
        return None
    word = message.reason.partition(":")[0].strip()
    return word if word in FAILURES else "broken"
