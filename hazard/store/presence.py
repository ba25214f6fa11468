"""When a person was here last: since then they are told what changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from hazard.store.people_tables import AccountRow, SessionRow
from hazard.store.writer import Writer


class Presence:
    """Reads and short writing transactions. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def left_at(self, account_id: str) -> datetime | None:
        """When they left, or said that they had seen what changed; None: they never have."""
        query = select(AccountRow.left_at).where(AccountRow.account_id == account_id)
        with self._writer.engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def seen(self, account_id: str, up_to: datetime) -> None:
        """They have seen what changed up to a time.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._writer.transaction() as connection:
            mark_left(connection, account_id, up_to)


def mark_left(connection: Connection, account_id: str, at: datetime) -> None:
    """They have left, or have seen everything up to this time; never back to an earlier one."""
    connection.execute(
        update(AccountRow)
        .where(AccountRow.account_id == account_id)
        .where(or_(AccountRow.left_at.is_(None), AccountRow.left_at < at))
        .values(left_at=at)
    )


def mark_gone(connection: Connection, account_id: str) -> None:
    """They come anew: whoever did not log out left when their last session was last used."""
    query = select(func.max(SessionRow.last_seen_at)).where(SessionRow.account_id == account_id)
    last = connection.execute(query).scalar_one()
    if last is not None:
        mark_left(connection, account_id, last)
