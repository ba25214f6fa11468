"""What the core knows of the health of each stage, and how it is kept honest.

A stage that says nothing is never shown as healthy: a silent process is offline, a silent sensor
is degraded, and whoever reads old rows of the store must call them unknown.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.ipc import WorkerReport
from hazard.site.models import Site
from hazard.types import CameraReport, CameraState, Health, Quality, Reading, StageHealth

SILENT_AFTER_S = 4.0
"""A process reports every second; after four without a word it counts as offline."""
SENSOR_SILENT_AFTER_S = 15.0
STARTING_S = 60.0
"""How long after the core's start silence may still mean that something starts (a model loads)."""
SUPERVISOR_SILENT_AFTER_S = 5.0
FLAPS_FROM = 2
SETTLED_AFTER_S = 10.0
"""A process that failed twice or more in a row and was started again is not called ready before
it has lived this long: one that cannot have its port lives for some seconds each time."""

_CAMERA_HEALTH = {
    CameraState.OK: Health.READY,
    CameraState.ENDED: Health.DEGRADED,
    CameraState.STARTING: Health.STARTING,
    CameraState.DARK: Health.DEGRADED,
    CameraState.FROZEN: Health.DEGRADED,
    CameraState.OFFLINE: Health.OFFLINE,
}


@dataclass(slots=True)
class _CameraTally:
    """Counts over all lives of the vision group, and the mean rate while frames came."""

    base: tuple[int, int, int] = (0, 0, 0)
    last: tuple[int, int, int] = (0, 0, 0)
    first_monotonic_s: float = 0.0
    moved_monotonic_s: float = 0.0

    def take(self, report: CameraReport) -> None:
        """Add a report; a count that went back belongs to a new life."""
        now = (report.frames_read, report.frames_processed, report.frames_dropped)
        if now[0] < self.last[0]:
            self.base = tuple(b + n for b, n in zip(self.base, self.last, strict=True))  # type: ignore[assignment]
            self.last = (0, 0, 0)
        if now[1] > self.last[1]:
            self.first_monotonic_s = self.first_monotonic_s or report.at_monotonic_s
            self.moved_monotonic_s = report.at_monotonic_s
        self.last = now

    def figures(self) -> dict[str, Any]:
        """Totals as the report names them."""
        read, processed, dropped = (b + n for b, n in zip(self.base, self.last, strict=True))
        span_s = self.moved_monotonic_s - self.first_monotonic_s
        return {
            "frames_read": read,
            "frames_processed": processed,
            "frames_dropped": dropped,
            "fps_mean": round(processed / span_s, 2) if span_s > 1 else 0.0,
        }


