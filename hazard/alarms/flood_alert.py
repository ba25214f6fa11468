"""The alert that stands for the alarms of one area in a flood: as a finding, and as a suppression.

Pure: the finding comes from the meter of the area's operator position as another comes from a rule.
"""

from __future__ import annotations

from hazard.alarms.alarm import Alarm
from hazard.alarms.flood import FLOOD_KIND, FLOOD_RULE, FloodMeter
from hazard.ports import Tick
from hazard.rules.finding import Content, Stamp, Subject, open_event, renew
from hazard.site.alarms import Flood
from hazard.types import (
    Condition,
    HazardEvent,
    Measured,
    Severity,
    SuppressionCause,
    SuppressionNote,
)

GRANTED_BY = "flood control"
"""Who groups alarms, in their suppression notes."""

WORST_LEVEL = Severity.HIGH
"""A flood alert is at most this: critical alarms are never grouped, and speak for themselves."""


def flood_found(
    position: str, area: str, meter: FloodMeter, severity: Severity, now: Tick
) -> HazardEvent:
    """The finding that a position is in flood, about one of its areas, since the flood began.

    Its level is the severity of the worst alarm that it stands for, low to high.
    """
    return open_event(
        Subject(FLOOD_RULE, FLOOD_KIND, area, f"{position}/{area}"),
        Stamp.of(Tick(meter.since or now.at, now.at_monotonic_s)),
        Stamp.of(now),
        _content(meter, severity),
    )


def flood_worse(
    event: HazardEvent, meter: FloodMeter, severity: Severity, now: Tick
) -> HazardEvent:
    """The same finding, now that it stands for a worse alarm."""
    return renew(event, Stamp.of(now), Condition.ACTIVE, _content(meter, severity))


def flood_over(event: HazardEvent, now: Tick) -> HazardEvent:
    """The same finding, cleared."""
    return renew(event, Stamp.of(now), Condition.CLEARED)


def position_of(event: HazardEvent) -> str:
    """The operator position that a flood alert's finding is about."""
    return event.subject.removesuffix(f"/{event.area}")


def stands_alone(alarm: Alarm, flood: Alarm) -> bool:
    """Whether the alarm is not spoken for by the flood alert, which somebody has acknowledged.

    They have not seen one that asks later. As bad as a flood alert can be, it would not make that
    ask again, and nobody would be told of either.
    """
    seen_at, asked_at = flood.acknowledged_at, alarm.asked_at
    if seen_at is None or asked_at is None or alarm.severity < WORST_LEVEL:
        return False
    return asked_at > seen_at


def suppression_note(alert_id: str, position: str, settings: Flood) -> SuppressionNote:
    """What suppresses an alarm that is grouped under this flood alert."""
    return SuppressionNote(
        cause=SuppressionCause.FLOOD,
        order_id=alert_id,
        granted_by=GRANTED_BY,
        reason=f"more than {settings.starts_above} alarms in {settings.window_min:g} min at "
        f"position {position}",
    )


def _content(meter: FloodMeter, severity: Severity) -> Content:
    count = Measured(
        name="alarms",
        value=meter.count,
        unit=f"/{meter.settings.window_min:g} min",
        threshold=meter.settings.starts_above,
    )
    return Content(confidence=1.0, measured=(count,), level=min(severity, WORST_LEVEL).value)
