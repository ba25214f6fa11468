"""What the overview shows: states, areas, the most pressing alarms, nodes, first steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.i18n import N_
from dashboard.services import Services
from dashboard.stages import HealthView, StageView
from dashboard.views import alarm_view, area_views
from hazard.site.models import Site
from hazard.store.queries import AreaCounts
from hazard.types import Health, IsaState

PRESSING = 12
"""Alarms shown on the overview; the list has them all."""

TILES: tuple[tuple[str, tuple[IsaState, ...]], ...] = (
    (N_("Unacknowledged"), (IsaState.UNACKNOWLEDGED,)),
    (N_("Acknowledged"), (IsaState.ACKNOWLEDGED,)),
    (N_("Returned, unacknowledged"), (IsaState.RTN_UNACKNOWLEDGED,)),
    (N_("Latched"), (IsaState.LATCHED_UNACKNOWLEDGED, IsaState.LATCHED_ACKNOWLEDGED)),
    (N_("Shelved"), (IsaState.SHELVED,)),
    (N_("Suppressed by design"), (IsaState.SUPPRESSED_BY_DESIGN,)),
    (N_("Out of service"), (IsaState.OUT_OF_SERVICE,)),
)
WAITING = frozenset(
    {IsaState.UNACKNOWLEDGED, IsaState.RTN_UNACKNOWLEDGED, IsaState.LATCHED_UNACKNOWLEDGED}
)


@dataclass(frozen=True, slots=True)
class StateTile:
    """How many alarms are in one state of ISA-18.2, or in two that belong together."""

    text: str
    states: tuple[IsaState, ...]
    number: int
    waiting: int

    @property
    def query(self) -> str:
        """The filter of the alarm list that shows them."""
        return "&".join(f"state={state.value}" for state in self.states)


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node: how it is, and what of it is not ready."""

    health: HealthView

    @property
    def worst(self) -> Health:
        """UNKNOWN when it is silent, whatever its stages said before."""
        return self.health.worst

    @property
    def troubled(self) -> tuple[StageView, ...]:
        """The stages that are not ready, worst first; of a silent node all are."""
        return self.health.troubled


def state_tiles(counts: Mapping[str, AreaCounts]) -> list[StateTile]:
    """The alarms that are not back to normal, by state."""
    by_state = dict.fromkeys(IsaState, 0)
    for area in counts.values():
        for state, number in area.by_state.items():
            by_state[state] += number
    return [
        StateTile(
            text=text,
            states=states,
            number=sum(by_state[state] for state in states),
            waiting=sum(by_state[state] for state in states if state in WAITING),
        )
        for text, states in TILES
    ]


def overview(services: Services, language: str) -> dict[str, Any]:
    """The context of the overview and of its fragments."""
    site, now = services.site, services.now()
    counts = services.backend.queries.active_counts_by_area()
    nodes = services.nodes()
    health = services.health_of(nodes)
    pressing = services.backend.situation.pressing(PRESSING)
    listed = sum(sum(area.by_severity.values()) for area in counts.values())
    return {
        **services.strip(counts, health),
        "areas": area_views(site, counts, services.own_health(nodes)),
        "tiles": state_tiles(counts),
        "alarms": [alarm_view(message, site, now, language) for message in pressing],
        "listed": listed,
        "put_aside": sum(area.suppressed for area in counts.values()),
        "nodes": [NodeView(view) for view in nodes],
        "first_steps": [] if pressing else first_steps(services, site, nodes),
    }


def first_steps(services: Services, site: Site, nodes: Sequence[HealthView]) -> list[str]:
    """What is still to be done before this plant is watched; empty once an alarm was raised."""
    if services.backend.situation.has_alerts():
        return []
    steps = []
    if all(node.silent for node in nodes):
        steps.append(N_("Start the agent: hazard run --site FILE. Nothing is detected until then."))
    if not site.cameras and not site.sensors:
        steps.append(N_("Name your cameras and sensors in the site file: nothing watches yet."))
    if not site.rules:
        steps.append(N_("Give it rules: without any, no alarm is ever raised."))
    return steps
