"""The plant as the overview, the map, the live pages and the health page show it, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field

from dashboard.access import Permission, needs
from dashboard.api.models import Problem
from dashboard.health_page import NodeFigures, node_figures
from dashboard.lines import sides
from dashboard.one_camera import one_camera
from dashboard.overview import overview
from dashboard.plant_map import Place, plant_map
from dashboard.services import ServicesOf
from hazard.floor_plan import PlanInfo
from hazard.types import AlertMessage, Health, IsaState, Severity, UtcTime

ERRORS: dict[int | str, dict[str, object]] = {
    401: {"model": Problem, "description": "not logged in"},
    403: {"model": Problem, "description": "role, areas, or a token's scopes do not allow it"},
    503: {"model": Problem, "description": "the store cannot be used"},
}
MISSING: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "there is no such thing"}
}
router = APIRouter(
    prefix="/api/v1", tags=["plant"], responses=ERRORS, dependencies=[needs(Permission.VIEW)]
)


class AreaState(BaseModel):
    """One area; `clear` only while everything that watches it is healthy."""

    area: str
    name: str
    status: Literal["alarm", "unknown", "clear"]
    worst: Severity | None
    alarms: int
    unacknowledged: int


class NodeState(BaseModel):
    """One node; `unknown` when it is silent, whatever its stages said before."""

    node: str
    health: Health
    silent: bool
    silent_s: float | None = Field(description="since its last word; null: never a word")
    stages: int
    troubled: dict[str, Health] = Field(description="the stages that are not ready")


class OverviewAnswer(BaseModel):
    """The whole plant at one time."""

    at: UtcTime
    areas: tuple[AreaState, ...]
    states: dict[IsaState, int] = Field(description="alarms not back to normal, by state")
    alarms: tuple[AlertMessage, ...] = Field(description="the most pressing ones")
    listed: int = Field(description="how many alarms there are that are not put aside")
    put_aside: int = Field(description="shelved, suppressed or out of service")
    nodes: tuple[NodeState, ...]


class PlaceState(BaseModel):
    """One thing on the map."""

    kind: Literal["area", "camera", "sensor"]
    name: str
    status: Literal["alarm", "unknown", "clear"]
    health: Health | None = Field(description="of a camera or sensor")
    worst: Severity | None
    alarms: int
    unacknowledged: int
    incidents: int | None = Field(description="raised in the period; null for `now`")


class MapAnswer(BaseModel):
    """One plan with what lies on it; positions are in `plan.places`."""

    plan: PlanInfo
    show: Literal["now", "24h", "7d", "30d"]
    places: tuple[PlaceState, ...]
    missing: tuple[str, ...] = Field(description="areas, cameras and sensors not on it")
    incidents: int = Field(description="in the period, wherever they were")


class ZoneOutline(BaseModel):
    """A zone on the camera's picture."""

    zone: str
    polygon: tuple[tuple[float, float], ...] = Field(description="relative, 0..1 from top left")


class LineDrawn(BaseModel):
    """A line on the camera's picture; its sides are seen walking from its first point on."""

    line: str
    points: tuple[tuple[float, float], ...] = Field(description="relative, 0..1 from top left")
    raises: tuple[Literal["left", "right"], ...] = Field(
        description="the sides to which a rule looks for crossings"
    )


class CameraDetail(BaseModel):
    """One camera with what looks at it and what it found."""

    camera_id: str
    area: str
    health: Health
    sign: str = Field(description="empty only while its picture is live and healthy")
    fps: float | None
    budget_fps: float
    picture_age_s: float | None
    zones: tuple[ZoneOutline, ...]
    lines: tuple[LineDrawn, ...]
    rules: tuple[str, ...]
    last_alarms: tuple[AlertMessage, ...]


class SpanAnswer(BaseModel):
    """How long one span of an alert's way took since the agent started."""

    span: str
    count: int
    mean_s: float
    p50_at_most_s: float | None
    p99_at_most_s: float | None
    buckets: tuple[tuple[float | None, int], ...] = Field(
        description="upper bound in seconds (null: above all) and how many"
    )


class GpuAnswer(BaseModel):
    """One graphics processor as the driver tells of it."""

    name: str
    error: str
    busy_percent: float | None
    used_mib: float | None
    total_mib: float | None
    temperature_c: float | None


class NodeFiguresAnswer(BaseModel):
    """The figures of one node that count now; null and empty: not known."""

    node: str
    health: Health
    latencies: tuple[SpanAnswer, ...]
    gpus: tuple[GpuAnswer, ...] | None
    outbox: dict[str, int] = Field(description="messages that wait, by broker")
    free_bytes: int | None
    dropped: dict[str, int]
    certificate: str


