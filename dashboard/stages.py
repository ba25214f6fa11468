"""Health of the stages as the pages show it: what is old or missing is UNKNOWN, never green."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hazard.site.models import Site
from hazard.types import Health, StageHealth

AGENT_MEND = "see `hazard status`; start it again with `hazard run`"


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage, judged at one time.

    Attributes:
        age_s: seconds since its last word; None when it has never said anything.
        said: what it said last, whatever its age.
    """

    stage: str
    health: Health
    reason: str
    age_s: float | None
    said: Health | None
    figures: tuple[tuple[str, str], ...]

    @property
    def group(self) -> str:
        """`camera`, `sensor`… or the stage's own name."""
        return self.stage.partition("/")[0]


@dataclass(frozen=True, slots=True)
class HealthView:
    """All stages at one time.

    Attributes:
        silent: the agent core has said nothing for longer than the limit, or never.
        silent_s: for how long; None when it has never said anything.
    """

    stages: tuple[StageView, ...]
    silent: bool
    silent_s: float | None
    at: datetime

    @property
    def troubled(self) -> tuple[StageView, ...]:
        """The stages that are not ready, worst first."""
        bad = [stage for stage in self.stages if stage.health is not Health.READY]
        return tuple(sorted(bad, key=lambda stage: (_WORSE.index(stage.health), stage.stage)))

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
            tuple((stage.stage, stage.health, stage.reason) for stage in self.stages),
        )


def judge(
    said: Iterable[StageHealth], site: Site, now: datetime, stale_after_s: float
) -> HealthView:
    """Judge every stage that spoke, and the reasoner, cameras and sensors that should have."""
    return _view(said, _expected(site), site, now, stale_after_s)


def judge_nodes(
    said: Mapping[str, Iterable[StageHealth]], site: Site, now: datetime, stale_after_s: float
) -> HealthView:
    """Judge the stages of several nodes, each by its own; one silent node makes all unknown.

    Cameras and sensors keep their names, since a site has each once; the others say whose they are
    (`core @edge-2`).
    """
    if len(said) == 1:
        return judge(next(iter(said.values())), site, now, stale_after_s)
    views: dict[str, StageView] = {}
    parts = {node: _view(rows, (), site, now, stale_after_s) for node, rows in said.items()}
    for node, part in parts.items():
        for stage in part.stages:
            own = stage.group not in ("camera", "sensor")
            named = replace(stage, stage=f"{stage.stage} @{node}" if own else stage.stage)
            there = views.get(named.stage)
            if there is None or _WORSE.index(named.health) < _WORSE.index(there.health):
                views[named.stage] = named
    for stage_name in _expected(site):
        if stage_name != "reasoner":
            views.setdefault(stage_name, _never_said(stage_name))
    silences = [part.silent_s for part in parts.values()]
    return HealthView(
        stages=tuple(sorted(views.values(), key=_order)),
        silent=any(part.silent for part in parts.values()) or not parts,
        silent_s=None if None in silences else max((s for s in silences if s), default=None),
        at=now,
    )


_WORSE = (Health.OFFLINE, Health.UNKNOWN, Health.DEGRADED, Health.STARTING, Health.READY)


def _never_said(stage: str) -> StageView:
    reason = "has not reported since the agent was set up: " + AGENT_MEND
    return StageView(stage, Health.UNKNOWN, reason, None, None, ())


def _view(
    said: Iterable[StageHealth],
    expected: Iterable[str],
    site: Site,
    now: datetime,
    stale_after_s: float,
) -> HealthView:
    rows = [row for row in said if _in_site(row.stage, site)]
    views = {row.stage: _judged(row, now, stale_after_s) for row in rows}
    for stage in expected:
        if stage not in views:
            views[stage] = _never_said(stage)
    newest = max((row.at for row in rows), default=None)
    silent_s = None if newest is None else (now - newest).total_seconds()
    return HealthView(
        stages=tuple(sorted(views.values(), key=_order)),
        silent=silent_s is None or abs(silent_s) > stale_after_s,
        silent_s=silent_s,
        at=now,
    )


def _judged(row: StageHealth, now: datetime, stale_after_s: float) -> StageView:
    age_s = (now - row.at).total_seconds()
    figures = tuple((key[:64], figure(value)) for key, value in list(row.figures.items())[:32])
    if age_s > stale_after_s:
        reason = f"no report for {age_s:.0f} s; it last said {row.health.value}"
        if row.reason:
            reason += f" ({row.reason})"
        return StageView(row.stage, Health.UNKNOWN, reason, age_s, row.health, figures)
    if age_s < -stale_after_s:
        reason = f"its time lies {-age_s:.0f} s in the future: set this box's clock"
        return StageView(row.stage, Health.UNKNOWN, reason, None, row.health, figures)
    age_s = max(0.0, age_s)
    return StageView(row.stage, row.health, row.reason, age_s, row.health, figures)


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


def unit_text(unit: str) -> str:
    """The unit as it is shown; a plain count (unit 1) has none."""
    return "" if unit == "1" else unit
