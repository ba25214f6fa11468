"""The versions of the site file as they are stored; only the agent core writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from hazard.site.versions import SiteVersion, SiteVersionHead
from hazard.store.operations import Operation, SaveSiteVersion
from hazard.store.side_tables import SiteVersionRow
from hazard.store.statements import insert_new

_HEAD = tuple(SiteVersionHead.model_fields)
_WHOLE = tuple(SiteVersion.model_fields)


def save_versions(connection: Connection, versions: Iterable[SiteVersion]) -> None:
    """Write them, in the caller's transaction; a number that is there already stays as it is."""
    insert_new(connection, SiteVersionRow, [version.model_dump() for version in versions])


class SiteVersions:
    """Reads of versions. Safe to call from any thread.

    Args:
        waiting: what is in the journal and not in the database yet.
    """

    def __init__(self, engine: Engine, waiting: Callable[[], Iterable[Operation]]) -> None:
        self._engine, self._waiting = engine, waiting

    def newest(self) -> SiteVersion | None:
        """The version with the highest number; None before the agent's first start."""
        stored = self._one(_query(_WHOLE).order_by(SiteVersionRow.version.desc()).limit(1))
        return max([*self._journaled(), *stored], key=lambda each: each.version, default=None)

    def get(self, version: int) -> SiteVersion | None:
        """The version of that number."""
        stored = self._one(_query(_WHOLE).where(SiteVersionRow.version == version))
        return next(
            (each for each in (*stored, *self._journaled()) if each.version == version), None
        )

    def of_content(self, sha256: str) -> SiteVersion | None:
        """The newest version with that content."""
        query = _query(_WHOLE).where(SiteVersionRow.sha256 == sha256)
        stored = self._one(query.order_by(SiteVersionRow.version.desc()).limit(1))
        found = [each for each in (*self._journaled(), *stored) if each.sha256 == sha256]
        return max(found, key=lambda each: each.version, default=None)

    def heads(self, *, before: int | None = None, limit: int = 50) -> list[SiteVersionHead]:
        """Versions, newest first, without their texts; `before`: those with a smaller number."""
        query = _query(_HEAD).order_by(SiteVersionRow.version.desc()).limit(limit)
        if before is not None:
            query = query.where(SiteVersionRow.version < before)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [SiteVersionHead.model_validate(dict(row)) for row in rows]

    def _journaled(self) -> list[SiteVersion]:
        return [each.version for each in self._waiting() if isinstance(each, SaveSiteVersion)]

    def _one(self, query: Select[Any]) -> list[SiteVersion]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [SiteVersion.model_validate(dict(row)) for row in rows]


def _query(columns: tuple[str, ...]) -> Select[Any]:
    return select(*(getattr(SiteVersionRow, name) for name in columns))
