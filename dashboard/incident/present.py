"""How far the sensors of an incident went, and what they measure now.

An alarm says what was measured when its findings last changed; who decides whether to go in must
see the worst of it, what it is now, and that nobody knows that where the sensor is silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import Field

from dashboard.incident.readings import SPAN_MAX, Series
from dashboard.stages import HealthView
from hazard.site.models import Site
from hazard.site.rules import ThresholdRule
from hazard.types import AlertMessage, Health, IsaState, Model, Quality


class Present(Model):
    """A sensor's newest value."""

    sensor_id: str
    quantity: str
    unit: str
    value: float | None = Field(description="null: not known, as it is silent or in doubt")


class Worst(Model):
    """The worst stored value of a sensor while the findings of an incident lasted."""

    sensor_id: str
    quantity: str
    unit: str
    value: float
    lowest: bool = Field(description="the lowest counts: the rule looks for too little")


def worsts(message: AlertMessage, site: Site, series: Iterable[Series]) -> tuple[Worst, ...]:
    """How far each sensor went; none where more is stored than one looks at."""
    began = min((event.started_at for event in message.events), default=None)
    ends = [event.ended_at for event in message.events]
    ended = None if None in ends else max((end for end in ends if end), default=None)
    rules = [site.rules.get(event.rule_id) for event in message.events]
    low = {r.sensor for r in rules if isinstance(r, ThresholdRule) and r.direction == "below"}
    found = []
    for one in series:
        values = [
            reading.value
            for reading in one.readings
            if reading.value is not None
            and reading.quality is Quality.GOOD
            and (began is None or reading.at >= began)
            and (ended is None or reading.at <= ended)
        ]
        if values and one.until - one.since < SPAN_MAX:
            lowest = one.sensor_id in low
            found.append(
                Worst(
                    sensor_id=one.sensor_id,
                    quantity=one.quantity,
                    unit=one.unit,
                    value=min(values) if lowest else max(values),
                    lowest=lowest,
                )
            )
    return tuple(found)


def presents(message: AlertMessage, site: Site, health: HealthView) -> tuple[Present, ...]:
    """The sensors that a finding of the alarm is based on, in the findings' order."""
    if message.state is IsaState.NORMAL:
        return ()
    named = dict.fromkeys(source for event in message.events for source in event.sources)
    return tuple(_present(name, site, health) for name in named if name in site.sensors)


def _present(name: str, site: Site, health: HealthView) -> Present:
    sensor, stage = site.sensors[name], health.stage(f"sensor/{name}")
    value = stage.numbers.get("value") if stage and stage.health is Health.READY else None
    known = isinstance(value, int | float) and math.isfinite(value)
    return Present(
        sensor_id=name,
        quantity=sensor.quantity,
        unit=sensor.unit,
        value=float(value) if known else None,  # type: ignore[arg-type]
    )
