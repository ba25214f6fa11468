"""`hazard drill crash`: numbered incidents while agent and broker are killed at random.

A driver feeds people who walk into restricted zones to a real agent core; the core is killed with
SIGKILL again and again, at random times and at the boundaries of commit and publish; the broker is
stopped, killed and once loses its data folder. Then the node's database, an independent subscriber
and the replica are compared with what was fed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.bench.machine import machine, versions
from edge_agent.broker_process import BrokerProcess
from edge_agent.drill.agent import Child
from edge_agent.drill.faults import MOMENTS, BrokerTrouble, Moment, Signals, wait_for_moment
from edge_agent.drill.line import Line
from edge_agent.drill.operator import Operator
from edge_agent.drill.people import FRAMES_EMPTY, FRAMES_INSIDE, FRAMES_PER_S, Gate
from edge_agent.drill.plant import BROKER, REPLICA_VARIABLE, SITE, gate_areas, write_site
from edge_agent.drill.replica import FEEDER, replica_address
from edge_agent.drill.verdict import Kept, judge, kept_in, late_arrivals
from edge_agent.drill.witness import Tap, Witness
from edge_agent.paths import Paths, runtime_dir

ALERTS = f"hazard/v1/{SITE}/alert/#"
PACKAGES = ("SQLAlchemy", "paho-mqtt", "pydantic", "iotcore", "psycopg")
FEEDER_DIES_EVERY = 10
"""The replica's feeder is killed beside every so-manieth kill of the core."""
SETTLE_WITHIN_S = 300.0
"""How long the end may take: resends after a reconnect, and a replica that catches up."""
LOOK_S = 0.5

Say = Callable[[str], None]