class HealthBoard:
    """The last word of each stage."""

    def __init__(self) -> None:
        self._born_s = time.monotonic()
        self._stages: dict[str, StageHealth] = {}
        self._workers: dict[str, tuple[float, StageHealth]] = {}
        self._cameras: dict[str, tuple[float, CameraReport, _CameraTally]] = {}
        self._sensors: dict[str, tuple[float, Reading]] = {}

    def put(self, stage: str, health: Health, reason: str = "", **figures: Any) -> None:
        """Set a stage of the core itself."""
        self._stages[stage] = StageHealth(
            stage=stage,
            health=health,
            reason=reason[:500],
            at=datetime.now(UTC),
            figures=figures,
        )

    def drop(self, stage: str) -> None:
        """Show a stage of the core itself no longer: it is switched off."""
        self._stages.pop(stage, None)

    def worker(self, report: WorkerReport) -> None:
        """Take what the vision group or the reasoner says of itself."""
        stage = StageHealth(
            stage=report.role,
            health=report.health,
            reason=report.reason,
            at=report.at,
            figures=report.figures,
        )
        self._workers[report.role] = (time.monotonic(), stage)

    def replicated(self) -> int:
        """Up to which sequence the replica has everything; 0 while it has not said so."""
        _, stage = self._workers.get("replica", (0.0, None))
        position = stage.figures.get("position") if stage is not None else None
        return position if isinstance(position, int) else 0

    def worker_left(self, role: str) -> None:
        """The process is gone."""
        if role in self._workers:
            _, stage = self._workers[role]
            gone = {"health": Health.OFFLINE, "reason": "the process is gone; it is started again"}
            self._workers[role] = (time.monotonic(), stage.model_copy(update=gone))

    def camera(self, report: CameraReport) -> None:
        """Take a camera's report."""
        tally = self._cameras[report.camera_id][2] if report.camera_id in self._cameras else None
        tally = tally or _CameraTally()
        tally.take(report)
        self._cameras[report.camera_id] = (time.monotonic(), report, tally)

    def sensor(self, reading: Reading) -> None:
        """Take a sensor's reading."""
        self._sensors[reading.sensor_id] = (time.monotonic(), reading)

    def keep(self, *, cameras: set[str], sensors: set[str]) -> None:
        """Forget cameras and sensors that are no longer in the site file."""
        self._cameras = {k: v for k, v in self._cameras.items() if k in cameras}
        self._sensors = {k: v for k, v in self._sensors.items() if k in sensors}

    def unwatched(self, site: Site) -> dict[str, str]:
        """Areas that are not fully watched now, and why: one blind eye is enough.

        An area whose only camera is dark must not look clear, and neither must one where the
        camera sees and the gas sensor is silent.
        """
        now = time.monotonic()
        why: dict[str, list[str]] = {area: [] for area in site.areas}
        has_eyes = {camera.area for camera in site.cameras.values()}
        has_eyes |= {sensor.area for sensor in site.sensors.values()}
        for name, camera in site.cameras.items():
            stage = self._camera_stage(name, now)
            if stage.figures.get("state") != CameraState.OK or stage.health is not Health.READY:
                # Its own last word may still be "ok": from before it fell silent, say.
                state = stage.figures.get("state", CameraState.OK)
                said = stage.health if state == CameraState.OK else state
                why[camera.area].append(f"camera {name} is {said}")
        for name, sensor in site.sensors.items():
            stage = self._sensor_stage(name, now)
            if stage.health in (Health.OFFLINE, Health.STARTING):
                why[sensor.area].append(f"sensor {name}: {stage.reason}")
        for area in site.areas:
            if area not in has_eyes:
                why[area].append("neither camera nor sensor looks at it")
        return {area: "; ".join(reasons)[:500] for area, reasons in why.items() if reasons}

    def stages(self, site: Site) -> list[StageHealth]:
        """All stages, as they are now; configured ones that never spoke are offline."""
        now, at = time.monotonic(), datetime.now(UTC)
        found = [stage.model_copy(update={"at": at}) for stage in self._stages.values()]
        found += [self._worker_stage(at, stage, now) for at, stage in self._workers.values()]
        if site.cameras and "vision" not in self._workers:
            found.append(self._never_spoke("vision", now, "the vision group has not connected yet"))
        if site.notify.channels and "notifier" not in self._workers:
            why = (
                "the notifying process has not connected: with the first channel it needs a restart"
            )
            found.append(self._never_spoke("notifier", now, why))
        if site.store.replica_url is not None and "replica" not in self._workers:
            why = "the process that copies to the replica has not connected yet"
            found.append(self._never_spoke("replica", now, why))
        if "jobs" not in self._workers:
            why = "the process of the jobs has not connected yet"
            found.append(self._never_spoke("jobs", now, why))
        found += [self._camera_stage(name, now) for name in sorted(site.cameras)]
        found += [self._sensor_stage(name, now) for name in sorted(site.sensors)]
        return found

    def _never_spoke(self, stage: str, now: float, reason: str) -> StageHealth:
        """Starting for a while after the start, then offline: silence is never health."""
        starting = now - self._born_s < STARTING_S
        health = Health.STARTING if starting else Health.OFFLINE
        return StageHealth(stage=stage, health=health, reason=reason, at=datetime.now(UTC))

    def _worker_stage(self, at: float, stage: StageHealth, now: float) -> StageHealth:
        silent_s = now - at
        update: dict[str, Any] = {"at": datetime.now(UTC)}
        if silent_s > SILENT_AFTER_S and stage.health is not Health.OFFLINE:
            update |= {"health": Health.OFFLINE, "reason": f"silent for {silent_s:.0f} s"}
        return stage.model_copy(update=update)

    def _camera_stage(self, name: str, now: float) -> StageHealth:
        stage, at = f"camera/{name}", datetime.now(UTC)
        if name not in self._cameras:
            return self._never_spoke(stage, now, "the vision group has said nothing of it yet")
        seen, report, tally = self._cameras[name]
        health, reason = _CAMERA_HEALTH[report.state], report.reason
        if report.state is CameraState.ENDED:
            reason = f"its recording is over: no more pictures come; {reason}".removesuffix("; ")
        elif health is Health.READY and not report.watched:
            health, reason = Health.DEGRADED, "pictures come, and none is processed: see vision"
        silent_s = now - seen
        if silent_s > SILENT_AFTER_S:
            health, reason = Health.OFFLINE, f"no word of it for {silent_s:.0f} s"
        figures = tally.figures() | {
            "state": report.state.value,
            "fps": round(report.fps, 2),
            "restarts": report.restarts,
        }
        return StageHealth(stage=stage, health=health, reason=reason, at=at, figures=figures)

    def _sensor_stage(self, name: str, now: float) -> StageHealth:
        stage, at = f"sensor/{name}", datetime.now(UTC)
        if name not in self._sensors:
            return self._never_spoke(stage, now, "no reading yet: check topic and broker")
        seen, reading = self._sensors[name]
        silent_s = now - seen
        figures: dict[str, Any] = {
            "value": reading.value,
            "unit": reading.unit,
            "quality": reading.quality.value,
            "age_s": round(silent_s, 1),
        }
        health, reason = Health.READY, ""
        if silent_s > SENSOR_SILENT_AFTER_S:
            health, reason = Health.OFFLINE, f"no reading for {silent_s:.0f} s"
        elif reading.quality is not Quality.GOOD:
            health, reason = Health.DEGRADED, reading.note or f"quality {reading.quality}"
        return StageHealth(stage=stage, health=health, reason=reason, at=at, figures=figures)


