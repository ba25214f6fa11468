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
import secrets
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from edge_agent.bench.machine import machine, versions
from edge_agent.broker_process import BrokerProcess
from edge_agent.drill.agent import Child
from edge_agent.drill.faults import MOMENTS, BrokerTrouble, Moment, Signals, wait_for_moment
from edge_agent.drill.line import Line
from edge_agent.drill.operator import Operator
from edge_agent.drill.people import FRAMES_EMPTY, FRAMES_INSIDE, FRAMES_PER_S, Gate
from edge_agent.drill.plant import (
    BROKER,
    REPLICA_VARIABLE,
    SECRET_VARIABLE,
    SITE,
    gate_areas,
    write_site,
)
from edge_agent.drill.replay import replay
from edge_agent.drill.replica import FEEDER, replica_address
from edge_agent.drill.subscriber import ALL
from edge_agent.drill.verdict import (
    Kept,
    judge,
    judge_replay,
    kept_in,
    late_arrivals,
    stored_revisions,
)
from edge_agent.drill.witness import Tap, Witness
from edge_agent.paths import Paths, runtime_dir

ALERTS = f"hazard/v1/{SITE}/alert/#"
PACKAGES = ("SQLAlchemy", "paho-mqtt", "pydantic", "iotcore", "psycopg")
FEEDER_DIES_EVERY = 10
"""The replica's feeder is killed beside every so-manieth kill of the core."""
SETTLE_WITHIN_S = 300.0
"""How long the end may take: resends after a reconnect, and a replica that catches up."""
QUIET_S = 1.5
"""Nothing new for so long: everything has arrived."""
PATIENCE_S = 12.0
"""A hole that is still there after so long without news (resends come after 5 s) stays."""
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
    secret = secrets.token_hex(32)
    try:
        with replica_address(postgres) as replica, _exported(secret, replica):
            plan = _Plan(folder, kills, seed, replica, secret)
            report = asyncio.run(_Drill(paths, plan, say).run())
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
    return bool(report["lost"] == 0)


@contextlib.contextmanager
def _exported(secret: str, replica: str | None) -> Iterator[None]:
    """The secrets where the site file looks for them."""
    os.environ[SECRET_VARIABLE] = secret
    if replica is not None:
        os.environ[REPLICA_VARIABLE] = replica
    try:
        yield
    finally:
        del os.environ[SECRET_VARIABLE]
        os.environ.pop(REPLICA_VARIABLE, None)


@dataclass(frozen=True, slots=True)
class _Plan:
    folder: Path
    kills: int
    seed: int
    replica: str | None
    secret: str


