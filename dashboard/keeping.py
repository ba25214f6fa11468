"""What a node keeps, for how long and how much of it, as its site file says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from dashboard.i18n import N_
from hazard.site.keeping import Retention
from hazard.types import Model

KEPT_TEXT: Mapping[str, str] = {
    "alarms": N_("Alarms that are over, with all that was done"),
    "snapshot": N_("Pictures of incidents"),
    "clip": N_("Clips of incidents"),
    "evidence": N_("All evidence together"),
    "readings": N_("Readings"),
    "tracks": N_("Tracks, to try changes on"),
    "reports": N_("Weekly reports"),
    "audit": N_("Audit"),
}


class Kept(Model):
    """One kind of record; the oldest go first, after `days` or beyond `most_bytes`."""

    what: str = Field(description=f"one of {', '.join(KEPT_TEXT)}")
    days: float | None = Field(description="null: for ever")
    most_bytes: int | None = Field(default=None, description="null: no limit of its own")


def kept(retention: Retention) -> tuple[Kept, ...]:
    """What is kept, in the order in which it matters."""
    return (
        Kept(what="alarms", days=retention.alerts_days),
        Kept(
            what="snapshot",
            days=retention.of_kind("snapshot")[0],
            most_bytes=retention.snapshot_bytes,
        ),
        Kept(what="clip", days=retention.of_kind("clip")[0], most_bytes=retention.clip_bytes),
        Kept(what="evidence", days=retention.evidence_days, most_bytes=retention.evidence_bytes),
        Kept(what="readings", days=retention.readings_days),
        Kept(
            what="tracks",
            days=retention.observations_days,
            most_bytes=retention.observations_bytes,
        ),
        Kept(what="reports", days=retention.reports_days),
        Kept(what="audit", days=None),
    )