def supervisor_stages(path: Path) -> list[StageHealth]:
    """The processes as the supervisor last wrote them; none if it is not there."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        processes = state["processes"].items()
        silent_s = (datetime.now(UTC) - datetime.fromisoformat(state["at"])).total_seconds()
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []
    found = []
    for name, process in processes:
        alive = bool(process.get("alive"))
        health = Health.READY if alive else Health.OFFLINE
        reason = "" if alive else f"{process.get('last_exit', '')}; it is started again"
        flaps = process.get("failures_in_row", 0) >= FLAPS_FROM
        if alive and flaps and _age_s(process) < SETTLED_AFTER_S:
            health, reason = Health.STARTING, f"just started again, after {process['last_exit']}"
        if silent_s > SUPERVISOR_SILENT_AFTER_S:
            health, reason = Health.UNKNOWN, f"the supervisor is silent for {silent_s:.0f} s"
        found.append(
            StageHealth(
                stage=f"process/{name}"[:64],
                health=health,
                reason=reason[:500],
                at=datetime.now(UTC),
                figures={"restarts": process.get("restarts", 0), "pid": process.get("pid")},
            )
        )
    return found


def _age_s(process: dict[str, Any]) -> float:
    """Seconds since the process was started; none where that is not known."""
    try:
        born = datetime.fromisoformat(process["started_at"])
        return (datetime.now(UTC) - born).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
