"""Views of the alarm list that people keep under a name, for themselves or for all."""

from __future__ import annotations

import secrets
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import delete, insert, or_, select, update

from hazard.errors import StoreError
from hazard.store.people_tables import SavedViewRow
from hazard.store.writer import Writer
from hazard.types import Model, UtcTime

MOST_VIEWS = 50
"""Views that one person may keep."""


class ViewRefused(StoreError):  # noqa: N818 - named for what it says
    """The name is taken, there are too many, or there is no such view of this person."""


class SavedView(Model):
    """One view. `query` are the list's own parameters; `first` is the owner's default."""

    view_id: str
    account_id: str
    name: str
    shared: bool
    first: bool
    query: dict[str, JsonValue]
    created_at: UtcTime


class SavedViews:
    """Short writing transactions. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def of(self, account_id: str) -> tuple[SavedView, ...]:
        """The person's own views, then those that others share, each by name."""
        query = (
            select(SavedViewRow.__table__)
            .where(or_(SavedViewRow.account_id == account_id, SavedViewRow.shared))
            .order_by(SavedViewRow.account_id != account_id, SavedViewRow.name)
        )
        with self._writer.engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return tuple(SavedView.model_validate(dict(row)) for row in rows)

    def save(
        self,
        account_id: str,
        name: str,
        query: dict[str, JsonValue],
        now: datetime,
        *,
        shared: bool = False,
    ) -> SavedView:
        """Keep a view.

        Raises:
            ViewRefused: (a StoreError) if the name is taken, or the person has too many.
            StoreError: if the store cannot be written.
        """
        view = SavedView(
            view_id=secrets.token_hex(8),
            account_id=account_id,
            name=name,
            shared=shared,
            first=False,
            query=query,
            created_at=now,
        )
        own = SavedViewRow.account_id == account_id
        with self._writer.transaction() as connection:
            names = connection.execute(select(SavedViewRow.name).where(own)).scalars().all()
            if name in names:
                raise _taken(name)
            if len(names) >= MOST_VIEWS:
                raise ViewRefused(f"you keep {MOST_VIEWS} views already: delete one first")
            connection.execute(insert(SavedViewRow).values(**view.model_dump()))
        return view

    def change(
        self,
        account_id: str,
        view_id: str,
        *,
        name: str | None = None,
        shared: bool | None = None,
        first: bool | None = None,
        query: dict[str, JsonValue] | None = None,
    ) -> None:
        """Change what is given of an own view; only one view of a person is the default.

        Raises:
            ViewRefused: (a StoreError) if it is no view of this person, or the name is taken.
            StoreError: if the store cannot be written.
        """
        given = {"name": name, "shared": shared, "first": first, "query": query}
        values = {key: value for key, value in given.items() if value is not None}
        own = SavedViewRow.account_id == account_id
        with self._writer.transaction() as connection:
            rows = connection.execute(select(SavedViewRow.view_id, SavedViewRow.name).where(own))
            names = {row.view_id: row.name for row in rows}
            if view_id not in names:
                raise _unknown(view_id)
            if name is not None and name in names.values() and names[view_id] != name:
                raise _taken(name)
            if first:
                connection.execute(update(SavedViewRow).where(own).values(first=False))
            if values:
                connection.execute(
                    update(SavedViewRow).where(SavedViewRow.view_id == view_id).values(**values)
                )

    def delete(self, account_id: str, view_id: str) -> None:
        """Forget an own view.

        Raises:
            ViewRefused: (a StoreError) if it is no view of this person.
            StoreError: if the store cannot be written.
        """
        own = (SavedViewRow.account_id == account_id) & (SavedViewRow.view_id == view_id)
        with self._writer.transaction() as connection:
            if not connection.execute(delete(SavedViewRow).where(own)).rowcount:
                raise _unknown(view_id)


def _taken(name: str) -> ViewRefused:
    return ViewRefused(f"you have a view called {name!r} already: choose another name")


def _unknown(view_id: str) -> ViewRefused:
    return ViewRefused(f"you have no view {view_id!r}: load the list again")
