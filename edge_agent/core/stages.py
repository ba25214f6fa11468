"""All stages of the node as they are now, told to whoever shows them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.core.gpus import Gpus
from edge_agent.core.health import HealthBoard, supervisor_stages
from edge_agent.core.reasoning import ReasoningClient
from edge_agent.core.sensing import Sensing
from edge_agent.core.store_thread import StoreThread
from edge_agent.core.upkeep import Upkeep
from edge_agent.observe import Metrics
from edge_agent.paths import Paths
from edge_agent.publish.publisher import Publisher
from hazard.site.models import Site
from hazard.store.store import Store
from hazard.types import Health, Reading, StageHealth

METRICS_RETRY_S = 5.0
"""How often a metrics port that was taken is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the stages come from.

    Attributes:
        reasons: gives what is wrong in the core itself, in words.
        waiting: gives how much work waits in the core.
    """

    site: Callable[[], Site]
    board: HealthBoard
    store: Store
    thread: StoreThread
    upkeep: Upkeep
    sensing: Sensing
    reasoning: ReasoningClient
    publisher: Publisher
    paths: Paths
    reasons: Callable[[], Sequence[str]]
    waiting: Callable[[], int]
    bad_messages: Callable[[], int]


class Stages:
    """Collects the stages once a second, and serves the metrics that show them."""

    def __init__(self, sources: Sources, metrics: Metrics) -> None:
        self._from, self._metrics = sources, metrics
        self._readings: Counter[str] = Counter()
        self._gpus = Gpus()
        self._metrics_served, self._metrics_again_s = True, 0.0

    def read(self, reading: Reading) -> None:
        """Count a reading."""
        self._readings["received"] += 1
        self._readings[reading.quality.value] += 1

    def report(self) -> list[StageHealth]:
        """All stages as they are now, told to metrics and publisher."""
        if not self._metrics_served and time.monotonic() > self._metrics_again_s:
            self.serve_metrics()
        stages = self._collect()
        self._metrics.health(stages)
        publisher = self._from.publisher
        self._metrics.brokers.show(stages, publisher.counters(), publisher.commands())
        publisher.set_stages(stages)
        publisher.set_watch(self._from.board.unwatched(self._from.site()))
        return stages

    def serve_metrics(self) -> None:
        """Serve the metrics where the site file says, or no longer."""
        observe = self._from.site().observe
        self._metrics_again_s = time.monotonic() + METRICS_RETRY_S
        self._metrics_served = True
        if observe.metrics_port:
            why = self._metrics.serve(observe.metrics_host, observe.metrics_port)
            self._metrics_served = not why
            self._from.board.put("metrics", Health.DEGRADED if why else Health.READY, why)
        else:
            self._metrics.stop()
            self._from.board.drop("metrics")

    def _collect(self) -> list[StageHealth]:
        site = self._from.site()
        self._put_core()
        self._put_sensors()
        self._put_store()
        own = self._from.board.stages(site)
        own = [stage for stage in own if stage.stage != "reasoner"]
        if site.reasoning.enabled:
            own.append(self._from.reasoning.health(datetime.now(UTC)))
        supervised = supervisor_stages(self._from.paths.supervisor_state)
        return [*own, *self._from.publisher.health(), *supervised]

    def _put_core(self) -> None:
        reasons = self._from.reasons()
        self._from.board.put(
            "core",
            Health.DEGRADED if reasons else Health.READY,
            "; ".join(reasons),
            waiting=self._from.waiting(),
            bad_messages=self._from.bad_messages(),
            dropped_readings=self._from.upkeep.dropped_readings,
            dropped_observations=self._from.upkeep.dropped_observations,
            readings={key: self._readings[key] for key in ("received", "good", "bad")},
            latencies=self._metrics.latencies(),
            gpus=self._gpus.state(),
        )

    def _put_sensors(self) -> None:
        unconnected = self._from.sensing.problems()
        self._from.board.put(
            "sensors",
            Health.DEGRADED if unconnected else Health.READY,
            "; ".join(f"{name}: {why}" for name, why in unconnected.items()),
        )

    def _put_store(self) -> None:
        free_bytes, mend = self._from.upkeep.disk()
        store = self._from.store.health()
        told = (mend, self._from.thread.fault, store.reason or self._from.upkeep.fault)
        reason = "; ".join(text for text in told if text)
        self._from.board.put(
            "store",
            Health.READY if not reason else Health.DEGRADED,
            reason,
            free_bytes=free_bytes,
            **store.figures,
        )
