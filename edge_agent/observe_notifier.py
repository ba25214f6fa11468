"""Prometheus metrics of the notifications: what was sent, what waits, what was given up."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from hazard.types import StageHealth

NOTIFIER = "notifier"
"""The stage's name."""

SHOWN = ("sent", "pending", "failed", "oldest_s")


class NotifierMetrics:
    """What is shown of the stage `notifier`; nothing where the site names no channel."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notices = Gauge(
            "hazard_notices",
            "notices by channel: sent by this process, pending, failed in the last 24 h",
            ["channel", "state"],
            registry=registry,
        )
        self._oldest_s = Gauge(
            "hazard_notice_oldest_seconds",
            "age of the oldest notice that waits",
            ["channel"],
            registry=registry,
        )

    def show(self, stage: StageHealth | None) -> None:
        """The stage as it is now; None where there is none."""
        self._notices.clear()
        self._oldest_s.clear()
        channels = stage.figures.get("channels") if stage is not None else None
        if not isinstance(channels, dict):
            return
        for name, figures in channels.items():
            if not isinstance(figures, dict):
                continue
            for key in SHOWN:
                value = figures.get(key)
                if not isinstance(value, int | float):
                    continue
                if key == "oldest_s":
                    self._oldest_s.labels(name).set(value)
                else:
                    self._notices.labels(name, key).set(value)
