"""The plant map: what lies where, how it is now, and where incidents were."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dashboard.i18n import N_
from dashboard.services import Services
from dashboard.stages import HealthView, StageView
from dashboard.views import AreaView, area_views
from hazard.floor_plan import PlanInfo, Point
from hazard.site.models import Site
from hazard.store.situation import SourceCount
from hazard.types import Health, Severity

Kind = Literal["area", "camera", "sensor"]
Status = Literal["alarm", "unknown", "clear"]
SHOWS: Mapping[str, str] = {
    "now": N_("Now"),
    "24h": N_("Incidents, 24 hours"),
    "7d": N_("Incidents, 7 days"),
    "30d": N_("Incidents, 30 days"),
}
KINDS: Mapping[Kind, str] = {
    "area": N_("Area"),
    "camera": N_("Camera"),
    "sensor": N_("Sensor"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One thing on the map at one time.

    Attributes:
        points: its outline in the picture's pixels (SVG); empty for a mere point.
        status: `alarm`, `unknown` or `clear`.
        health: of a camera or sensor.
        worst, alarms, unacknowledged: of the alarms that are active now.
        incidents: raised in the period; None when the map shows the present.
        heat: 0..1, its share of the most incidents of any place of its kind.
    """

    kind: Kind
    key: str
    name: str
    x: float
    y: float
    points: str
    status: Status
    health: Health | None
    worst: Severity | None
    alarms: int
    unacknowledged: int
    incidents: int | None
    heat: float

    @property
    def kind_text(self) -> str:
        """What it is, in words."""
        return KINDS[self.kind]

    @property
    def radius(self) -> float:
        """Of the heat's circle, as a share of the largest; its surface goes with the count."""
        return math.sqrt(self.heat)

    @property
    def href(self) -> str:
        """The page that says more."""
        return {
            "area": f"/alarms?area={self.key}",
            "camera": f"/live/{self.key}",
            "sensor": f"/health#sensor/{self.key}",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class PlantMap:
    """One plan with what lies on it, at one time."""

    plan: PlanInfo
    show: str
    places: tuple[Place, ...]
    missing: tuple[str, ...]
    most: int
    total: int

    @property
    def unit(self) -> float:
        """A hundredth of the picture's longer side, in pixels: what is drawn goes by it."""
        return max(self.plan.width_px, self.plan.height_px) / 100


def plant_map(services: Services, plan: PlanInfo, show: str) -> PlantMap:
    """A plan as it is now, or with the incidents of a period."""
    site, health, situation = services.site, services.own_health(), services.backend.situation
    areas = area_views(site, services.backend.queries.active_counts_by_area(), health)
    sources = {each.source: each for each in situation.active_by_source()}
    by_area: dict[str, int] = {}
    by_source: dict[str, int] = {}
    if show != "now":
        by_area, by_source = services.heat.read(situation, show, services.now())
    builder = _Builder(plan, site, health, sources, show, by_area, by_source)
    places = builder.areas(areas) + builder.points("camera") + builder.points("sensor")
    on_map = {(place.kind, place.key) for place in places}
    return PlantMap(
        plan=plan,
        show=show,
        places=tuple(places),
        missing=tuple(name for kind, name in _wanted(site) if (kind, name) not in on_map),
        most=max([*by_area.values(), *by_source.values()], default=0),
        total=sum(by_area.values()),
    )


def _wanted(site: Site) -> list[tuple[str, str]]:
    found = [("area", name) for name in site.areas]
    found += [("camera", name) for name in site.cameras]
    return found + [("sensor", name) for name in site.sensors]


@dataclass(frozen=True, slots=True)
class _Builder:
    plan: PlanInfo
    site: Site
    health: HealthView
    sources: Mapping[str, SourceCount]
    show: str
    by_area: Mapping[str, int]
    by_source: Mapping[str, int]

    def areas(self, views: Sequence[AreaView]) -> list[Place]:
        """The placed areas."""
        most = max(self.by_area.values(), default=0)
        places = []
        for view in views:
            corners = self.plan.places.areas.get(view.area)
            if corners is None:
                continue
            count = self.by_area.get(view.area, 0)
            x, y = self._label(corners)
            places.append(
                Place(
                    kind="area",
                    key=view.area,
                    name=view.name,
                    x=x,
                    y=y,
                    points=self._outline(corners),
                    status=view.status,
                    health=None,
                    worst=view.worst,
                    alarms=view.alarms,
                    unacknowledged=view.unacknowledged,
                    incidents=None if self.show == "now" else count,
                    heat=count / most if most else 0.0,
                )
            )
        return places

    def points(self, kind: Literal["camera", "sensor"]) -> list[Place]:
        """The placed cameras or sensors."""
        cameras = kind == "camera"
        placed = self.plan.places.cameras if cameras else self.plan.places.sensors
        known = self.site.cameras if cameras else self.site.sensors
        most = max(self.by_source.values(), default=0)
        places = []
        for name, (x, y) in placed.items():
            if name not in known:
                continue
            stage = self.health.stage(f"{kind}/{name}")
            state = _state(stage, silent=self.health.silent)
            active = self.sources.get(name)
            count = self.by_source.get(name, 0)
            status: Status = "clear" if state is Health.READY else "unknown"
            places.append(
                Place(
                    kind=kind,
                    key=name,
                    name=name,
                    x=round(x * self.plan.width_px, 1),
                    y=round(y * self.plan.height_px, 1),
                    points="",
                    status="alarm" if active else status,
                    health=state,
                    worst=active.worst if active else None,
                    alarms=active.alarms if active else 0,
                    unacknowledged=active.unacknowledged if active else 0,
                    incidents=None if self.show == "now" else count,
                    heat=count / most if most else 0.0,
                )
            )
        return places

    def _label(self, corners: Sequence[Point]) -> tuple[float, float]:
        """Where the name stands: in the middle, below the upper edge."""
        width, height = self.plan.width_px, self.plan.height_px
        across = [corner[0] * width for corner in corners]
        top = min(corner[1] for corner in corners) * height
        below = max(width, height) * 0.04 if len(corners) > 1 else 0.0
        return round((min(across) + max(across)) / 2, 1), round(top + below, 1)

    def _outline(self, corners: Sequence[Point]) -> str:
        if len(corners) == 1:
            return ""
        width, height = self.plan.width_px, self.plan.height_px
        return " ".join(f"{x * width:.1f},{y * height:.1f}" for x, y in corners)


def _state(stage: StageView | None, *, silent: bool) -> Health:
    return Health.UNKNOWN if silent or stage is None else stage.health


def map_context(services: Services, plan_id: str, show: str) -> dict[str, Any]:
    """The context of the map on the overview; `map` is None where there is no plan."""
    plans = services.backend.plans.all()
    chosen = next((plan for plan in plans if plan.plan_id == plan_id), plans[0] if plans else None)
    shown = show if show in SHOWS else "now"
    return {
        "plans": plans,
        "shows": SHOWS,
        "map": None if chosen is None else plant_map(services, chosen, shown),
    }
