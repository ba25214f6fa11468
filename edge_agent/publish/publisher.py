"""The publisher: a relay for each broker of the site, and what people ask of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from edge_agent.publish.annunciator import LONGEST_S
from edge_agent.publish.commands import Clerk
from edge_agent.publish.commands.replies import Answer
from edge_agent.publish.node_voice import NodeVoice
from edge_agent.publish.relay import Relay
from edge_agent.publish.replays import LONGEST
from edge_agent.publish.session import Ears
from edge_agent.publish.voice import Counters, HandedOver
from hazard.site.models import Site
from hazard.store import Store
from hazard.types import Health, RequestOutcome, RequestState, StageHealth


class Publisher:
    """Takes everything in the outbox to every broker, and is the core's `PublisherPort`.

    The core calls `wake` after each commit, `set_watch`, `set_floods` and `set_stages` when they
    change. Until
    `set_watch` was called every area is unknown: what nobody watches is never shown as clear.

    `on_change` is called by a relay's thread for each revision that a broker has taken over.
    """

    def __init__(
        self,
        store: Store,
        site: Site,
        *,
        on_change: Callable[[HandedOver], None] | None = None,
    ) -> None:
        self._store, self._on_change = store, on_change
        self._relays: dict[str, Relay] = {}
        self._lock = threading.Lock()
        self._running = False
        self._site = site
        self._voice = NodeVoice(store, site)
        self._clerk = Clerk(store, site, self._voice, send=self._answer, largest=self._largest)

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Start a relay for each broker of the site."""
        with self._lock:
            self._running = True
            self._clerk.start()
            for name in self._site.brokers():
                self._open(name)

    def _open(self, name: str) -> None:
        relay = Relay(
            name,
            self._site.brokers()[name],
            self._store,
            self._voice,
            Ears(
                handed_over=self._on_change,
                command=self._clerk.take,
                replayed=self._clerk.replayed,
            ),
        )
        self._relays[name] = relay
        relay.start()

    def wake(self) -> None:
        """There is news in the outbox: call it after each commit."""
        for relay in tuple(self._relays.values()):
            relay.wake()

    def stop(self, timeout: float = 3.0) -> None:
        """Send what is left, say that the node was stopped, disconnect; within `timeout` s."""
        with self._lock:
            self._running = False
            relays, self._relays = list(self._relays.values()), {}
        self._clerk.stop(timeout)
        _stop_all(relays, timeout)

    def reconfigure(self, site: Site) -> None:
        """Take a new site file over: relays whose broker did not change go on undisturbed."""
        with self._lock:
            before = self._site.site
            renamed = (site.site.id, site.site.node) != (before.id, before.node)
            wanted = site.brokers()
            gone = [
                relay
                for name, relay in self._relays.items()
                if renamed or wanted.get(name) != relay.broker
            ]
            for relay in gone:
                del self._relays[relay.name]
            _stop_all(gone, 2.0)
            self._site = site
            self._voice.take_over(site)
            self._clerk.site = site
            if self._running:
                for name in wanted.keys() - self._relays.keys():
                    self._open(name)
            for relay in self._relays.values():
                relay.refresh()

    # ------------------------------------------------------------ how it is

    def health(self) -> list[StageHealth]:
        """A stage `mqtt/{broker}` for each broker."""
        now = datetime.now(UTC)
        return [self._with_commands(relay.health(now)) for relay in tuple(self._relays.values())]

    def _with_commands(self, stage: StageHealth) -> StageHealth:
        """Say it where a broker's commands cannot be taken."""
        why = self._clerk.fault(stage.stage.removeprefix("mqtt/"))
        if not why or stage.health is not Health.READY:
            return stage
        return stage.model_copy(update={"health": Health.DEGRADED, "reason": why[:500]})

    def counters(self) -> dict[str, Counters]:
        """A copy of each relay's counters, for metrics."""
        return {name: replace(relay.counters) for name, relay in tuple(self._relays.items())}

    def commands(self) -> Counter[tuple[str, str, str]]:
        """How many commands came by broker, verb and outcome."""
        return self._clerk.counts()

    # ------------------------------------------------------------ what the core tells

    def set_watch(self, unwatched: Mapping[str, str]) -> None:
        """Which areas nobody watches now, and why; all others are watched."""
        if self._voice.set_watch(unwatched):
            self.wake()

    def set_floods(self, areas: Iterable[str]) -> None:
        """The areas whose operator position is in an alarm flood now."""
        if self._voice.set_floods(areas):
            self.wake()

    def set_stages(self, stages: Sequence[StageHealth]) -> None:
        """The node's stages: any that is not ready makes the node degraded, with its reason.

        News of the node or of its reasoner is sent at once, other news with the next heartbeat.
        """
        if self._voice.set_stages(stages):
            for relay in tuple(self._relays.values()):
                relay.refresh()

    # ------------------------------------------------------------ what the core asks (the port)

    def test_annunciator(self, area: str, seconds: float) -> RequestOutcome:
        """Show an area as critical, marked as a test, for so many seconds; see `PublisherPort`."""
        if area not in self._site.areas:
            known = ", ".join(self._site.areas)
            return _refused(f"no area {area[:64]!r}: known are {known}")
        if not 0 < seconds <= LONGEST_S:
            return _refused(f"a test of {seconds:g} s: want more than 0 and at most {LONGEST_S:g}")
        worst = self._voice.worst(area)
        if worst is not None:
            return _refused(f"an alarm of severity {worst.value} stands in {area}: no test now")
        ends_at = self._voice.annunciator.begin(area, seconds)
        self.wake()
        return RequestOutcome(
            state=RequestState.DONE,
            text=f"{area} is shown as critical for {seconds:g} s, marked as a test",
            values={"test_until": ends_at.isoformat()},
        )

    def replay(
        self, request_id: str, from_sequence: int, to_sequence: int | None = None
    ) -> RequestOutcome:
        """Send stored revisions again, after everything new; see `PublisherPort`."""
        newest = self._store.sequence
        last = min(newest if to_sequence is None else to_sequence, newest)
        wanted, last = last, min(last, from_sequence + LONGEST - 1)
        if from_sequence < 1 or (to_sequence is not None and to_sequence < from_sequence):
            return _refused(
                f"sequences {from_sequence} to {to_sequence}: want 1 or more, in this order"
            )
        if last >= from_sequence:
            broker = self._clerk.broker_of(request_id)
            relays = [
                relay for name, relay in tuple(self._relays.items()) if broker in (None, name)
            ]
            if not relays:
                return _refused("no broker to send them to: see `mqtt` in the site file")
            taken = [relay.replay(request_id, from_sequence, last) for relay in relays]
            if not all(taken):
                return _refused("too many replays wait: ask again when one has been answered")
            text = f"revisions with sequence {from_sequence} to {last} go out again"
        else:
            self._clerk.replayed(request_id, 0)
            text = f"there is nothing from {from_sequence} on: the newest is {newest}"
        return RequestOutcome(
            state=RequestState.DONE,
            text=text,
            values={
                "from_sequence": from_sequence,
                "to_sequence": last,
                "next_sequence": last + 1 if last < wanted else None,
            },
        )

    def snapshot(self, request_id: str) -> RequestOutcome:
        """Answer with the present state; see `PublisherPort`."""
        if self._clerk.broker_of(request_id) is None:
            return _refused("a snapshot is an answer by MQTT: ask there, and ask again if need be")
        return RequestOutcome(state=RequestState.DONE, text="the state as it is now")

    # ------------------------------------------------------------ what the clerk asks

    def _answer(self, broker: str, answer: Answer) -> None:
        relay = self._relays.get(broker)
        if relay is not None:
            relay.answer(answer)

    def _largest(self, broker: str) -> int:
        relay = self._relays.get(broker)
        return relay.largest_bytes if relay is not None else 0


def _refused(text: str) -> RequestOutcome:
    return RequestOutcome(state=RequestState.REFUSED, text=text)


def _stop_all(relays: Sequence[Relay], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    threads = [threading.Thread(target=relay.stop, args=(timeout,)) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
