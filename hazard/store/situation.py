"""What the overview, the plant map and the health page read.

Each query's cost goes with the alarms that are active, or with what was raised in the period that
is asked for: never with the number of alerts that are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from sqlalchemy import Connection, Engine, case, func, select

from hazard.store.side_tables import StageHealthRow
from hazard.store.tables import AlertRow, RevisionRow
from hazard.store.views import OPEN_STATES, SUPPRESSED, UNACKNOWLEDGED
from hazard.types import AlertMessage, Health, Model, Severity, StageHealth

MOST_PLACES = 1000
"""Places that a heat map counts; a site has some hundreds at most."""


class PlaceCount(Model):
    """How many incidents were raised in an area by one camera or sensor."""

    area: str
    source: str = Field(description="camera or sensor of the leading event; may be empty")
    incidents: int
    worst: Severity


class SourceCount(Model):
    """The active alarms whose leading event came from one camera or sensor."""

    source: str
    alarms: int
    unacknowledged: int
    worst: Severity


class Situation:
    """Reads of the present, each in a transaction of its own. Safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pressing(self, limit: int) -> tuple[AlertMessage, ...]:
        """The alarms that ask for somebody first: unacknowledged, then the worst, then the newest.

        Those that are shelved or suppressed are left out.
        """
        shown = [state for state in OPEN_STATES if state not in SUPPRESSED]
        waits = case((AlertRow.state.in_(UNACKNOWLEDGED), 0), else_=1)
        query = (
            select(AlertRow.alert_id)
            .where(AlertRow.state.in_(shown))
            .order_by(waits, AlertRow.severity_rank.desc(), AlertRow.raised_at.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return _messages(connection, list(connection.execute(query).scalars()))

    def active_by_source(self) -> tuple[SourceCount, ...]:
        """Active alarms by camera or sensor; those shelved or suppressed are left out."""
        shown = [state for state in OPEN_STATES if state not in SUPPRESSED]
        waits = case((AlertRow.state.in_(UNACKNOWLEDGED), 1), else_=0)
        query = (
            select(
                RevisionRow.source,
                func.count().label("n"),
                func.sum(waits).label("waiting"),
                func.max(AlertRow.severity_rank).label("worst"),
            )
            .join(RevisionRow, RevisionRow.alert_id == AlertRow.alert_id)
            .where(AlertRow.state.in_(shown), RevisionRow.revision == 1)
            .group_by(RevisionRow.source)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            SourceCount(
                source=row.source,
                alarms=row.n,
                unacknowledged=int(row.waiting),
                worst=Severity.from_rank(row.worst),
            )
            for row in rows
        )

    def latest_of_source(
        self, source: str, since: datetime, limit: int
    ) -> tuple[AlertMessage, ...]:
        """The newest alarms since then whose leading event came from this camera or sensor."""
        query = (
            select(RevisionRow.alert_id)
            .where(RevisionRow.stored_at >= since, RevisionRow.revision == 1)
            .where(RevisionRow.source == source)
            .order_by(RevisionRow.stored_at.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return _messages(connection, list(connection.execute(query).scalars()))

    def has_alerts(self) -> bool:
        """Whether any alarm was ever raised."""
        with self._engine.connect() as connection:
            return connection.execute(select(AlertRow.alert_id).limit(1)).first() is not None

    def stage_health(self) -> dict[str, tuple[StageHealth, ...]]:
        """The last word of each stage of each node. Old ones are unknown: compare `at` with now."""
        query = select(StageHealthRow).order_by(StageHealthRow.node, StageHealthRow.stage)
        nodes: dict[str, list[StageHealth]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                stage = StageHealth(
                    stage=row.stage,
                    health=Health(row.health),
                    reason=row.reason,
                    at=row.at,
                    figures=row.figures,
                )
                nodes.setdefault(row.node, []).append(stage)
        return {node: tuple(stages) for node, stages in nodes.items()}

    def incidents_by_place(self, since: datetime, until: datetime) -> tuple[PlaceCount, ...]:
        """Incidents raised from `since` up to `until`, by area and source.

        The worst severity is that of the first revision: what was raised.
        """
        rank = case({each.value: each.rank for each in Severity}, value=RevisionRow.severity)
        query = (
            select(
                RevisionRow.area,
                RevisionRow.source,
                func.count().label("n"),
                func.max(rank).label("worst"),
            )
            .where(RevisionRow.stored_at >= since, RevisionRow.stored_at < until)
            .where(RevisionRow.revision == 1)
            .group_by(RevisionRow.area, RevisionRow.source)
            .order_by(func.count().desc())
            .limit(MOST_PLACES)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            PlaceCount(
                area=row.area,
                source=row.source,
                incidents=row.n,
                worst=Severity.from_rank(row.worst),
            )
            for row in rows
        )


def _messages(connection: Connection, ids: Sequence[str]) -> tuple[AlertMessage, ...]:
    """The alerts as they stand, in the order of `ids`; those that are gone are left out."""
    if not ids:
        return ()
    query = select(AlertRow.alert_id, AlertRow.payload).where(AlertRow.alert_id.in_(ids))
    found = {row.alert_id: row.payload for row in connection.execute(query)}
    return tuple(AlertMessage.model_validate(found[each]) for each in ids if each in found)
