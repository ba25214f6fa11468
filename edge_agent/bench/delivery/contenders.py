"""One contender in a process of its own: job on standard input, figures on standard output.

`product`: the store, the store's thread with its group commit, and the publisher, put together and
tuned as the agent core does it. `paho`: a bare publish loop at QoS 1 with 20 messages under way.
`orm`: alert, revision, outbox and audit row in one ORM transaction per incident.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy.orm import Session

from edge_agent.bench.delivery.fill import fill
from edge_agent.bench.delivery.rows import four_rows
from edge_agent.bench.delivery.scene import (
    BROKER,
    FirstRevision,
    bench_site,
    first_revision,
    numbered,
)
from edge_agent.core.__main__ import GC_THRESHOLDS, SWITCH_INTERVAL_S
from edge_agent.core.store_thread import StoreThread
from edge_agent.process import die_with_parent
from edge_agent.publish.publisher import Publisher
from edge_agent.publish.topics import outbox_messages
from hazard.logs import configure_logging
from hazard.store import Store
from hazard.store.engine import make_engine, store_url
from hazard.store.operations import SaveIncident
from hazard.store.tables import AlertRow, AuditRow, OutboxRow, RevisionRow
from hazard.types import AlertMessage, Health, StageHealth

WINDOW = 20
"""Messages without PUBACK in the paho floor; the product's own window is the same."""
COMMITS_WAITING = 256
"""The bounded queue before the store; with it full the driver waits."""
HANDED_BEHIND = 2000
"""Messages that wait for the broker at most before the driver waits."""
SETTLE_S = 3.5
"""After its connection the relay looks through retained states: done before anything is timed."""
DRAIN_WITHIN_S = 60.0

Figures = dict[str, Any]


# ---------------------------------------------------------------- the product


def product(job: dict[str, Any]) -> Figures:
    """Incidents as fast as the store and the broker take them, then at a moderate rate."""
    return asyncio.run(_Product(job).run())


class _Product:
    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._site = bench_site(job["port"])
        database = Path(job["database"])
        self._store = Store.open(
            database,
            node=self._site.site.node,
            commit_timeout_ms=self._site.store.commit_timeout_ms,
            journal=database.with_suffix(".journal"),
            render=outbox_messages,
        )
        self._publisher = Publisher(self._store, self._site)
        self._stored = 0
        self._journaled = 0
        self._room = asyncio.Event()

    def _took(self, message: AlertMessage) -> None:
        self._stored += 1
        self._journaled += message.durability != "store"
        self._room.set()

    async def run(self) -> Figures:
        job = self._job
        first = first_revision(self._site, datetime.now(UTC))
        thread = StoreThread(self._store, committed=self._publisher.wake, stored=self._took)
        publisher = self._publisher
        publisher.set_watch({})
        publisher.start()
        publisher.set_stages([StageHealth(stage="core", health=Health.READY, at=datetime.now(UTC))])
        await asyncio.sleep(SETTLE_S)
        reports = asyncio.create_task(self._report())
        try:
            throughput = await self._throughput(thread, first, job["incidents"])
            latency = await self._moderate(thread, first, job["rate_per_s"], job["latency_s"])
        finally:
            reports.cancel()
            await thread.stop()
            await asyncio.to_thread(publisher.stop, 2.0)
            self._store.close()
        return throughput | latency | {"journaled": self._journaled}

    async def _report(self) -> None:
        """The health of the store and of the brokers, every second, as the core's upkeep asks."""
        while True:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(self._publisher.health)

    async def _throughput(
        self, thread: StoreThread, first: FirstRevision, incidents: int
    ) -> Figures:
        now = datetime.now(UTC)
        ready = [numbered(first, f"fast-{n}", now).operations() for n in range(incidents)]
        counters = self._publisher.counters
        before, base = counters()[BROKER].acked, self._stored
        began, cpu = time.time(), time.process_time()
        for done, operations in enumerate(ready):
            while thread.waiting >= COMMITS_WAITING or self._behind(done, before):
                self._room.clear()
                try:
                    await asyncio.wait_for(self._room.wait(), 0.01)
                except TimeoutError:
                    continue
            thread.commit(operations)
            if done % 32 == 0:
                await asyncio.sleep(0)
        await _until(lambda: self._stored - base >= incidents)
        stored_s = time.time() - began
        await _until(lambda: counters()[BROKER].acked - before >= 2 * incidents)
        return {
            "began_s": began,
            "stored_per_s": incidents / stored_s,
            "handed_over_per_s": incidents / (time.time() - began),
            "cpu_ms_per_incident": (time.process_time() - cpu) / incidents * 1000,
        }

    def _behind(self, submitted: int, before: int) -> bool:
        acked = self._publisher.counters()[BROKER].acked - before
        return 2 * submitted - acked > HANDED_BEHIND

    async def _moderate(
        self, thread: StoreThread, first: FirstRevision, rate_per_s: float, seconds: float
    ) -> Figures:
        wanted = int(rate_per_s * seconds)
        base, began = self._stored, time.monotonic()
        for n in range(wanted):
            await asyncio.sleep(max(0.0, began + n / rate_per_s - time.monotonic()))
            thread.commit(numbered(first, f"slow-{n}", datetime.now(UTC)).operations())
        await _until(lambda: self._stored - base >= wanted)
        return {"moderate": wanted}


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DRAIN_WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the queue was not empty within {DRAIN_WITHIN_S:.0f} s")
        await asyncio.sleep(0.005)


