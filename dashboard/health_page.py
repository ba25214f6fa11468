"""What the health page shows: nodes, their stages by group, and the figures that people watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.i18n import N_
from dashboard.latencies import Histogram, histograms
from dashboard.services import Services
from dashboard.stages import HealthView, StageView
from hazard.types import Health

GROUPS: Mapping[str, str] = {
    "core": N_("Agent"),
    "camera": N_("Cameras"),
    "sensor": N_("Sensors"),
    "mqtt": N_("Brokers"),
    "process": N_("Processes"),
}
"""The groups of stages, in order; whatever else there is belongs to the agent."""

ADVICE: Mapping[str, str] = {
    "core": N_("See the log of the agent: hazard status on the box names what fails."),
    "vision": N_("Without it no camera is looked at: it is started again by itself; see its log."),
    "reasoner": N_("Alarms are raised all the same, with the policy's severity."),
    "store": N_("Make room on the disk, or see whether it fails: alarms go to the journal."),
    "sensors": N_("Check the broker and the topics of the sensors."),
    "camera": N_("Look at its power, network and lens: its area is not watched meanwhile."),
    "sensor": N_("Look at the sensor and its line: its area is not watched meanwhile."),
    "mqtt": N_("Look at the broker and the network: alarms are kept and sent once it is back."),
    "process": N_("It is started again by itself; if it fails again and again, see its log."),
    "notifier": N_("People may not be told by mail or message: call them."),
    "replica": N_("Nothing is lost: the copy catches up once the database is back."),
    "metrics": N_("Set observe.metrics_port to a free port, or 0."),
}
"""What to do where a stage is not ready, beside what the stage itself says."""


@dataclass(frozen=True, slots=True)
class Group:
    """Stages of one kind."""

    text: str
    stages: tuple[StageView, ...]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics processor as the driver tells of it; `error` where it does not."""

    name: str
    error: str
    busy_percent: float | None
    used_mib: float | None
    total_mib: float | None
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node's health and figures; the figures are those of stages that speak now.

    Attributes:
        gpus: None where the agent does not tell of any.
        model, brokers: the stages whose figures are shown, if they speak.
        free_bytes: on the disk of the data; None where it is not known now.
    """

    health: HealthView
    groups: tuple[Group, ...]
    histograms: tuple[Histogram, ...]
    gpus: tuple[Gpu, ...] | None
    model: StageView | None
    brokers: tuple[StageView, ...]
    free_bytes: int | None
    dropped: tuple[tuple[str, int], ...]


def node_figures(view: HealthView) -> NodeFigures:
    """One node as the page shows it."""
    core, store = _speaking(view, "core"), _speaking(view, "store")
    numbers: Mapping[str, Any] = core.numbers if core else {}
    free = store.numbers.get("free_bytes") if store else None
    return NodeFigures(
        health=view,
        groups=tuple(_groups(view)),
        histograms=tuple(histograms(numbers.get("latencies"))),
        gpus=_gpus(numbers.get("gpus")),
        model=_speaking(view, "reasoner"),
        brokers=tuple(
            each
            for each in view.stages
            if each.group == "mqtt" and each.health is not Health.UNKNOWN
        ),
        free_bytes=free if isinstance(free, int) else None,
        dropped=tuple(_dropped(view, numbers)),
    )


def health_page(services: Services) -> dict[str, Any]:
    """The context of the health page and its fragment."""
    nodes = services.nodes()
    return {
        **services.strip(health=services.health_of(nodes)),
        "nodes": [node_figures(view) for view in nodes],
        "advice": ADVICE,
    }


def _speaking(view: HealthView, name: str) -> StageView | None:
    """The stage if what it said still counts."""
    stage = view.stage(name)
    return None if stage is None or stage.health is Health.UNKNOWN or view.silent else stage


def _groups(view: HealthView) -> list[Group]:
    found: dict[str, list[StageView]] = {name: [] for name in GROUPS}
    for stage in view.stages:
        found[stage.group if stage.group in GROUPS else "core"].append(stage)
    return [Group(GROUPS[name], tuple(stages)) for name, stages in found.items() if stages]


def _gpus(told: object) -> tuple[Gpu, ...] | None:
    if not isinstance(told, list):
        return None
    entries = [each for each in told[:16] if isinstance(each, Mapping)]
    return tuple(
        Gpu(
            name=str(each.get("name", "GPU"))[:64],
            error=str(each.get("error", ""))[:200],
            busy_percent=_number(each.get("utilization_percent")),
            used_mib=_number(each.get("memory_used_mib")),
            total_mib=_number(each.get("memory_total_mib")),
            temperature_c=_number(each.get("temperature_c")),
        )
        for each in entries
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _dropped(view: HealthView, core: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What was given up since the start, by what it was; only what is above 0."""
    frames = [each.numbers.get("frames_dropped") for each in view.stages if each.group == "camera"]
    vision = _speaking(view, "vision")
    spool = vision.numbers.get("spool_dropped") if vision else None
    counts = {
        N_("Frames, so that the newest is looked at"): sum(n for n in frames if isinstance(n, int)),
        N_("Readings that were not stored"): core.get("dropped_readings"),
        N_("Messages that were no messages"): core.get("bad_messages"),
    }
    if isinstance(spool, Mapping):
        lost = sum(number for number in spool.values() if isinstance(number, int))
        counts[N_("Observations while the core was away")] = lost
    return [(text, count) for text, count in counts.items() if isinstance(count, int) and count]
