"""Prometheus metrics of the agent core: latencies of each stage, and everything that is counted."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import datetime
from itertools import pairwise

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import JsonValue

from edge_agent.observe_notifier import NOTIFIER, NotifierMetrics
from edge_agent.observe_publish import PublishMetrics
from edge_agent.observe_reasoner import REASONER, ReasonerMetrics
from edge_agent.observe_server import ObserveServer, Probes
from hazard.types import AlertMessage, Cause, HazardEvent, Health, Reading, StageHealth

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_RUNGS = (Cause.DECIDED, Cause.EVENT)
REMEMBERED = 2000
"""Alerts whose first decision has been counted."""

log = structlog.get_logger()


class Metrics:
    """The core's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decided: OrderedDict[str, None] = OrderedDict()
        self._server: ObserveServer | None = None
        self.probes = Probes()
        self._stages: set[str] = set()
        self._stage_s = Histogram(
            "hazard_stage_latency_seconds",
            "time between two stamps of an alert",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._observations = self._counter("observations", "frames observed", "camera")
        self._readings = self._counter("readings", "sensor readings received", "sensor", "quality")
        self._events = self._counter("events", "findings of rules", "hazard", "condition")
        self._revisions = self._counter("revisions", "alert revisions", "cause", "severity")
        self.dropped = self._counter("dropped", "what was given up, by kind", "what")
        self._reasoner = ReasonerMetrics(self.registry)
        self._notifier = NotifierMetrics(self.registry)
        self.brokers = PublishMetrics(self.registry)
        self._health = Gauge(
            "hazard_stage_ready",
            "1 ready, 0.5 starting or degraded, 0 offline or unknown",
            ["stage"],
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hazard_{name}", text, labels, registry=self.registry)

    def serve(self, host: str, port: int) -> str:
        """Serve metrics and probes there and nowhere else; returns why not, if it cannot be."""
        if self._server is not None:
            if self._server.address == (host, port):
                return ""
            self.stop()
        try:
            self._server = ObserveServer(host, port, self.registry, self.probes)
        except OSError as error:
            log.warning("metrics.not_served", host=host, port=port, error=str(error))
            return (
                f"metrics are not served on {host}:{port} ({error.strerror}): "
                "set observe.metrics_port to a free port, or 0"
            )
        return ""

    def stop(self) -> None:
        """Serve no longer."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def observed(self, camera: str) -> None:
        """One frame was observed."""
        self._observations.labels(camera).inc()

    def read(self, reading: Reading) -> None:
        """One reading was received."""
        self._readings.labels(reading.sensor_id, reading.quality.value).inc()

    def found(self, event: HazardEvent) -> None:
        """A rule found, held or cleared something."""
        self._events.labels(event.hazard, event.condition.value).inc()

    def stored(self, message: AlertMessage) -> None:
        """A revision is durable."""
        self._revisions.labels(message.cause.value, message.severity.value).inc()
        times = message.times
        if message.revision == 1:
            self._span("captured_to_detected", times.captured, times.detected)
            self._span("detected_to_raised", times.detected, times.raised)
            self._span("raised_to_stored", times.raised, times.stored)
        if message.cause is Cause.DECIDED and message.opinion is not None:
            self._reasoner.answered(message.opinion)
        first = message.cause in _RUNGS and self._is_first(message.alert_id)
        if first and message.cause is Cause.DECIDED:
            self._span("raised_to_decided", times.raised, times.decided)

    def _is_first(self, alert_id: str) -> bool:
        """Whether this is the alert's first decision; later ones were asked for later."""
        if alert_id in self._decided:
            return False
        self._decided[alert_id] = None
        while len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)
        return True

    def gave_up(self, what: str, count: int) -> None:
        """So many of a kind were given up."""
        self.dropped.labels(what).inc(count)

    def handed_over(self, published_at: datetime, acked_at: datetime) -> None:
        """A broker has taken over a revision."""
        self._span("published_to_acked", published_at, acked_at)

    def _span(self, stage: str, start: datetime, end: datetime | None) -> None:
        if end is not None:
            self._stage_s.labels(stage).observe(max(0.0, (end - start).total_seconds()))

    def latencies(self) -> dict[str, JsonValue]:
        """The histogram of each span, for the health page: how many took at most so long.

        Of each span: `at_most_s` (upper bounds, the last bucket has none), `counts` (not summed
        up) and `sum_s`.
        """
        found: dict[str, JsonValue] = {}
        for metric in self._stage_s.collect():
            spans: dict[str, dict[float, float]] = {}
            for sample in metric.samples:
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    spans.setdefault(sample.labels["stage"], {})[bound] = sample.value
            sums = {s.labels["stage"]: s.value for s in metric.samples if s.name.endswith("_sum")}
            for span, buckets in spans.items():
                bounds = sorted(buckets)
                totals = [int(buckets[bound]) for bound in bounds]
                counts = [after - before for before, after in pairwise([0, *totals])]
                found[span] = {
                    "at_most_s": [bound for bound in bounds if math.isfinite(bound)],
                    "counts": list[JsonValue](counts),
                    "sum_s": round(sums.get(span, 0.0), 3),
                }
        return found

    def health(self, stages: list[StageHealth]) -> None:
        """Show the health of all stages; one that is no longer there is not shown."""
        self.probes.said(stages)
        names = {stage.stage for stage in stages}
        for gone in self._stages - names:
            self._health.remove(gone)
        self._stages = names
        for stage in stages:
            value = {Health.READY: 1.0, Health.STARTING: 0.5, Health.DEGRADED: 0.5}
            self._health.labels(stage.stage).set(value.get(stage.health, 0.0))
        by_name = {stage.stage: stage for stage in stages}
        self._reasoner.show(by_name.get(REASONER))
        self._notifier.show(by_name.get(NOTIFIER))