class _Drill:
    def __init__(self, paths: Paths, plan: _Plan, say: Say) -> None:
        self._paths, self._plan, self._say = paths, plan, say
        self._chance = random.Random(plan.seed)  # noqa: S311 - repeatable, no secret
        self._moments: Counter[Moment] = Counter()
        self._broker = BrokerProcess(plan.folder, persistence=True)
        self._core = Child("core", "edge_agent.core", paths, plan.folder / "core.log")
        self._feeder = Child("replica", FEEDER, paths, plan.folder / "replica.log")
        numbers = itertools.count(1)
        stagger = (FRAMES_INSIDE + FRAMES_EMPTY) / len(gate_areas())
        self._gates = [
            Gate(name, area, numbers, int(place * stagger))
            for place, (name, area) in enumerate(gate_areas().items())
        ]

    async def run(self) -> dict[str, Any]:
        replica = self._plan.replica is not None
        self._paths.create()
        write_site(self._paths.site_file, self._broker.port, replica=replica)
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._broker)
            port = self._broker.port
            witness = stack.enter_context(Witness(port, ALERTS, "hazard-drill-witness"))
            stack.callback(self._core.kill)
            stack.callback(self._feeder.kill)
            signals = Signals()
            line = Line(self._paths.socket, self._gates, lambda what: signals.tell(Moment(what)))
            operator = Operator(self._paths.database, self._chance)

            def heard(_topic: str, body: bytes) -> None:
                signals.tell(Moment.PUBLISHED)
                operator.hear(body)

            tap = Tap(port, ALERTS, heard)
            stack.callback(tap.close)
            feeding = [
                asyncio.create_task(each)
                for each in (line.look_for_ever(), line.talk_for_ever(), operator.work_for_ever())
            ]
            trouble = BrokerTrouble(self._broker, self._chance, self._say)
            try:
                await self._kill_again_and_again(signals, trouble)
                for task in feeding:
                    if task.done():
                        task.result()  # a driver that fails is no drill
                feeding[-1].cancel()  # nobody asks for anything more
                asked = await self._settle(line, witness)
                late = stack.enter_context(Witness(port, ALERTS, "hazard-drill-latecomer"))
                await asyncio.to_thread(replay, late, self._plan.secret)
            finally:
                for task in feeding:
                    task.cancel()
                await asyncio.gather(*feeding, return_exceptions=True)
            await asyncio.to_thread(self._core.stop)
            received = await asyncio.to_thread(self._received, witness)
            replayed = await asyncio.to_thread(self._received, late)
            truth = await asyncio.to_thread(kept_in, self._paths.database, BROKER)
            copied = await self._copied(truth) if replica else None
            await asyncio.to_thread(self._feeder.stop)
        verdict = judge(line.entered, truth, received, copied)
        judge_replay(verdict, truth, replayed)
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
            "replays_asked_for": asked,
            "replayed": len(replayed["revisions"]),
            "requests": operator.requests,
            "seed": self._plan.seed,
            "broker": self._broker.kind,
            "replica": "postgresql" if replica else "none",
            "seconds": round(time.monotonic() - began, 1),
            "why": verdict.why,
            "machine": machine(),
            "versions": versions(PACKAGES) | {self._broker.kind: self._broker.version},
        }

    @staticmethod
    def _received(witness: Witness) -> dict[str, Any]:
        return witness.ask("report", ALL)

    async def _kill_again_and_again(self, signals: Signals, trouble: BrokerTrouble) -> None:
        if self._plan.replica is not None:
            self._feeder.start()
        troubles = asyncio.create_task(trouble.make_for_ever())
        wipe_at = self._plan.kills // 2
        try:
            for number in range(self._plan.kills):
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
                if self._plan.replica is not None and number % FEEDER_DIES_EVERY == 0:
                    self._feeder.kill()
                    self._feeder.start()
                if troubles.done():
                    troubles.result()
                self._say(f"kill {number + 1} of {self._plan.kills}: {moment.value}")
        finally:
            troubles.cancel()
            await asyncio.gather(troubles, return_exceptions=True)

    async def _settle(self, line: Line, witness: Witness) -> int:
        """Let everybody leave and everything arrive; gives how often the subscriber had to ask.

        What a broker has lost comes again by itself soon after a reconnect. Where a hole stays,
        the subscriber does what the contract tells it: it asks for a replay.
        """
        for gate in self._gates:
            gate.closed = True
        self._core.start()
        await asyncio.sleep((FRAMES_INSIDE + 2 * FRAMES_EMPTY) / FRAMES_PER_S)
        deadline = time.monotonic() + SETTLE_WITHIN_S
        asked, progress, since = 0, (-1, -1), time.monotonic()
        while time.monotonic() < deadline:
            self._core.require_alive()
            await asyncio.sleep(LOOK_S)
            stored = await asyncio.to_thread(stored_revisions, self._paths.database)
            count = (await asyncio.to_thread(witness.ask, "count", ALL))["count"]
            if (stored, count) != progress:
                progress, since = (stored, count), time.monotonic()
                continue
            still_s = time.monotonic() - since
            caught_up = line.waiting < len(self._gates) * FRAMES_PER_S
            if caught_up and count >= stored and still_s > QUIET_S:
                break
            if count < stored and still_s > PATIENCE_S:
                self._say(f"{stored - count} revisions are missing: the subscriber asks for them")
                asked += await asyncio.to_thread(replay, witness, self._plan.secret)
                since = time.monotonic()
        return asked

    async def _copied(self, truth: Kept) -> Kept:
        """What the replica holds once it holds everything, or in the end."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while True:
            self._feeder.require_alive()
            try:
                kept = await asyncio.to_thread(kept_in, str(self._plan.replica), BROKER)
            except DBAPIError:
                kept = None  # the feeder has not made its tables yet
            if kept is not None and truth.sequences.keys() <= kept.sequences.keys():
                return kept
            if time.monotonic() > deadline:
                return kept or Kept({}, {}, None)
            await asyncio.sleep(LOOK_S)