# ---------------------------------------------------------------- the floors


def paho(job: dict[str, Any]) -> Figures:
    """The same body, published at QoS 1 to a topic that nobody reads."""
    first = first_revision(bench_site(job["port"]), datetime.now(UTC))
    body = first.message.model_dump_json()
    room, acked, connected = threading.Semaphore(WINDOW), threading.Event(), threading.Event()
    wanted, taken = job["messages"], 0

    def published(*_: Any) -> None:
        nonlocal taken
        taken += 1
        room.release()
        if taken >= wanted:
            acked.set()

    client = Client(CallbackAPIVersion.VERSION2, "bench-floor", protocol=MQTTv5)
    client.max_inflight_messages_set(WINDOW)
    client.on_connect = lambda *_: connected.set()
    client.on_publish = published
    client.connect("127.0.0.1", job["port"])
    client.loop_start()
    if not connected.wait(DRAIN_WITHIN_S):
        raise TimeoutError("the broker did not answer")
    began = time.perf_counter()
    for n in range(wanted):
        room.acquire()
        client.publish(f"floor/{n % 100}", body, qos=1)
    if not acked.wait(DRAIN_WITHIN_S):
        raise TimeoutError("the broker did not take every message")
    took_s = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return {"messages_per_s": wanted / took_s}


def orm(job: dict[str, Any]) -> Figures:
    """Alert, revision, outbox and audit row in one ORM transaction per incident, WAL and FULL.

    JSON texts and hashes are made before the clock starts: timed are the ORM and the disk alone.
    """
    site = bench_site(job["port"])
    now = datetime.now(UTC)
    first = first_revision(site, now)
    with Store.open(job["database"], node=site.site.node) as store:
        last = int(str(store.health().figures["sequence"]))
        ready = [numbered(first, f"floor-{n}", now) for n in range(job["incidents"])]
        with store.unit() as unit:  # what the alerts refer to
            unit.add(*(SaveIncident(incident=each.incident) for each in ready))
            unit.commit()
    rows = four_rows(ready, last)
    engine = make_engine(store_url(job["database"]), busy_ms=5000, sync="FULL")
    began = time.perf_counter()
    with Session(engine.execution_options(writer=True), expire_on_commit=False) as session:
        for alert, revision, outbox, audit in rows:
            session.add_all(
                (AlertRow(**alert), RevisionRow(**revision), OutboxRow(**outbox), AuditRow(**audit))
            )
            session.commit()
    took_s = time.perf_counter() - began
    engine.dispose()
    return {"incidents_per_s": len(rows) / took_s}


def history(job: dict[str, Any]) -> Figures:
    """No contender: makes the store that the others begin with."""
    fill(Path(job["database"]), job["alerts"])
    return {}


CONTENDERS: dict[str, Callable[[dict[str, Any]], Figures]] = {
    "product": product,
    "paho": paho,
    "orm": orm,
    "history": history,
}


def main() -> int:
    """Run the job on standard input, with the settings of the core's process."""
    die_with_parent()
    job = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    configure_logging("bench")
    figures = CONTENDERS[job["contender"]](job)
    os.write(out, (json.dumps(figures) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
