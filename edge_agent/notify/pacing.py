"""How many messages a channel may send now, and when a failed one is tried again. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from hazard.store.notices import DueNotice
from hazard.types import Severity

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0


def parcels(dues: Sequence[DueNotice], *, left: int) -> list[tuple[DueNotice, ...]]:
    """Which notices go out now, and which of them in one message.

    Args:
        dues: what is due, oldest first.
        left: messages that the channel may still send in this hour.

    Critical alarms always go, each by itself. The others go by themselves while there is room;
    the last message of the room takes all the rest together; without room they wait. A report goes
    by itself, after all alarms, or waits: its file is of no other message.
    """
    reports = [due for due in dues if due.notice.report is not None]
    alarms = [due for due in dues if due.notice.report is None]
    sent = _of_alarms(alarms, left)
    room = max(0, left - len(sent))
    return [*sent, *((due,) for due in reports[:room])]


def _of_alarms(dues: Sequence[DueNotice], left: int) -> list[tuple[DueNotice, ...]]:
    critical = [due for due in dues if _critical(due)]
    others = [due for due in dues if not _critical(due)]
    room = left - len(critical)
    sent: list[tuple[DueNotice, ...]] = [(due,) for due in critical]
    if room <= 0:
        return sent
    if len(others) <= room:
        return [*sent, *((due,) for due in others)]
    alone = room - 1
    return [*sent, *((due,) for due in others[:alone]), tuple(others[alone:])]


def _critical(due: DueNotice) -> bool:
    return due.message is not None and due.message.severity is Severity.CRITICAL


def next_attempt(
    due: DueNotice, now: datetime, *, give_up_after: timedelta, jitter: random.Random
) -> datetime | None:
    """When a notice that could not be sent is tried again; None once it has waited too long."""
    if now - due.notice.created_at >= give_up_after:
        return None
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(due.attempts, 10))
    return now + timedelta(seconds=pause_s * jitter.uniform(0.8, 1.2))
