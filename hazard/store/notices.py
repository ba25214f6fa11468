"""Notices on their way: what is due, what was sent, what has failed for good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, case, delete, func, or_, select, update

from hazard.store.statements import JsonText
from hazard.store.tables import AlertRow, NoticeRow
from hazard.store.writer import Writer
from hazard.types import AlertMessage, Notice, NoticeState, Severity

MAX_ERROR = 500

LONGEST_PAUSE = timedelta(minutes=15)
"""Nobody lets a notice wait longer than this: one that is due later saw another clock."""


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice that is to be sent now.

    Attributes:
        notice: what it is about.
        attempts: how often it was tried before.
        message: the alert as it is now; None for a test, or when the alert is gone.
    """

    notice: Notice
    attempts: int
    message: AlertMessage | None


@dataclass(frozen=True, slots=True)
class ChannelTally:
    """How a channel is: notices that wait, the oldest of them, the last error, and failures.

    Attributes:
        failed: notices that were given up since `since` of the call.
    """

    channel: str
    pending: int
    oldest_at: datetime | None
    failed: int
    error: str


class Notices:
    """The queue of notices, for the process that sends them. Safe to call from any thread."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def due(self, channel: str, now: datetime, limit: int) -> list[DueNotice]:
        """Pending notices of a channel whose time has come, critical alarms first, then by age.

        However many others wait for room, one of a critical alarm is among the first. What seems
        to be due later than any pause is due now: the clock was put back.
        """
        critical = AlertRow.severity_rank >= Severity.CRITICAL.rank
        query = (
            select(NoticeRow.payload, NoticeRow.attempts, AlertRow.payload.label("message"))
            .outerjoin(AlertRow, AlertRow.alert_id == NoticeRow.alert_id)
            .where(
                NoticeRow.channel == channel,
                NoticeRow.state == NoticeState.PENDING.value,
                or_(
                    NoticeRow.next_attempt_at <= now,
                    NoticeRow.next_attempt_at > now + LONGEST_PAUSE,
                ),
            )
            .order_by(case((critical, 0), else_=1), NoticeRow.created_at, NoticeRow.notice_id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            DueNotice(
                notice=Notice.model_validate(row.payload),
                attempts=row.attempts,
                message=None if row.message is None else AlertMessage.model_validate(row.message),
            )
            for row in rows
        ]

    def sent_since(self, channel: str, since: datetime) -> int:
        """Messages that the channel has sent since then; notices told together count once."""
        query = select(func.count(NoticeRow.sent_at.distinct())).where(
            NoticeRow.channel == channel,
            NoticeRow.state == NoticeState.SENT.value,
            NoticeRow.sent_at > since,
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def tally(self, channel: str, since: datetime) -> ChannelTally:
        """How the channel is now."""
        mine = NoticeRow.channel == channel
        pending = NoticeRow.state == NoticeState.PENDING.value
        failed = NoticeRow.state == NoticeState.FAILED.value
        waiting = select(func.count(), func.min(NoticeRow.created_at)).where(mine, pending)
        given_up = select(func.count()).where(mine, failed, NoticeRow.created_at > since)
        newest_error = (
            select(NoticeRow.error)
            .where(mine, pending | failed, NoticeRow.error != "")
            .order_by(NoticeRow.created_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            count, oldest_at = connection.execute(waiting).one()
            return ChannelTally(
                channel=channel,
                pending=int(count),
                oldest_at=oldest_at,
                failed=int(connection.execute(given_up).scalar_one()),
                error=connection.execute(newest_error).scalar_one_or_none() or "",
            )

    def stranded(self, known: Collection[str], since: datetime) -> dict[str, int]:
        """Notices that wait, queued since then, of channels other than these: number by channel."""
        query = (
            select(NoticeRow.channel, func.count())
            .where(
                NoticeRow.state == NoticeState.PENDING.value,
                NoticeRow.channel.not_in(known),
                NoticeRow.created_at > since,
            )
            .group_by(NoticeRow.channel)
            .order_by(NoticeRow.channel)
        )
        with self._engine.connect() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}

    def sent(self, notice_ids: Sequence[str], at: datetime) -> None:
        """Write that these were told, in one message.

        Raises:
            StoreError: if the store cannot be written; the caller keeps them and writes again.
        """
        with self._writer.transaction() as connection:
            connection.execute(
                update(NoticeRow)
                .where(NoticeRow.notice_id.in_(notice_ids))
                .values(
                    state=NoticeState.SENT.value,
                    sent_at=at,
                    error="",
                    attempts=NoticeRow.attempts + 1,
                )
            )

    def not_sent(
        self, notice_ids: Sequence[str], error: str, *, next_attempt_at: datetime | None
    ) -> None:
        """Write that these could not be told, and when to try again; None: never, it has failed.

        Raises:
            StoreError: if the store cannot be written.
        """
        values: dict[str, Any] = {"error": error[:MAX_ERROR], "attempts": NoticeRow.attempts + 1}
        if next_attempt_at is None:
            values["state"] = NoticeState.FAILED.value
        else:
            values["next_attempt_at"] = next_attempt_at
        with self._writer.transaction() as connection:
            connection.execute(
                update(NoticeRow).where(NoticeRow.notice_id.in_(notice_ids)).values(**values)
            )

    def prune(self, before: datetime) -> int:
        """Forget notices of before then that are settled; gives their number."""
        with self._writer.transaction() as connection:
            gone = connection.execute(
                delete(NoticeRow).where(
                    NoticeRow.state != NoticeState.PENDING.value, NoticeRow.created_at < before
                )
            )
            return gone.rowcount


def notice_row(notice: Notice) -> dict[str, Any]:
    """The row of a notice that waits to be sent."""
    return {
        "notice_id": notice.notice_id,
        "channel": notice.channel,
        "alert_id": notice.alert_id,
        "state": NoticeState.PENDING.value,
        "attempts": 0,
        "next_attempt_at": notice.created_at,
        "error": "",
        "created_at": notice.created_at,
        "sent_at": None,
        "payload": JsonText(notice.model_dump_json()),
    }
