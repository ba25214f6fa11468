"""A camera is dark, frozen or offline: its area is not watched.

Each of the three is a hazard kind of its own, with an event of its own; they share the camera as
their subject, so that they form one incident. What follows a fault without a good picture between
holds the earlier finding; only a healthy picture clears.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.common import camera_of, expect
from hazard.rules.finding import (
    CLOCK_RESTART_S,
    Content,
    Events,
    Finding,
    Stamp,
    Subject,
    hold,
    off,
    on,
    resumed,
)
from hazard.site.models import Site
from hazard.site.rules import CameraHealthRule
from hazard.types import CameraReport, CameraState, Measured

START_GRACE_S = 20.0
"""Opening a stream and loading the detector may take this long before it counts as offline."""

FAULTS = (CameraState.DARK, CameraState.FROZEN, CameraState.OFFLINE)


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one camera.

    Attributes:
        camera_id: the camera.
        state: its last reported state.
        since_s: since when it has been in this state, monotonic.
        heard_s: when it was last heard of, or first waited for, monotonic.
        ever: whether it was ever heard of.
        findings: what stands, one for each of FAULTS.
    """

    camera_id: str
    state: CameraState = CameraState.STARTING
    since_s: float | None = None
    heard_s: float | None = None
    ever: bool = False
    findings: tuple[Finding, ...] = (Finding(), Finding(), Finding())


State = tuple[Health, ...]


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """One finding per camera and kind of fault."""

    judges_silence: ClassVar[bool] = True
    """What it finds cannot be found again in stored observations."""

    rule_id: str
    config: CameraHealthRule
    areas: tuple[tuple[str, str], ...]

    def initial(self) -> State:
        """No camera heard of yet."""
        return tuple(Health(camera_id) for camera_id, _ in self.areas)

    def resume(self, events: Events) -> State:
        """No camera heard of yet, with the findings that stood before a restart."""
        mine = resumed(self.rule_id, events)
        return tuple(
            Health(
                camera_id,
                findings=tuple(
                    Finding(
                        event=next(
                            (
                                event
                                for event in reversed(mine)
                                if (event.subject, event.hazard) == (camera_id, f"camera_{fault}")
                            ),
                            None,
                        )
                    )
                    for fault in FAULTS
                ),
            )
            for camera_id, _ in self.areas
        )

    def step(self, state: object, item: RuleInput) -> tuple[State, Events]:
        """The next state and what was found, held or cleared."""
        cameras = cast("State", state)
        if not isinstance(item, (CameraReport, Tick)) or not Stamp.of(item).usable:
            return cameras, ()
        now = item.at_monotonic_s
        following: list[Health] = []
        events: Events = ()
        for (_, area), health in zip(self.areas, cameras, strict=True):
            if isinstance(item, CameraReport):
                if item.camera_id != health.camera_id or _late(health, now):
                    following.append(health)
                    continue
                heard = _hear(health, item)
            else:
                heard = _wait(health, now)
            judged, found = self._judge(heard, area, item)
            following.append(judged)
            events += found
        return tuple(following), events

    def _judge(self, health: Health, area: str, item: CameraReport | Tick) -> tuple[Health, Events]:
        stamp = Stamp.of(item)
        fault, lasted_s, limit_s = self._fault(health, stamp.monotonic_s)
        findings: list[Finding] = []
        events: Events = ()
        for kind, finding in zip(FAULTS, health.findings, strict=True):
            if kind is fault:
                subject = Subject(self.rule_id, f"camera_{kind}", area, health.camera_id)
                content = _content(health.camera_id, kind, lasted_s, limit_s)
                after, found = on(finding, subject, stamp, content)
            elif isinstance(item, CameraReport) and item.state is CameraState.OK:
                after, found = off(finding, stamp, self.config.clear_after_s)
            elif fault is not None or health.state is not CameraState.OK:
                after, found = hold(replace(finding, on_since=None), stamp)
            else:
                after, found = finding, ()
            findings.append(after)
            events += found
        return replace(health, findings=tuple(findings)), events

    def _fault(self, health: Health, now: float) -> tuple[CameraState | None, float, float]:
        """The fault that has lasted long enough, how long, and the limit; None if there is none."""
        if health.state is CameraState.ENDED or health.heard_s is None:
            return None, 0.0, 0.0
        quiet_s = now - health.heard_s
        limit_s = self.config.offline_after_s
        if not health.ever:
            limit_s = max(limit_s, START_GRACE_S)
        if quiet_s > limit_s:
            return CameraState.OFFLINE, quiet_s, limit_s
        lasted_s = now - (health.since_s if health.since_s is not None else now)
        limits = {
            CameraState.DARK: (CameraState.DARK, self.config.dark_after_s),
            CameraState.FROZEN: (CameraState.FROZEN, self.config.frozen_after_s),
            CameraState.OFFLINE: (CameraState.OFFLINE, self.config.offline_after_s),
            CameraState.STARTING: (
                CameraState.OFFLINE,
                max(self.config.offline_after_s, START_GRACE_S),
            ),
        }
        if health.state not in limits:
            return None, 0.0, 0.0
        fault, limit_s = limits[health.state]
        return (fault, lasted_s, limit_s) if lasted_s >= limit_s else (None, 0.0, 0.0)


def _late(health: Health, now: float) -> bool:
    """Whether a report is older than the last one (and no restart of the clock)."""
    last = health.heard_s
    return health.ever and last is not None and last - CLOCK_RESTART_S < now < last


def _hear(health: Health, report: CameraReport) -> Health:
    now = report.at_monotonic_s
    restarted = health.heard_s is not None and now < health.heard_s
    same = health.ever and report.state is health.state and not restarted
    findings = health.findings
    if restarted:
        findings = tuple(finding.forget_times() for finding in findings)
    return replace(
        health,
        state=report.state,
        since_s=health.since_s if same else now,
        heard_s=now,
        ever=True,
        findings=findings,
    )


def _wait(health: Health, now: float) -> Health:
    """Time passes: before the first report the wait begins with the first tick."""
    return health if health.heard_s is not None else replace(health, heard_s=now, since_s=now)


def _content(camera_id: str, kind: CameraState, lasted_s: float, limit_s: float) -> Content:
    measured = Measured(
        name=str(kind), value=round(lasted_s, 2), unit="s", threshold=limit_s, source=camera_id
    )
    return Content(1.0, measured=(measured,), level=str(kind), sources=(camera_id,))


def build(rule_id: str, config: object, site: Site) -> Rule:
    """The rule for one entry of the site file.

    Raises:
        ConfigError: if a camera is unknown.
    """
    settings = expect(config, CameraHealthRule, rule_id)
    names = settings.cameras or tuple(site.cameras)
    areas = tuple((name, camera_of(site, rule_id, name).area) for name in dict.fromkeys(names))
    return CameraHealth(rule_id, settings, areas)
