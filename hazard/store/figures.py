"""Counts of a period for the figures, aggregated in the database over one index each.

`ix_alert_figures` and `ix_revision_asked` hold all that is asked for: no payload is touched. What a
question costs grows with the alarms of its period and with nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, case, func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from hazard.alarms.flood import FLOOD_KIND
from hazard.figures import (
    Cell,
    Decided,
    PlantFigures,
    Raw,
    Slot,
    Waited,
    figures,
    shifts_of,
    slots,
)
from hazard.site.models import Site
from hazard.site.positions import positions
from hazard.store.alarm_load import alarm_report
from hazard.store.performance import recorded_since
from hazard.store.tables import AlertRow, RevisionRow

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

_STORED = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLite keeps a time as text."""

_CELLS = """
SELECT b.{key} AS slot, a.area, a.hazard, a.severity_rank, a.closed_cause, count(*) AS alarms
FROM {slots} {join} alert AS a ON a.raised_at >= {start} AND a.raised_at < {end}
WHERE a.hazard <> :flood {where}
GROUP BY b.{key}, a.area, a.hazard, a.severity_rank, a.closed_cause
"""


class Figures:
    """Reads the figures of a period, in one look at the database. Safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(
        self,
        site: Site,
        began_at: datetime,
        ended_at: datetime,
        *,
        area: str | None = None,
        hazard: str | None = None,
    ) -> PlantFigures:
        """All figures of a period, of one area or one hazard kind where they are named.

        Raises:
            ValueError: if the period is empty.
            SQLAlchemyError: if the database cannot be read.
        """
        if ended_at <= began_at:
            raise ValueError(f"the period ends at {ended_at}, not after its beginning {began_at}")
        shifts = shifts_of(site)
        cut = slots(shifts, site.site.timezone, began_at, ended_at)
        watched = {
            name: areas for name, areas in positions(site).items() if area is None or area in areas
        }
        with self._engine.connect() as connection:
            raw = read_counts(connection, cut, began_at, ended_at, area=area, hazard=hazard)
            first = raw.recorded_since
            load = None
            if first is not None and first < ended_at:
                load = alarm_report(connection, max(first, began_at), ended_at, watched)
        return figures(
            raw,
            began_at=began_at,
            ended_at=ended_at,
            slots=cut,
            shifts=tuple(shifts),
            shifts_assumed=not site.alarms.shifts,
            area=area,
            hazard=hazard,
            performance=load,
        )

    def recorded_since(self) -> datetime | None:
        """Time of the first line that the database holds; None if it is empty.

        Raises:
            SQLAlchemyError: if the database cannot be read.
        """
        with self._engine.connect() as connection:
            return recorded_since(connection)

    def newest_sequence(self) -> int:
        """Number of the newest revision, 0 without any.

        Raises:
            SQLAlchemyError: if the database cannot be read.
        """
        with self._engine.connect() as connection:
            return newest_sequence(connection)


def read_counts(
    connection: Connection,
    cut: Sequence[Slot],
    began_at: datetime,
    ended_at: datetime,
    *,
    area: str | None,
    hazard: str | None,
) -> Raw:
    """The bare counts of alarms that were raised in the period."""
    where: list[ColumnElement[bool]] = [
        AlertRow.raised_at >= began_at,
        AlertRow.raised_at < ended_at,
        AlertRow.hazard != FLOOD_KIND,
    ]
    # As expressions, or the planner takes an index of the lists and reads the table for the rest.
    if area is not None:
        where.append(AlertRow.area.concat("") == area)
    if hazard is not None:
        where.append(AlertRow.hazard.concat("") == hazard)
    rank = AlertRow.severity_rank
    return Raw(
        recorded_since=recorded_since(connection),
        sequence=newest_sequence(connection),
        cells=_cells(connection, cut, area, hazard),
        acknowledged=_waited(connection, AlertRow.acknowledged_s, where),
        returned=_waited(connection, AlertRow.returned_s, where),
        closed=_waited(connection, AlertRow.closed_s, where),
        decided=[
            Decided(*row)
            for row in connection.execute(
                _counted(
                    AlertRow.hazard,
                    AlertRow.default_rank,
                    rank,
                    AlertRow.opinion_rank,
                    AlertRow.failure,
                    AlertRow.decided_by,
                ).where(*where, AlertRow.opinion_rank.is_not(None) | AlertRow.failure.is_not(None))
            )
        ],
        answered_ms=[
            (row[0], row[1])
            for row in connection.execute(
                _counted(AlertRow.decided_ms).where(*where, AlertRow.decided_ms.is_not(None))
            )
        ],
    )


def newest_sequence(connection: Connection) -> int:
    """Number of the newest revision, 0 without any."""
    return int(
        connection.execute(select(func.coalesce(func.max(RevisionRow.sequence), 0))).scalar_one()
    )


def _counted(*columns: InstrumentedAttribute[Any]) -> Select[Any]:
    return select(*columns, func.count()).group_by(*columns)


def _waited(
    connection: Connection,
    seconds: InstrumentedAttribute[int | None],
    where: Sequence[ColumnElement[bool]],
) -> list[Waited]:
    """How often something took how long: whole minutes from an hour on, whole hours from a day on.

    So there are some thousands of different values at most, however many alarms there are.
    """
    told = case(
        (seconds < HOUR_S, seconds),
        (seconds < DAY_S, seconds - seconds % MINUTE_S),
        else_=seconds - seconds % HOUR_S,
    )
    query = select(AlertRow.severity_rank, told, func.count()).where(*where)
    rows = connection.execute(query.group_by(AlertRow.severity_rank, told))
    return [Waited(*row) for row in rows]


def _cells(
    connection: Connection, cut: Sequence[Slot], area: str | None, hazard: str | None
) -> list[Cell]:
    values: dict[str, Any] = {"flood": FLOOD_KIND}
    where = ""
    for name, value in (("area", area), ("hazard", hazard)):
        if value is not None:
            where += f" AND a.{name} || '' = :{name}"
            values[name] = value
    if connection.dialect.name == "sqlite":
        # The slots are the outer loop: each is one range of the index.
        query = _CELLS.format(
            key="key",
            slots="json_each(:slots) AS b",
            join="CROSS JOIN",
            start="json_extract(b.value, '$[0]')",
            end="json_extract(b.value, '$[1]')",
            where=where,
        )
        values["slots"] = json.dumps([[_text(s.starts_at), _text(s.ends_at)] for s in cut])
    else:
        query = _CELLS.format(
            key="number",
            slots="unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) "
            "WITH ORDINALITY AS b(starts_at, ends_at, number)",
            join="JOIN",
            start="b.starts_at",
            end="b.ends_at",
            where=where,
        )
        values["starts"] = [slot.starts_at for slot in cut]
        values["ends"] = [slot.ends_at for slot in cut]
    first = 0 if connection.dialect.name == "sqlite" else 1
    rows = connection.execute(text(query), values)
    return [Cell(row[0] - first, *row[1:]) for row in rows]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_STORED)
