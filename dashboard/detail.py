"""Everything that the page of one alarm shows, from one read of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dashboard.drawing import Chart, chart, picture
from dashboard.handling import handling
from dashboard.services import Services
from dashboard.views import AlarmView, alarm_view
from dashboard.wording import CAUSE_TEXT
from hazard.site.models import Site
from hazard.site.rules import ExposureRule, ThresholdRule
from hazard.store.queries import AlertDetail
from hazard.types import AlertMessage, Opinion, Severity

BEFORE = timedelta(seconds=90)
AFTER = timedelta(seconds=90)
SPAN_MAX = timedelta(minutes=15)
"""A chart shows from BEFORE the first event to AFTER the last, at most this long."""
CHARTS = 4
POINTS = 2000
PICTURES = 6
LINES = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One revision in the timeline, with what it changed."""

    message: AlertMessage
    title: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One severity's probability in the model's opinion; `width` is out of 100."""

    severity: Severity
    share: float
    chosen: bool

    @property
    def width(self) -> float:
        """Share in percent, for the drawing."""
        return round(100 * max(0.0, min(1.0, self.share)), 1)


def detail(services: Services, found: AlertDetail, language: str) -> dict[str, Any]:
    """The context of the alarm's page."""
    site, now = services.site, services.now()
    message = found.current
    alarm = alarm_view(message, site, now, language)
    evidence = {item.evidence_id: item for item in (*message.evidence, *found.evidence)}
    kept = {item.evidence_id for item in found.evidence}
    shown = [item for key, item in evidence.items() if key in kept and item.kind == "snapshot"]
    opinion = message.opinion or _last_opinion(found)
    return {
        "alarm": alarm,
        "message": message,
        "handling": handling(message, site.site.timezone, now),
        "detail": found,
        "pictures": [picture(item, site, message) for item in shown[-PICTURES:]],
        "pictures_gone": len(evidence) - len(kept & set(evidence)),
        "has_camera": any(s in site.cameras for e in message.events for s in e.sources),
        "charts": _charts(services, alarm, site),
        "steps": _steps(found.revisions)[:LINES],
        "bars": [] if opinion is None else _bars(opinion),
        "opinion": opinion,
        "assessments": found.assessments[::-1][:LINES],
        "audit": found.audit[:LINES],
        "deliveries": found.deliveries[-LINES:],
        "alarm_language": language,
    }


def _last_opinion(found: AlertDetail) -> Opinion | None:
    opinions = [item.opinion for item in found.assessments if item.opinion is not None]
    return opinions[-1] if opinions else None


def _bars(opinion: Opinion) -> list[Bar]:
    return [
        Bar(severity, opinion.probabilities.get(severity, 0.0), severity is opinion.severity)
        for severity in reversed(Severity)
    ]


def _steps(revisions: tuple[AlertMessage, ...]) -> list[Step]:
    steps: list[Step] = []
    before: AlertMessage | None = None
    for message in revisions:
        title = CAUSE_TEXT.get(message.cause.value, message.cause.value)
        steps.append(Step(message, title, _changes(before, message)))
        before = message
    return steps[::-1]


def _changes(before: AlertMessage | None, after: AlertMessage) -> tuple[str, ...]:
    if before is None:
        return (f"severity {after.severity.value}, decided by {after.decided_by.value}",)
    changes = []
    pairs = (
        ("severity", before.severity.value, after.severity.value),
        ("decided by", before.decided_by.value, after.decided_by.value),
        ("state", before.state.value, after.state.value),
        ("condition", before.condition.value, after.condition.value),
    )
    for name, old, new in pairs:
        if old != new:
            changes.append(f"{name} {old.replace('_', ' ')} → {new.replace('_', ' ')}")
    if len(after.events) > len(before.events):
        changes.append(f"{len(after.events) - len(before.events)} more finding(s)")
    if len(after.evidence) > len(before.evidence):
        changes.append(f"{len(after.evidence) - len(before.evidence)} more snapshot(s)")
    if after.words is not None and before.words is None:
        changes.append(f"words by the {after.words.source}")
    if after.comment and after.comment != before.comment:
        changes.append(f"comment by {after.acknowledged_by or 'a person'}: {after.comment[:200]}")
    return tuple(changes)


def _charts(services: Services, alarm: AlarmView, site: Site) -> list[Chart]:
    events = alarm.message.events
    sensors = list(dict.fromkeys(s for e in events for s in e.sources if s in site.sensors))
    since = min(event.started_at for event in events) - BEFORE
    until = max(event.ended_at or event.updated_at for event in events) + AFTER
    until = min(until, since + SPAN_MAX, max(services.now(), since + timedelta(seconds=30)))
    charts = []
    for sensor in sensors[:CHARTS]:
        points = services.backend.queries.readings_around([sensor], since, until, limit=POINTS)
        drawn = chart(
            sensor,
            points,
            _levels(site, alarm.message, sensor),
            since=since,
            until=until,
            raised_at=alarm.message.times.raised,
            zone=site.site.timezone,
        )
        if drawn is not None:
            charts.append(drawn)
    return charts


def _levels(site: Site, message: AlertMessage, sensor: str) -> list[tuple[str, float]]:
    levels: dict[float, str] = {}
    for rule in site.rules.values():
        if isinstance(rule, ThresholdRule) and rule.sensor == sensor:
            levels.update({level.at: level.name for level in rule.levels})
        elif isinstance(rule, ExposureRule) and rule.sensor == sensor:
            levels.setdefault(rule.at, "exposure")
    for event in message.events:
        for measured in event.measured:
            same_unit = measured.source == sensor and measured.unit == site.sensors[sensor].unit
            if same_unit and measured.threshold is not None and not levels:
                levels[measured.threshold] = event.level or "limit"
    return [(name, at) for at, name in sorted(levels.items())]
