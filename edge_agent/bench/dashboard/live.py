"""From a commit to the browsers: 200 open streams and two real pages, an alert per second.

The bare loop is measured in the same run, with the same clients and the same rate.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.bench.dashboard.browsers import Browsers, browsers, missing
from edge_agent.bench.dashboard.listeners import Listeners
from edge_agent.bench.dashboard.lives import NODE, SITE, lives
from edge_agent.bench.dashboard.reading import spread
from edge_agent.bench.dashboard.served import Served, served
from hazard.alarms import raise_alarm
from hazard.store import Store

PAGES = 2
ARRIVES_WITHIN_S = 10.0
LOOK_S = 0.05
SETTLE_S = 2.0


def measure_live(
    folder: Path, database: str, *, streams: int, alerts: int, every_s: float
) -> dict[str, Any]:
    """Figures of the dashboard on this database, and of the bare loop.

    Raises:
        HazardError: if the dashboard does not start, or refuses a stream.
    """
    with served(folder, database) as dashboard:
        product = _product(dashboard, database, streams, alerts, every_s)
    return {"product": product, "bare": _bare(streams, alerts, every_s)}


def _product(
    dashboard: Served, database: str, streams: int, alerts: int, every_s: float
) -> dict[str, Any]:
    dashboard.time_ms("/alarms")  # templates are compiled
    before_kb = dashboard.memory_kb()
    listeners = Listeners(dashboard.port, streams, dashboard.cookie)
    listeners.open()
    time.sleep(SETTLE_S)
    per_stream_kb = (dashboard.memory_kb() - before_kb) / streams
    absent = missing()
    opened: contextlib.AbstractContextManager[Browsers | None] = contextlib.nullcontext()
    if not absent:
        opened = browsers(dashboard.address, dashboard.cookie, PAGES)
    try:
        with opened as pages, Store.open(database, node=NODE, commit_timeout_ms=5000) as store:
            committed = _raise_alerts(store, alerts, every_s)
            _await(lambda: _heard_by(listeners, committed), alerts * streams)
            in_pages = pages.heard() if pages is not None else []
    finally:
        listeners.close()
    to_streams = _delays(committed, listeners.heard)
    to_pages = [(at - committed[name]) * 1000 for name, at in in_pages if name in committed]
    return {
        "streams": streams,
        "alerts": alerts,
        "lost": alerts * streams - len(to_streams),
        "memory_kb_per_stream": round(per_stream_kb, 1),
        "commit_to_stream": spread(to_streams),
        "pages": 0 if absent else PAGES,
        "pages_absent": absent,
        "lost_in_pages": 0 if absent else alerts * PAGES - len(to_pages),
        "commit_to_page": spread(to_pages) if to_pages else None,
    }


def _bare(streams: int, alerts: int, every_s: float) -> dict[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent.bench.dashboard.bare_sse"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # noqa: S101 - piped above
    assert process.stdout is not None  # noqa: S101
    try:
        listeners = Listeners(int(process.stdout.readline()), streams)
        listeners.open()
        sent: dict[str, float] = {}
        try:
            for _ in range(alerts):
                name = uuid.uuid4().hex
                process.stdin.write(f'{{"ids": ["{name}"]}}\n')
                sent[name] = time.time()
                process.stdin.flush()
                time.sleep(every_s)
            _await(lambda: _heard_by(listeners, sent), alerts * streams)
        finally:
            listeners.close()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
    return {"commit_to_stream": spread(_delays(sent, listeners.heard))}


def _raise_alerts(store: Store, alerts: int, every_s: float) -> dict[str, float]:
    """Write one alert after the other, evenly; the time at which each was committed."""
    life = next(each for each in lives() if not each.over)
    committed: dict[str, float] = {}
    next_s = time.monotonic()
    for _ in range(alerts):
        name, now = uuid.uuid4().hex, datetime.now(UTC)
        message = life.steps[0].message
        alarm = raise_alarm(f"live-{name}", message.severity, (message.hazard,), now)
        incident = life.incident.model_copy(
            update={"incident_id": f"incident-{name}", "opened_at": now, "updated_at": now}
        )
        written = message.model_copy(
            update=alarm.message_fields()
            | {
                "incident_id": incident.incident_id,
                "site": SITE,
                "node": NODE,
                "times": message.times.model_copy(update={"raised": now}),
            }
        )
        with store.unit() as unit:
            unit.save_incident(incident)
            unit.write_revision(written, alarm, text="raised")
            unit.commit()
        committed[alarm.alert_id] = time.time()
        next_s += every_s
        time.sleep(max(0.0, next_s - time.monotonic()))
    return committed


def _heard_by(listeners: Listeners, sent: dict[str, float]) -> int:
    return sum(len(times) for name, times in list(listeners.heard.items()) if name in sent)


def _await(count: Callable[[], int], wanted: int) -> None:
    deadline_s = time.monotonic() + ARRIVES_WITHIN_S
    while count() < wanted and time.monotonic() < deadline_s:
        time.sleep(LOOK_S)


def _delays(sent: dict[str, float], heard: dict[str, Sequence[float]] | Any) -> list[float]:
    return [
        (at_s - sent[name]) * 1000
        for name, times in list(heard.items())
        if name in sent
        for at_s in times
    ]
