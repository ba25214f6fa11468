"""Prometheus metrics of the reasoning process: its state and why, what it has decided, how fast."""

from __future__ import annotations

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hazard.types import Health, Opinion, StageHealth

REASONER = "reasoner"
"""The stage's name."""

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)

COUNTED = {
    "decisions": "answers of the model in time",
    "late": "decisions that did not come before their deadline",
    "failed": "decisions that broke, or that nobody was there to give",
    "coalesced": "decisions that shared one question with others of their area",
    "words": "summaries and actions that came in time",
    "words_by_template": "words for which the template stands",
}
"""Figures of the stage that count up from the core's start: name and what it counts."""


class ReasonerMetrics:
    """What is shown of the stage `reasoner`; nothing where reasoning is switched off."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._state = Gauge(
            "hazard_reasoner_state",
            "1 for the state that the reasoning process is in, 0 for the others",
            ["state"],
            registry=registry,
        )
        self._reason = Gauge(
            "hazard_reasoner_reason",
            "1 for the reason why the reasoning process is not ready; absent while it is",
            ["reason"],
            registry=registry,
        )
        self._counters = {
            name: Counter(f"hazard_reasoner_{name}", text, registry=registry)
            for name, text in COUNTED.items()
        }
        self._counted: Tally[str] = Tally()
        self._answered_s = Histogram(
            "hazard_reasoner_answer_seconds",
            "time that the model took for an answer that came in time",
            ["backend"],
            buckets=SECONDS,
            registry=registry,
        )

    def show(self, stage: StageHealth | None) -> None:
        """The stage as it is now; None where the site has no reasoner."""
        self._state.clear()
        self._reason.clear()
        if stage is None:
            return
        for state in Health:
            self._state.labels(state.value).set(float(state is stage.health))
        if stage.health is not Health.READY:
            self._reason.labels(_steady(stage)).set(1.0)
        for name, counter in self._counters.items():
            figure = stage.figures.get(name)
            if isinstance(figure, int) and figure > self._counted[name]:
                counter.inc(figure - self._counted[name])
                self._counted[name] = figure

    def answered(self, opinion: Opinion) -> None:
        """An answer that came in time has become a revision."""
        self._answered_s.labels(opinion.backend).observe(opinion.answered_in_ms / 1000.0)


def _steady(stage: StageHealth) -> str:
    """The reason, without the seconds of silence: each would be a time series of its own."""
    if stage.health is Health.UNKNOWN:
        return "no report of the reasoning process; defaults stand"
    return stage.reason[:200]
