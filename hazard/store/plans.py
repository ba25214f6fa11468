"""The floor plans: pictures of the plant and what lies where on them.

The dashboard alone writes them, each change with a line in its chain of the audit.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from hazard.errors import Conflict, StoreError
from hazard.floor_plan import Places, PlanInfo
from hazard.store.audit import AuditEntry, append_audit
from hazard.store.people_tables import FloorPlanRow
from hazard.store.writer import Writer

PLANS_MOST = 20
CHAIN = "dashboard"
_INFO = (
    FloorPlanRow.plan_id,
    FloorPlanRow.name,
    FloorPlanRow.media_type,
    FloorPlanRow.width_px,
    FloorPlanRow.height_px,
    FloorPlanRow.sha256,
    FloorPlanRow.places,
    FloorPlanRow.changed_at,
    FloorPlanRow.changed_by,
)


class NoSuchPlan(StoreError):  # noqa: N818 - named for what it says
    """The plan is not there, or not any more."""


class TooManyPlans(StoreError):  # noqa: N818 - named for what it says
    """There are as many plans as there may be."""


@dataclass(frozen=True, slots=True)
class PlanPicture:
    """A picture as it is kept: checked, and encoded anew."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int

    @property
    def sha256(self) -> str:
        """Hash of the file, by which browsers may keep it."""
        return hashlib.sha256(self.data).hexdigest()


class Plans:
    """Short transactions on the floor plans. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def all(self) -> tuple[PlanInfo, ...]:
        """Every plan, by name."""
        with self._writer.engine.connect() as connection:
            rows = connection.execute(select(*_INFO).order_by(FloorPlanRow.name)).all()
        return tuple(_info(row) for row in rows)

    def get(self, plan_id: str) -> PlanInfo:
        """One plan.

        Raises:
            NoSuchPlan: (a StoreError) if there is none of that id.
        """
        with self._writer.engine.connect() as connection:
            return _one(connection, plan_id)

    def picture(self, plan_id: str) -> tuple[bytes, str, str] | None:
        """A plan's picture, its media type and its sha256."""
        query = select(FloorPlanRow.picture, FloorPlanRow.media_type, FloorPlanRow.sha256)
        with self._writer.engine.connect() as connection:
            row = connection.execute(query.where(FloorPlanRow.plan_id == plan_id)).one_or_none()
        return None if row is None else (row.picture, row.media_type, row.sha256)

    def add(self, name: str, picture: PlanPicture, actor: str, now: datetime) -> str:
        """Keep a new plan with nothing on it; gives its id.

        Raises:
            TooManyPlans: (a StoreError) if there are as many as there may be.
        """
        plan_id = uuid.uuid4().hex
        with self._writer.transaction() as connection:
            count = connection.execute(select(func.count()).select_from(FloorPlanRow)).scalar_one()
            if count >= PLANS_MOST:
                raise TooManyPlans(f"there are {count} plans, the most there may be: remove one")
            values = _picture_values(picture) | {"plan_id": plan_id, "name": name}
            values |= {"places": {}, "changed_at": now, "changed_by": actor}
            connection.execute(insert(FloorPlanRow).values(**values))
            append_audit(
                connection, CHAIN, _line(now, actor, "plan_added", plan_id, sha256=picture.sha256)
            )
        return plan_id

    def replace(
        self, plan_id: str, picture: PlanPicture, expected: datetime, actor: str, now: datetime
    ) -> None:
        """Put another picture under what was placed.

        Raises:
            Conflict: if somebody has changed the plan since `expected`.
            NoSuchPlan: (a StoreError) if there is none of that id.
        """
        with self._change(plan_id, expected) as (connection, _):
            values = _picture_values(picture) | {"changed_at": now, "changed_by": actor}
            query = update(FloorPlanRow).where(FloorPlanRow.plan_id == plan_id)
            connection.execute(query.values(**values))
            append_audit(
                connection, CHAIN, _line(now, actor, "plan_picture", plan_id, sha256=picture.sha256)
            )

    def place(
        self, plan_id: str, places: Places, expected: datetime, actor: str, now: datetime
    ) -> None:
        """Say what lies where.

        Raises:
            Conflict: if somebody has changed the plan since `expected`.
            NoSuchPlan: (a StoreError) if there is none of that id.
        """
        with self._change(plan_id, expected) as (connection, info):
            values = {"places": places.model_dump(mode="json")}
            values |= {"changed_at": now, "changed_by": actor}  # type: ignore[dict-item]
            query = update(FloorPlanRow).where(FloorPlanRow.plan_id == plan_id)
            connection.execute(query.values(**values))
            append_audit(
                connection, CHAIN, _line(now, actor, "plan_placed", plan_id, sha256=info.sha256)
            )

    def remove(self, plan_id: str, expected: datetime, actor: str, now: datetime) -> None:
        """Forget a plan.

        Raises:
            Conflict: if somebody has changed the plan since `expected`.
            NoSuchPlan: (a StoreError) if there is none of that id.
        """
        with self._change(plan_id, expected) as (connection, info):
            connection.execute(delete(FloorPlanRow).where(FloorPlanRow.plan_id == plan_id))
            append_audit(
                connection, CHAIN, _line(now, actor, "plan_removed", plan_id, sha256=info.sha256)
            )

    @contextmanager
    def _change(self, plan_id: str, expected: datetime) -> Iterator[tuple[Connection, PlanInfo]]:
        with self._writer.transaction() as connection:
            info = _one(connection, plan_id)
            if info.changed_at != expected:
                raise Conflict(
                    f"{info.changed_by} changed this plan at {info.changed_at:%H:%M:%S} UTC: "
                    "load the page again, then repeat your change"
                )
            yield connection, info


def _picture_values(picture: PlanPicture) -> dict[str, object]:
    return {
        "media_type": picture.media_type,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "sha256": picture.sha256,
        "picture": picture.data,
    }


def _one(connection: Connection, plan_id: str) -> PlanInfo:
    row = connection.execute(select(*_INFO).where(FloorPlanRow.plan_id == plan_id)).one_or_none()
    if row is None:
        raise NoSuchPlan("there is no such plan any more: load the page again")
    return _info(row)


def _info(row: Row[tuple[object, ...]]) -> PlanInfo:
    return PlanInfo.model_validate(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's public name


def _line(now: datetime, actor: str, verb: str, plan_id: str, *, sha256: str) -> AuditEntry:
    return AuditEntry(now, actor, verb, plan_id, {"sha256": sha256})
