"""One question about several incidents of one area, for a model that is behind.

A model that has fallen behind is not asked the same thing of each of five incidents in one hall:
they are put together and asked once. The answer is about all of them, so it may lift any of them
and bring none down. Pure functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from hazard.triage.authority import least
from hazard.types import Authority, Condition, HazardEvent, Incident, Opinion, Verdict

MAX_EVENTS = 32
"""Events of the joint incident; a prompt shows the first few of them."""

COALESCED = "coalesced"
"""Key of an opinion's provenance: the ids of the incidents that it is about."""

ASKED_ABOUT = "asked_about"
"""Key of an opinion's provenance: the joint incident, so that the question can be put again."""

MAX_NOTE = 300


def distinct(asked: Iterable[tuple[Incident, Verdict]]) -> list[tuple[Incident, Verdict]]:
    """Each incident once, as it was last seen, in the order in which they came first."""
    newest: dict[str, tuple[Incident, Verdict]] = {}
    for incident, verdict in asked:
        known = newest.get(incident.incident_id)
        if known is None or incident.updated_at >= known[0].updated_at:
            newest[incident.incident_id] = (incident, verdict)
    return list(newest.values())


def together(asked: Sequence[tuple[Incident, Verdict]]) -> tuple[Incident, Verdict]:
    """The joint incident of one area's incidents, and its verdict: the highest floor and default.

    Standing events come before cleared ones, each incident's first before anyone's second, the
    worst incident's before the others': what does not fit is what says least.

    Raises:
        ValueError: if there is nothing, or more than one area.
    """
    areas = {incident.area for incident, _ in asked}
    if len(areas) != 1:
        raise ValueError(
            f"areas {sorted(areas)}: incidents of exactly one area can be put together"
        )
    ranked = sorted(asked, key=lambda each: (each[1].floor.rank, each[1].default.rank))[::-1]
    incidents = [incident for incident, _ in ranked]
    ids = sorted(incident.incident_id for incident in incidents)
    joint = Incident(
        incident_id="joint-" + hashlib.sha256("|".join(ids).encode()).hexdigest()[:24],
        area=incidents[0].area,
        opened_at=min(incident.opened_at for incident in incidents),
        updated_at=max(incident.updated_at for incident in incidents),
        hazard=incidents[0].hazard,
        events=tuple(_events(incidents)[:MAX_EVENTS]),
        grouped=sum(incident.grouped for incident in incidents),
    )
    verdict = Verdict(
        floor=max(verdict.floor for _, verdict in asked),
        default=max(verdict.default for _, verdict in asked),
        why=f"the highest of {len(asked)} incidents of area {joint.area}",
        policy_hash=asked[0][1].policy_hash,
    )
    return joint, verdict


def shared(opinion: Opinion, joint: Incident, incidents: Sequence[Incident]) -> Opinion:
    """The opinion on the joint incident as each of the incidents gets it."""
    note = (
        f"one answer about {len(incidents)} incidents of area {joint.area}: "
        "it may raise and brings nothing down"
    )
    return opinion.model_copy(
        update={
            "authority_limit": least(opinion.authority_limit, Authority.RAISE),
            "note": "; ".join(filter(None, (opinion.note, note)))[:MAX_NOTE],
            "provenance": {
                **opinion.provenance,
                COALESCED: [incident.incident_id for incident in incidents],
                ASKED_ABOUT: joint.model_dump(mode="json"),
            },
        }
    )


def _events(incidents: Sequence[Incident]) -> list[HazardEvent]:
    placed = [
        (event.condition is Condition.CLEARED, turn, event)
        for incident in incidents
        for turn, event in enumerate(
            sorted(
                incident.events,
                key=lambda e: (e.condition is Condition.CLEARED, e.hazard != incident.hazard),
            )
        )
    ]
    return [event for _, _, event in sorted(placed, key=lambda each: each[:2])]
