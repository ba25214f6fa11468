"""Reads of suppression orders and of the requests to shelve: the register, and what was."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Engine, Select, and_, or_, select

from hazard.errors import StoreError
from hazard.store.queries import RequestStatus, request_status
from hazard.store.tables import ActionRequestRow, SuppressionOrderRow
from hazard.types import Model, SuppressionOrder, Verb

SHELVING = (Verb.SHELVE.value, Verb.UNSHELVE.value)
MAX_PAGE = 200


class OrderPage(Model):
    """Orders, the latest start first."""

    orders: tuple[SuppressionOrder, ...]
    next_page: str | None = Field(description="give it as `page` for earlier ones")


class Orders:
    """Reads of one store. Safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def standing(self, now: datetime) -> tuple[SuppressionOrder, ...]:
        """The orders that hold at `now`, those that end first in front."""
        query = (
            select(SuppressionOrderRow.payload)
            .where(SuppressionOrderRow.ends_at > now, SuppressionOrderRow.ended_at.is_(None))
            .where(SuppressionOrderRow.starts_at <= now)
            .order_by(SuppressionOrderRow.ends_at, SuppressionOrderRow.order_id)
        )
        return self._orders(query)

    def history(self, *, page: str | None = None, limit: int = 50) -> OrderPage:
        """All orders, the latest start first.

        Raises:
            StoreError: if `page` is not one that an earlier answer gave.
        """
        limit = max(1, min(limit, MAX_PAGE))
        query = select(SuppressionOrderRow.payload)
        if page is not None:
            at, order_id = _decode(page)
            query = query.where(
                or_(
                    SuppressionOrderRow.starts_at < at,
                    and_(
                        SuppressionOrderRow.starts_at == at,
                        SuppressionOrderRow.order_id < order_id,
                    ),
                )
            )
        query = query.order_by(
            SuppressionOrderRow.starts_at.desc(), SuppressionOrderRow.order_id.desc()
        )
        found = self._orders(query.limit(limit + 1))
        shown = found[:limit]
        more = len(found) > limit
        return OrderPage(orders=shown, next_page=_encode(shown[-1]) if more else None)

    def shelvings(self, *, limit: int = 50) -> tuple[RequestStatus, ...]:
        """The newest requests to shelve or unshelve, with what became of them."""
        query = (
            select(ActionRequestRow)
            .where(ActionRequestRow.verb.in_(SHELVING))
            .order_by(ActionRequestRow.requested_at.desc())
            .limit(max(1, min(limit, MAX_PAGE)))
        )
        with self._engine.connect() as connection:
            return tuple(request_status(row) for row in connection.execute(query).mappings())

    def _orders(self, query: Select[Any]) -> tuple[SuppressionOrder, ...]:
        with self._engine.connect() as connection:
            payloads = connection.execute(query).scalars().all()
        return tuple(SuppressionOrder.model_validate(payload) for payload in payloads)


def _encode(order: SuppressionOrder) -> str:
    place = json.dumps([order.starts_at.isoformat(), order.order_id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _decode(page: str) -> tuple[datetime, str]:
    try:
        at, order_id = json.loads(base64.urlsafe_b64decode(page.encode()))
        moment = datetime.fromisoformat(at)
    except (binascii.Error, ValueError, TypeError) as error:
        raise StoreError("page is not one that an earlier answer gave: start without it") from error
    if moment.tzinfo is None or not isinstance(order_id, str):
        raise StoreError("page is not one that an earlier answer gave: start without it")
    return moment, order_id