@router.get("/overview")
def get_overview(services: ServicesOf) -> OverviewAnswer:
    """Areas, alarms by state, the most pressing alarms, nodes."""
    found = overview(services, "en")
    states: dict[IsaState, int] = {}
    for area in services.backend.queries.active_counts_by_area().values():
        for state, number in area.by_state.items():
            states[state] = states.get(state, 0) + number
    return OverviewAnswer(
        at=services.now(),
        areas=tuple(
            AreaState(
                area=each.area,
                name=each.name,
                status=each.status,
                worst=each.worst,
                alarms=each.alarms,
                unacknowledged=each.unacknowledged,
            )
            for each in found["areas"]
        ),
        states=states,
        alarms=tuple(alarm.message for alarm in found["alarms"]),
        listed=found["listed"],
        put_aside=found["put_aside"],
        nodes=tuple(
            NodeState(
                node=each.health.node,
                health=each.worst,
                silent=each.health.silent,
                silent_s=each.health.silent_s,
                stages=len(each.health.stages),
                troubled={stage.stage: stage.health for stage in each.troubled},
            )
            for each in found["nodes"]
        ),
    )


@router.get("/plans")
def get_plans(services: ServicesOf) -> list[PlanInfo]:
    """The floor plans and what lies where on them; `…/picture` has each one's picture."""
    return list(services.backend.plans.all())


@router.get("/map", responses=MISSING)
def get_map(
    services: ServicesOf,
    plan: Annotated[str, Query(max_length=64, description="absent: the first")] = "",
    show: Literal["now", "24h", "7d", "30d"] = "now",
) -> MapAnswer:
    """A plan as it is now, or with the incidents of a period."""
    plans = services.backend.plans.all()
    chosen = next((each for each in plans if each.plan_id == plan or not plan), None)
    if chosen is None:
        raise HTTPException(404, "there is no such plan: see /api/v1/plans")
    drawn = plant_map(services, chosen, show)
    return MapAnswer(
        plan=chosen,
        show=show,
        places=tuple(_place(each) for each in drawn.places),
        missing=drawn.missing,
        incidents=drawn.total,
    )


@router.get("/cameras/{camera_id}", responses=MISSING)
def get_camera(
    services: ServicesOf, camera_id: Annotated[str, Path(max_length=64)]
) -> CameraDetail:
    """One camera with its zones, lines, rules and last alarms."""
    site = services.site
    camera = site.cameras.get(camera_id)
    if camera is None:
        raise HTTPException(404, "there is no such camera in the site file")
    found = one_camera(services, camera_id, "en")
    view = found["camera"]
    return CameraDetail(
        camera_id=camera_id,
        area=view.area,
        health=view.stage.health,
        sign=view.sign.upper(),
        fps=view.fps,
        budget_fps=view.budget_fps,
        picture_age_s=view.age_s,
        zones=tuple(
            ZoneOutline(zone=name, polygon=zone.polygon) for name, zone in camera.zones.items()
        ),
        lines=tuple(
            LineDrawn(line=name, points=line.points, raises=sides(site, camera_id, name))
            for name, line in camera.lines.items()
        ),
        rules=tuple(rule.name for rule in found["rules"]),
        last_alarms=tuple(alarm.message for alarm in found["alarms"]),
    )


@router.get("/health/figures")
def get_figures(services: ServicesOf) -> list[NodeFiguresAnswer]:
    """Latencies, GPU, outbox, disk and drops of each node."""
    return [_figures(node_figures(view)) for view in services.nodes()]


def _place(place: Place) -> PlaceState:
    return PlaceState(
        kind=place.kind,
        name=place.key,
        status=place.status,
        health=place.health,
        worst=place.worst,
        alarms=place.alarms,
        unacknowledged=place.unacknowledged,
        incidents=place.incidents,
    )


def _figures(node: NodeFigures) -> NodeFiguresAnswer:
    depths = {each.name: each.numbers.get("outbox_depth") for each in node.brokers}
    return NodeFiguresAnswer(
        node=node.health.node,
        health=node.health.worst,
        latencies=tuple(
            SpanAnswer(
                span=each.span,
                count=each.count,
                mean_s=each.mean_s,
                p50_at_most_s=each.p50_s,
                p99_at_most_s=each.p99_s,
                buckets=tuple((bar.at_most_s, bar.count) for bar in each.bars),
            )
            for each in node.histograms
        ),
        gpus=None
        if node.gpus is None
        else tuple(
            GpuAnswer(
                name=each.name,
                error=each.error,
                busy_percent=each.busy_percent,
                used_mib=each.used_mib,
                total_mib=each.total_mib,
                temperature_c=each.temperature_c,
            )
            for each in node.gpus
        ),
        outbox={name: depth for name, depth in depths.items() if isinstance(depth, int)},
        free_bytes=node.free_bytes,
        dropped=dict(node.dropped),
        certificate=str(node.model.numbers.get("certificate") or "") if node.model else "",
    )
