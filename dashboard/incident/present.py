"""What the sensors of an alarm that is not over measure now.

An alarm says what was measured when its findings last changed; who decides whether to go in must
see what it is now, and that nobody knows it where the sensor is silent.
"""

from __future__ import annotations

import math

from pydantic import Field

from dashboard.stages import HealthView
from hazard.site.models import Site
from hazard.types import AlertMessage, Health, IsaState, Model


class Present(Model):
    """A sensor's newest value."""

    sensor_id: str
    quantity: str
    unit: str
    value: float | None = Field(description="null: not known, as it is silent or in doubt")


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
