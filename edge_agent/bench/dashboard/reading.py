"""How long the pages take at each size, and the bare queries beside them, in turns.

Every round asks each size for each page once, in an order of chance: what else the machine does
meets all sizes alike.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from edge_agent.bench.dashboard.lives import AREAS
from edge_agent.bench.dashboard.served import Served
from hazard.store.engine import make_engine, store_url
from hazard.store.queries import ENDED
from hazard.store.tables import AlertRow, AssessmentRow, IncidentRow, RevisionRow

PAGES = ("list", "incident", "overview")
LISTED = 50
PICKED = 400
"""Alerts whose pages are asked for, picked by chance over the whole history."""
BUSY_MS = 10_000


class Subject:
    """One filled database with its dashboard."""

    def __init__(self, served: Served, database: str, alerts: int) -> None:
        self.served, self.database, self.alerts = served, database, alerts
        self._engine: Engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="NORMAL")
        with self._engine.connect() as connection:
            self.ids = _pick(connection, alerts)

    def close(self) -> None:
        """Close the bare connections."""
        self._engine.dispose()

    def page(self, name: str, path: str) -> float:
        """Milliseconds of a page."""
        return self.served.time_ms(path if name != "incident" else f"/alerts/{path}")

    def bare(self, name: str, path: str) -> float:
        """Milliseconds of what the page cannot do without, asked of the database alone."""
        began_s = time.perf_counter()
        with self._engine.connect() as connection:
            BARE[name](connection, path)
        return (time.perf_counter() - began_s) * 1000


def _pick(connection: Connection, alerts: int) -> list[str]:
    """Ids over the whole history: those next to evenly spread times."""
    first, last = connection.execute(
        select(func.min(AlertRow.raised_at), func.max(AlertRow.raised_at))
    ).one()
    found = []
    wanted = min(PICKED, alerts)
    for number in range(wanted):
        at = first + (last - first) * (number / wanted)
        query = select(AlertRow.alert_id).where(AlertRow.raised_at >= at)
        found.append(connection.execute(query.order_by(AlertRow.raised_at).limit(1)).scalar_one())
    return found


def _bare_list(connection: Connection, _path: str) -> None:
    query = select(AlertRow.payload).order_by(AlertRow.raised_at.desc(), AlertRow.alert_id.desc())
    connection.execute(query.limit(LISTED)).all()


def _bare_incident(connection: Connection, alert_id: str) -> None:
    incident = connection.execute(
        select(AlertRow.incident_id).where(AlertRow.alert_id == alert_id)
    ).scalar_one()
    connection.execute(select(RevisionRow.payload).where(RevisionRow.alert_id == alert_id)).all()
    connection.execute(select(IncidentRow.payload).where(IncidentRow.incident_id == incident)).all()
    connection.execute(
        select(AssessmentRow.payload).where(AssessmentRow.incident_id == incident)
    ).all()


def _bare_overview(connection: Connection, _path: str) -> None:
    query = select(AlertRow.area, AlertRow.severity, AlertRow.state, func.count())
    query = query.where(AlertRow.state != ENDED)
    connection.execute(query.group_by(AlertRow.area, AlertRow.severity, AlertRow.state)).all()


BARE: Mapping[str, Callable[[Connection, str], None]] = {
    "list": _bare_list,
    "incident": _bare_incident,
    "overview": _bare_overview,
}


def paths(name: str, subject: Subject, chance: random.Random) -> str:
    """What is asked for this time: pages, filters and alerts as people look at them."""
    if name == "incident":
        return chance.choice(subject.ids)
    if name == "overview":
        return "/"
    area = chance.choice(list(AREAS))
    hazard = chance.choice(AREAS[area][1])
    return chance.choice(
        (
            "/alarms",
            f"/alarms?area={area}",
            "/alarms?state=unacknowledged",
            f"/alarms?show=all&area={area}",
            f"/alarms?show=all&hazard={hazard}",
            f"/alarms?show=all&area={area}&hazard={hazard}&severity=critical",
            "/alarms?show=all&severity=critical&sort=raised",
            "/alarms?show=all&sort=severity",
            "/alarms?show=all&q=valve",
        )
    )


def measure(subjects: Sequence[Subject], samples: int, seed: int = 1) -> list[dict[str, Any]]:
    """Figures of each subject: milliseconds of each page and of its bare query.

    Raises:
        HazardError: if a page does not answer as it should.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    pages: dict[tuple[int, str], list[float]] = {}
    bare: dict[tuple[int, str], list[float]] = {}
    for round_number in range(-WARM_ROUNDS, samples):
        for name in PAGES:
            # The same wish to each size in this round, so that their times compare.
            wish = chance.random()
            order = list(enumerate(subjects))
            chance.shuffle(order)
            for index, subject in order:
                path = paths(name, subject, random.Random(wish))  # noqa: S311 - nothing secret
                took_ms, floor_ms = subject.page(name, path), subject.bare(name, path)
                if round_number >= 0:
                    pages.setdefault((index, name), []).append(took_ms)
                    bare.setdefault((index, name), []).append(floor_ms)
    return [
        {
            "alerts": subject.alerts,
            "pages": {name: spread(pages[index, name]) for name in PAGES},
            "bare": {name: spread(bare[index, name]) for name in PAGES},
        }
        for index, subject in enumerate(subjects)
    ]


WARM_ROUNDS = 10
"""Rounds that do not count: templates are compiled and caches filled."""


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Number, p50, p99 and the largest."""
    ordered = sorted(values)
    p99 = statistics.quantiles(ordered, n=100)[98] if len(ordered) > 1 else ordered[0]
    return {
        "samples": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(min(p99, ordered[-1]), 2),
        "max_ms": round(ordered[-1], 2),
    }
