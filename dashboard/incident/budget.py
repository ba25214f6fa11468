"""How long each stage took, from the picture or reading to the broker."""

from __future__ import annotations

from datetime import datetime

from dashboard.i18n import N_
from hazard.store.queries import AlertDetail
from hazard.types import Model, UtcTime

STAGES = (
    ("captured", N_("captured")),
    ("detected", N_("detected")),
    ("raised", N_("raised")),
    ("decided", N_("decided")),
    ("stored", N_("stored")),
    ("published", N_("published")),
    ("acked", N_("handed over")),
)


class StageTime(Model):
    """One stage of the alert's way: `took_ms` since the one before, `after_ms` since the first."""

    stage: str
    name: str
    at: UtcTime
    took_ms: float
    after_ms: float


def latency_budget(found: AlertDetail) -> tuple[StageTime, ...]:
    """The stages of the first revision, in the order of its way; those unknown are left out."""
    first = found.revisions[0] if found.revisions else found.current
    times = {name: getattr(first.times, name) for name, _ in STAGES}
    handed = [item for item in found.deliveries if item.revision == first.revision]
    if handed:
        earliest = min(handed, key=lambda item: item.acked_at)
        times["published"], times["acked"] = earliest.published_at, earliest.acked_at
    lines: list[StageTime] = []
    start: datetime | None = None
    last: datetime | None = None
    for stage, name in STAGES:
        at = times[stage]
        if at is None:
            continue
        start, last = start or at, last or at
        lines.append(
            StageTime(
                stage=stage,
                name=name,
                at=at,
                took_ms=round((at - last).total_seconds() * 1000, 1),
                after_ms=round((at - start).total_seconds() * 1000, 1),
            )
        )
        last = at
    return tuple(lines)
