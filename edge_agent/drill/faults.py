"""What a drill does to the agent and to the broker, and when."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from edge_agent.broker_process import BrokerProcess
from edge_agent.drill.agent import CommitWatch
from edge_agent.paths import Paths

START_WITHIN_S = 60.0
LONGEST_LIFE_S = 1.5
"""A kill at a random time comes within so long after the core listens."""
SHORTEST_START_S, LONGEST_START_S = 0.3, 1.8
"""A core that starts is killed between these, about while it opens its store and resumes."""
SIGNAL_WITHIN_S = 4.0
"""A boundary that does not come within this (the broker is away, say) is not waited for."""
LONGEST_SLIP_S = 0.012
"""After a signal the kill comes up to so much later: a commit and a publish take less."""
LOOK_S = 0.0005
TROUBLE_EVERY_S = (2.0, 7.0)
LONGEST_ABSENCE_S = 2.5


class Moment(StrEnum):
    """When the agent is killed."""

    RANDOM = "random"
    STARTING = "starting"
    ENTERED = "entered"
    COMMITTED = "committed"
    PUBLISHED = "published"
    ACKNOWLEDGED = "acknowledged"


MOMENTS = (
    Moment.RANDOM,
    Moment.ENTERED,
    Moment.COMMITTED,
    Moment.PUBLISHED,
    Moment.ACKNOWLEDGED,
    Moment.STARTING,
)


class Signals:
    """What has just happened, as far as it can be seen from outside the core."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events = {moment: asyncio.Event() for moment in Moment}

    def tell(self, moment: Moment) -> None:
        """It has happened; may be called by any thread."""
        self._loop.call_soon_threadsafe(self._events[moment].set)

    async def next(self, moment: Moment) -> None:
        """Wait until it happens again, for a while at most."""
        event = self._events[moment]
        event.clear()
        try:
            await asyncio.wait_for(event.wait(), SIGNAL_WITHIN_S)
        except TimeoutError:
            return


async def wait_for_moment(
    moment: Moment, paths: Paths, signals: Signals, chance: random.Random, alive: Callable[[], None]
) -> None:
    """Return when the agent, which has just been started, is to be killed."""
    if moment is Moment.STARTING:
        await asyncio.sleep(chance.uniform(SHORTEST_START_S, LONGEST_START_S))
        return
    deadline = time.monotonic() + START_WITHIN_S
    while not paths.socket.exists():
        alive()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the core does not listen after {START_WITHIN_S:.0f} s")
        await asyncio.sleep(0.01)
    if moment is Moment.RANDOM:
        await asyncio.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
    elif moment is Moment.COMMITTED:
        await _commit(paths)
    else:
        await signals.next(moment)
    if moment is not Moment.RANDOM and chance.random() < 0.5:  # noqa: PLR2004 - half at once
        await asyncio.sleep(chance.uniform(0.0, LONGEST_SLIP_S))


async def _commit(paths: Paths) -> None:
    watch = CommitWatch(paths.database)
    deadline = time.monotonic() + SIGNAL_WITHIN_S
    while not watch.changed() and time.monotonic() < deadline:  # noqa: ASYNC110 - a file
        await asyncio.sleep(LOOK_S)


class BrokerTrouble:
    """Stops, kills and once wipes the broker, at random times."""

    def __init__(
        self, broker: BrokerProcess, chance: random.Random, say: Callable[[str], None]
    ) -> None:
        self._broker, self._chance, self._say = broker, chance, say
        self._busy = asyncio.Lock()
        self.counts: Counter[str] = Counter()

    async def make_for_ever(self) -> None:
        """Trouble after trouble, with pauses."""
        while True:
            await asyncio.sleep(self._chance.uniform(*TROUBLE_EVERY_S))
            await self.make(self._chance.choice(("stop", "kill")))

    async def make(self, kind: str) -> None:
        """One stop, kill or wipe; the broker is back at the end, also if this is cancelled."""
        async with self._busy:
            self._say(f"broker: {kind}")
            self.counts[kind] += 1
            await asyncio.to_thread(self._broker.stop if kind == "stop" else self._broker.kill)
            if kind == "wipe":
                self._broker.wipe()
            try:
                await asyncio.sleep(self._chance.uniform(0.0, LONGEST_ABSENCE_S))
            finally:
                self._broker.start()