def run_crash_drill(
    json_file: Path | None, *, kills: int, seed: int | None, postgres: str | None, say: Say
) -> bool:
    """Run the drill, print the judgement, write the JSON; True if nothing was lost.

    Raises:
        HazardError: if the drill itself cannot go on (no broker, a core that ends by itself).
    """
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    say(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="hazard-drill-"))
    run_dir = runtime_dir(uuid.uuid4().hex[:8])
    paths = Paths(folder / "site.yaml", folder / "data", run_dir, folder / "models")
    try:
        with replica_address(postgres) as replica, _exported(replica):
            report = asyncio.run(_Drill(paths, folder, kills, seed, replica, say).run())
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name in ("kills", "incidents", "revisions", "lost", "duplicates_visible"):
        say(f"{name:20s} {report[name]:8d}")
    for line in report["why"]:
        say(line)
    if report["why"]:
        say(f"everything was left in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return report["lost"] == 0


@contextlib.contextmanager
def _exported(address: str | None) -> Iterator[None]:
    """The replica's address where the site file looks for it."""
    if address is not None:
        os.environ[REPLICA_VARIABLE] = address
    try:
        yield
    finally:
        os.environ.pop(REPLICA_VARIABLE, None)


class _Drill:
    def __init__(
        self, paths: Paths, folder: Path, kills: int, seed: int, replica: str | None, say: Say
    ) -> None:
        self._paths, self._kills, self._seed, self._say = paths, kills, seed, say
        self._replica = replica
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._moments: Counter[Moment] = Counter()
        self._broker = BrokerProcess(folder, persistence=True)
        self._core = Child("core", "edge_agent.core", paths, folder / "core.log")
        self._feeder = Child("replica", FEEDER, paths, folder / "replica.log")
        numbers = itertools.count(1)
        stagger = (FRAMES_INSIDE + FRAMES_EMPTY) / len(gate_areas())
        self._gates = [
            Gate(name, area, numbers, int(place * stagger))
            for place, (name, area) in enumerate(gate_areas().items())
        ]

    async def run(self) -> dict[str, Any]:
        self._paths.create()
        write_site(self._paths.site_file, self._broker.port, replica=self._replica is not None)
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._broker)
            witness = stack.enter_context(Witness(self._broker.port, ALERTS))
            stack.callback(self._core.kill)
            stack.callback(self._feeder.kill)
            signals = Signals()
            line = Line(self._paths.socket, self._gates, lambda what: signals.tell(Moment(what)))
            operator = Operator(self._paths.database, self._chance)

            def heard(_topic: str, body: bytes) -> None:
                signals.tell(Moment.PUBLISHED)
                operator.hear(body)

            tap = Tap(self._broker.port, ALERTS, heard)
            stack.callback(tap.close)
            tasks = [
                asyncio.create_task(each)
                for each in (line.look_for_ever(), line.talk_for_ever(), operator.work_for_ever())
            ]
            trouble = BrokerTrouble(self._broker, self._chance, self._say)
            try:
                await self._kill_again_and_again(signals, trouble)
                received = await self._settle(line, witness, tasks[-1])
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._core.stop)
            await asyncio.to_thread(self._feeder.stop)
            truth = await asyncio.to_thread(kept_in, self._paths.database, BROKER)
            replica = await self._kept_in_replica()
        verdict = judge(line.entered, truth, received, replica)
        return {
            "at": datetime.now(UTC).isoformat(),
            "kills": sum(self._moments.values()),
            "kill_moments": {moment.value: count for moment, count in self._moments.items()},
            "broker_kills": trouble.counts["kill"] + trouble.counts["wipe"],
            "broker_stops": trouble.counts["stop"],
            "wipes": trouble.counts["wipe"],
            "incidents": len(line.entered),
            "revisions": len(truth.sequences),
            "lost": verdict.lost,
            "duplicates_visible": verdict.duplicates_visible,
            "repeats": received["repeats"],
            "late_arrivals": late_arrivals(received),
            "sessions_lost": received["sessions_lost"],
            "requests": operator.requests,
            "seed": self._seed,
            "broker": self._broker.kind,
            "replica": "postgresql" if self._replica is not None else "none",
            "seconds": round(time.monotonic() - began, 1),
            "why": verdict.why,
            "machine": machine(),
            "versions": versions(PACKAGES) | {self._broker.kind: self._broker.version},
        }

    async def _kill_again_and_again(self, signals: Signals, trouble: BrokerTrouble) -> None:
        if self._replica is not None:
            self._feeder.start()
        troubles = asyncio.create_task(trouble.make_for_ever())
        wipe_at = self._kills // 2
        try:
            for number in range(self._kills):
                # Each moment comes up in every six kills, in an order of its own.
                if number % len(MOMENTS) == 0:
                    order = self._chance.sample(MOMENTS, len(MOMENTS))
                moment = order[number % len(MOMENTS)]
                self._core.start()
                if number == wipe_at:
                    wiping = asyncio.create_task(trouble.make("wipe"))
                await wait_for_moment(
                    moment, self._paths, signals, self._chance, self._core.require_alive
                )
                self._core.kill()
                self._moments[moment] += 1
                if number == wipe_at:
                    await wiping
                if self._replica is not None and number % FEEDER_DIES_EVERY == 0:
                    self._feeder.kill()
                    self._feeder.start()
                if troubles.done():
                    troubles.result()
                self._say(f"kill {number + 1} of {self._kills}: {moment.value}")
        finally:
            troubles.cancel()
            await asyncio.gather(troubles, return_exceptions=True)

    async def _settle(
        self, line: Line, witness: Witness, operator: asyncio.Task[None]
    ) -> dict[str, Any]:
        """Let everybody leave and everything arrive; what the subscriber has in the end."""
        operator.cancel()
        for gate in self._gates:
            gate.closed = True
        self._core.start()
        await asyncio.sleep((FRAMES_INSIDE + 2 * FRAMES_EMPTY) / FRAMES_PER_S)
        deadline = time.monotonic() + SETTLE_WITHIN_S
        before = (-1, -1)
        while time.monotonic() < deadline:
            self._core.require_alive()
            await asyncio.sleep(LOOK_S)
            if line.waiting > len(self._gates) * FRAMES_PER_S:
                continue
            stored, highest = await asyncio.to_thread(self._stored)
            received = await asyncio.to_thread(witness.ask, "count", "*")
            if received["count"] >= stored and (stored, highest) == before:
                break
            before = (stored, highest)
        return await asyncio.to_thread(witness.ask, "report", "*")

    def _stored(self) -> tuple[int, int]:
        """How many revisions the database holds now, and their highest sequence."""
        kept = kept_in(self._paths.database, BROKER)
        return len(kept.sequences), max(kept.sequences.values(), default=0)

    async def _kept_in_replica(self) -> Kept | None:
        """What the replica holds; the feeder was stopped cleanly after it had time to catch up."""
        if self._replica is None:
            return None
        return await asyncio.to_thread(kept_in, self._replica, BROKER)
