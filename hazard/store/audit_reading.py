"""The audit as people look it up: who did what when, newest first, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import ColumnElement, Engine, func, select

from hazard.store.anchors import ChainEnds, ChainHead
from hazard.store.audit import verify_audit
from hazard.store.tables import AuditRow
from hazard.store.views import AuditLine
from hazard.types import Model, UtcTime

PAGE_MAX = 1000
VERBS_MAX = 500
NUMBER_MAX = 2**63 - 1


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")


Sought = Annotated[str, AfterValidator(_without_nul)]
"""PostgreSQL takes no NUL, and no line has one."""


class AuditFilter(Model):
    """Which lines; empty: all of them."""

    actor: Sought = Field(default="", max_length=64, description="who, exactly")
    verb: Sought = Field(default="", max_length=64, description="what was done, exactly")
    subject: Sought = Field(default="", max_length=200, description="to what, by its id")
    since: UtcTime | None = Field(default=None, description="at or after this time")
    until: UtcTime | None = Field(default=None, description="before this time")


class AuditList(Model):
    """One page, newest first; `next_page` is None on the last one."""

    lines: tuple[AuditLine, ...]
    next_page: str | None


class AuditReader:
    """Reads on the audit. Safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lines(
        self, where: AuditFilter, *, page: str | None = None, limit: int = 100, own: bool = False
    ) -> AuditList:
        """Lines that match; `page` is an earlier answer's `next_page`.

        `own`: without those that a replica has copied from its nodes.

        Raises:
            ValueError: if `page` is not one that an earlier list gave.
        """
        limit = max(1, min(limit, PAGE_MAX))
        query = (
            select(*(getattr(AuditRow, field) for field in AuditLine.model_fields))
            .where(*_conditions(where), *([AuditRow.node == ""] if own else []))
            .order_by(AuditRow.at.desc(), AuditRow.audit_id.desc())
            .limit(limit + 1)
        )
        if page is not None:
            at, audit_id = _position(page)
            before = (AuditRow.at < at) | ((AuditRow.at == at) & (AuditRow.audit_id < audit_id))
            query = query.where(AuditRow.at <= at, before)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        found = tuple(AuditLine.model_validate(dict(row)) for row in rows)
        shown = found[:limit]
        more = len(found) > limit
        return AuditList(
            lines=shown,
            next_page=f"{shown[-1].at.isoformat()}_{shown[-1].audit_id}" if more else None,
        )

    def verbs(self) -> list[str]:
        """Everything that was ever done, by name; each is found by one step in an index."""
        found: list[str] = []
        with self._engine.connect() as connection:
            last = ""
            while len(found) < VERBS_MAX:
                query = select(func.min(AuditRow.verb)).where(AuditRow.verb > last)
                following = connection.execute(query).scalar_one()
                if following is None:
                    break
                found.append(following)
                last = following
        return found

    def count(self) -> int:
        """How many lines there are."""
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(AuditRow)
            return int(connection.execute(query).scalar_one())

    def verify(
        self, anchored: Sequence[ChainHead], tell: Callable[[int], None]
    ) -> tuple[int, str | None]:
        """What `verify_audit` says; `tell` hears now and then how many lines were checked."""
        with self._engine.connect() as connection:
            return verify_audit(connection, anchored, tell)

    def heads(self, now: datetime) -> list[ChainHead]:
        """How far each chain is: worth keeping elsewhere."""
        with self._engine.connect() as connection:
            return ChainEnds().read(connection, now)


def _conditions(where: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.actor:
        conditions.append(AuditRow.actor == where.actor)
    if where.verb:
        conditions.append(AuditRow.verb == where.verb)
    if where.subject:
        conditions.append(AuditRow.subject == where.subject)
    if where.since is not None:
        conditions.append(AuditRow.at >= where.since)
    if where.until is not None:
        conditions.append(AuditRow.at < where.until)
    return conditions


def _position(page: str) -> tuple[datetime, int]:
    text, _, number = page.rpartition("_")
    try:
        at, audit_id = datetime.fromisoformat(text), int(number)
        known = at.tzinfo is not None and 0 <= audit_id <= NUMBER_MAX
        position = at.astimezone(UTC), audit_id
    except (ValueError, OverflowError) as error:
        raise ValueError("page is not one that an earlier list gave: start without it") from error
    if not known:
        raise ValueError("page is not one that an earlier list gave: start without it")
    return position
