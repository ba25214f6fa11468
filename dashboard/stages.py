"""Health of the stages as the pages show it: what is old or missing is UNKNOWN, never green."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hazard.site.models import Site
from hazard.types import Health, StageHealth

DRAWN = frozenset({"latencies", "gpus"})
"""Figures of the core that the health page draws; they make no line of text."""
AGENT_MEND = "see `hazard status`; start it again with `hazard run`"


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage, judged at one time.

    Attributes:
        age_s: seconds since its last word; None when it has never said anything.
        said: what it said last, whatever its age.
        told: the reason that it gave last, in its own (English) words.
        node: the box that it belongs to.
    """

    stage: str
    health: Health
    reason: str
    age_s: float | None
    said: Health | None
    figures: tuple[tuple[str, str], ...]
    told: str = ""
    node: str = ""
    numbers: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def group(self) -> str:
        """`camera`, `sensor`… or the stage's own name."""
        return self.stage.partition("/")[0]

    @property
    def name(self) -> str:
        """What follows the group: the camera, sensor or broker; else the stage's own name."""
        group, _, name = self.stage.partition("/")
        return name or group


@dataclass(frozen=True, slots=True)
class HealthView:
    """All stages at one time.

    Attributes:
        silent: the agent core has said nothing for longer than the limit, or never.
        silent_s: for how long; None when it has never said anything.
        node: the box; empty where several are put together.
    """

    stages: tuple[StageView, ...]
    silent: bool
    silent_s: float | None
    at: datetime
    node: str = ""

    @property
    def troubled(self) -> tuple[StageView, ...]:
        """The stages that are not ready, worst first."""
        bad = [stage for stage in self.stages if stage.health is not Health.READY]
        return tuple(sorted(bad, key=lambda stage: (_WORST.index(stage.health), stage.stage)))

    @property
    def worst(self) -> Health:
        """The worst health of any stage; UNKNOWN when the agent is silent."""
        if self.silent or not self.stages:
            return Health.UNKNOWN
        troubled = self.troubled
        return troubled[0].health if troubled else Health.READY

    def stage(self, name: str) -> StageView | None:
        """One stage by its name."""
        return next((stage for stage in self.stages if stage.stage == name), None)

    def fingerprint(self) -> tuple[object, ...]:
        """What must differ for browsers to be told at once."""
        return (
            self.silent,
            tuple((each.node, each.stage, each.health, each.reason) for each in self.stages),
        )


def judge(
    said: Iterable[StageHealth],
    site: Site,
    now: datetime,
    stale_after_s: float,
    *,
    node: str | None = None,
) -> HealthView:
    """Judge every stage that spoke, and the reasoner, cameras and sensors that should have.

    `node` is whose word it is, None the site file's own. What another node should watch is not
    known here: its stages are those that it told of.
    """
    own = site.site.node
    named = own if node is None else node
    rows = [row for row in said if named != own or _in_site(row.stage, site)]
    views = {row.stage: _judged(row, now, stale_after_s, named) for row in rows}
    for stage in _expected(site) if named == own else ():
        if stage not in views:
            views[stage] = _never_told(stage, named)
    newest = max((row.at for row in rows), default=None)
    silent_s = None if newest is None else (now - newest).total_seconds()
    return HealthView(
        stages=tuple(sorted(views.values(), key=_order)),
        silent=silent_s is None or abs(silent_s) > stale_after_s,
        silent_s=silent_s,
        at=now,
        node=named,
    )


def together(nodes: Sequence[HealthView], own: str) -> HealthView:
    """All nodes as one: silent where any is; the own node's stages first."""
    if len(nodes) == 1:
        return nodes[0]
    ordered = sorted(nodes, key=lambda view: (view.node != own, view.node))
    silent = [view for view in ordered if view.silent]
    spans = [view.silent_s for view in silent or ordered]
    return HealthView(
        stages=tuple(stage for view in ordered for stage in view.stages),
        silent=bool(silent),
        silent_s=None if None in spans else max((each for each in spans if each), default=0.0),
        at=ordered[0].at,
        node=", ".join(view.node for view in silent),
    )


def of_site(nodes: Sequence[HealthView], site: Site) -> HealthView:
    """The cameras and sensors of the site file, whichever node has them; the worse where two do.

    What none of them tells of is unknown.
    """
    whole = together(nodes, site.site.node)
    views: dict[str, StageView] = {}
    for stage in whole.stages:
        there = views.get(stage.stage)
        watches = stage.group in ("camera", "sensor") and _in_site(stage.stage, site)
        if watches and (there is None or _WORST.index(stage.health) < _WORST.index(there.health)):
            views[stage.stage] = stage
    for name in _expected(site):
        if name != "reasoner" and name not in views:
            views[name] = _never_told(name, "")
    return replace(whole, stages=tuple(sorted(views.values(), key=_order)))


_WORST = (Health.OFFLINE, Health.UNKNOWN, Health.DEGRADED, Health.STARTING, Health.READY)


def _never_told(stage: str, node: str) -> StageView:
    reason = "has not reported since the agent was set up: " + AGENT_MEND
    return StageView(stage, Health.UNKNOWN, reason, None, None, (), node=node)


def _judged(row: StageHealth, now: datetime, stale_after_s: float, node: str) -> StageView:
    age_s: float | None = (now - row.at).total_seconds()
    health, reason = row.health, row.reason
    if age_s is not None and age_s > stale_after_s:
        health = Health.UNKNOWN
        reason = f"no report for {age_s:.0f} s; it last said {row.health.value}"
        reason += f" ({row.reason})" if row.reason else ""
    elif age_s is not None and age_s < -stale_after_s:
        health = Health.UNKNOWN
        reason = f"its time lies {-age_s:.0f} s in the future: set this box's clock"
        age_s = None
    return StageView(
        stage=row.stage,
        health=health,
        reason=reason,
        age_s=None if age_s is None else max(0.0, age_s),
        said=row.health,
        figures=tuple(
            (key[:64], figure(value))
            for key, value in list(row.figures.items())[:32]
            if key not in DRAWN
        ),
        told=row.reason,
        node=node,
        numbers=row.figures,
    )


def _in_site(stage: str, site: Site) -> bool:
    """Whether a stage still exists: the site file may have dropped it since."""
    group, _, name = stage.partition("/")
    if stage == "reasoner":
        return site.reasoning.enabled
    if group == "camera":
        return name in site.cameras
    return group != "sensor" or name in site.sensors


def _expected(site: Site) -> list[str]:
    reasoner = ["reasoner"] if site.reasoning.enabled else []
    cameras = [f"camera/{name}" for name in site.cameras]
    return reasoner + cameras + [f"sensor/{name}" for name in site.sensors]


def _order(stage: StageView) -> tuple[int, str]:
    groups = {"camera": 1, "sensor": 2}
    return groups.get(stage.group, 0), stage.stage


def figure(value: object) -> str:
    """A figure as text: few digits, bounded length."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004
    if isinstance(value, Mapping):
        return _of_mapping(value)[:400]
    return str(value)[:200]


def _of_mapping(values: Mapping[str, object]) -> str:
    """Several named figures in a line; where all are the same, that one and how many."""
    told = {str(name): figure(value) for name, value in values.items()}
    same = set(told.values())
    if len(told) > 2 and len(same) == 1:  # noqa: PLR2004
        return f"{same.pop()} for all {len(told)}"
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in told.items()) or "none"
