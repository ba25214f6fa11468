"""Prometheus metrics of the brokers: what waits, what was sent, and what was asked for there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge_agent.publish.voice import Counters
from hazard.types import StageHealth

STAGE = "mqtt/"
"""What the stages of brokers begin with."""

COUNTED = {
    "published": "messages sent out of the outbox",
    "acked": "messages that the broker has taken over (PUBACK)",
    "resent": "messages sent again after a reconnect",
    "gaps": "gap records published in the place of messages that were given up",
    "cleared": "retained messages taken off the broker that held no more",
    "replayed": "revisions sent again because somebody asked",
    "answered": "answers to commands that the broker has taken over",
    "unanswered": "answers to commands that the broker did not take",
}
"""Field of `Counters`, and what it counts."""


class PublishMetrics(Collector):
    """What is shown of each broker; read by the server's thread, told by the core."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages: tuple[StageHealth, ...] = ()
        self._counters: Mapping[str, Counters] = {}
        self._commands: Mapping[tuple[str, str, str], int] = {}
        registry.register(self)

    def show(
        self,
        stages: Sequence[StageHealth],
        counters: Mapping[str, Counters],
        commands: Mapping[tuple[str, str, str], int],
    ) -> None:
        """The stages as they are now, the relays' counters, and commands by broker, verb, outcome.

        A counter begins anew when its broker's settings were changed, as after a restart.
        """
        self._stages = tuple(each for each in stages if each.stage.startswith(STAGE))
        self._counters, self._commands = dict(counters), dict(commands)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield self._waiting("outbox_depth", "outbox_depth", "messages that wait in the outbox")
        yield self._waiting(
            "outbox_oldest_seconds", "oldest_age_s", "age of the oldest message that waits"
        )
        for name, text in COUNTED.items():
            family = CounterMetricFamily(f"hazard_mqtt_{name}", text, labels=["broker"])
            for broker, counters in self._counters.items():
                family.add_metric([broker], getattr(counters, name))
            yield family
        reconnects = CounterMetricFamily(
            "hazard_mqtt_reconnects", "connections after the first", labels=["broker"]
        )
        for broker, counters in self._counters.items():
            reconnects.add_metric([broker], max(0, counters.connects - 1))
        yield reconnects
        commands = CounterMetricFamily(
            "hazard_mqtt_commands",
            "commands by verb and outcome: done, conflict, refused, not_meant (another node's), "
            "dropped (too many at once), unanswered (the core gave no outcome)",
            labels=["broker", "verb", "outcome"],
        )
        for labels, number in self._commands.items():
            commands.add_metric(list(labels), number)
        yield commands

    def _waiting(self, name: str, figure: str, text: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"hazard_mqtt_{name}", text, labels=["broker"])
        for stage in self._stages:
            value = stage.figures.get(figure)
            if isinstance(value, int | float) and value >= 0:  # -1: the store cannot be read
                family.add_metric([stage.stage.removeprefix(STAGE)], value)
        return family
